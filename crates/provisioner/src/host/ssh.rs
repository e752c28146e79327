//! One SSH connection to one host: its key pinned, no forwarding of any kind, deadlines and bounds on all.
//!
//! Participants are root on these hosts, so everything that comes back is hostile: output is cut at a
//! bound, control bytes are replaced before anyone sees them, and no call waits for ever.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, AuthResult, Handle};
use russh::keys::{
    Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate,
};
use russh::{ChannelMsg, Disconnect, Preferred};
use tokio::io::AsyncRead;
use tokio::time::{Instant, timeout};

use super::script::{Script, quote};

/// Where a host is and how it proves that it is the one.
#[derive(Clone, Debug)]
pub struct Target {
    /// The host's word, for messages.
    pub name: String,
    /// Where its sshd listens.
    pub address: SocketAddr,
    /// The account we log in to.
    pub user: String,
    /// The only host key we accept.
    pub host_key: PublicKey,
}

/// What talking to a host can fail at. The host's name is in every message: many hosts run side by side.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SshError {
    /// No TCP connection, or no SSH behind it, within the deadline.
    #[error("{host}: cannot be reached at {address}")]
    #[diagnostic(help(
        "Is the host running (`workshop status`), and does a firewall or a VPN stand between?"
    ))]
    Unreachable {
        /// The host's word.
        host: String,
        /// Where it should be.
        address: SocketAddr,
        /// The last thing that went wrong.
        source: Box<russh::Error>,
    },
    /// Another key than the one this host was made with.
    #[error("{host}: the host key is not the one this host was made with (expected {expected})")]
    #[diagnostic(help(
        "Somebody else answers at this address, or the host was replaced. Nothing was sent to it. \
         If you trust nothing there, destroy it and provision again."
    ))]
    HostKey {
        /// The host's word.
        host: String,
        /// The SHA-256 fingerprint we have on record.
        expected: String,
    },
    /// The host runs and does not let us in.
    #[error("{host}: refuses our key for the account `{user}`")]
    #[diagnostic(help(
        "Was the account's authorized_keys changed on the host? It can be made anew with destroy and provision."
    ))]
    Refused {
        /// The host's word.
        host: String,
        /// The account.
        user: String,
    },
    /// The connection broke, or the protocol did.
    #[error("{host}: the connection broke while {doing}")]
    Broken {
        /// The host's word.
        host: String,
        /// What we were doing.
        doing: &'static str,
        /// What russh says.
        source: Box<russh::Error>,
    },
    /// No end within the deadline.
    #[error("{host}: no end after {} s of {doing}", after.as_secs())]
    TimedOut {
        /// The host's word.
        host: String,
        /// What we were doing.
        doing: &'static str,
        /// The deadline.
        after: Duration,
    },
}

/// Bounds on one remote command.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The command is given up after this long.
    pub deadline: Duration,
    /// Bytes of standard output that are kept; what comes after is read and dropped.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // A gather of facts takes under a second and prints a few kilobytes.
        Self {
            deadline: Duration::from_secs(60),
            output: 1 << 20,
        }
    }
}

/// What a remote command left.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit status; none when a signal ended it or the channel closed without one.
    pub status: Option<u32>,
    /// Standard output and standard error in the order they came, up to the bound.
    pub text: String,
    /// Whether more came than the bound allowed.
    pub cut: bool,
}

impl Output {
    /// Whether the command ended with status 0.
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// The last `n` lines that are not blank, for an error message.
    pub fn last_lines(&self, n: usize) -> Vec<String> {
        last_lines(&self.text, n)
    }
}

/// The last `n` lines of `text` that are not blank.
pub fn last_lines(text: &str, n: usize) -> Vec<String> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(n)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

/// An authenticated connection.
pub struct Ssh {
    name: String,
    handle: Handle<Pinned>,
}

impl Ssh {
    /// Connects once, within `deadline`.
    pub async fn connect(
        target: &Target,
        key: Arc<PrivateKey>,
        deadline: Duration,
    ) -> Result<Self, SshError> {
        let timed_out = || SshError::TimedOut {
            host: target.name.clone(),
            doing: "connecting",
            after: deadline,
        };
        timeout(deadline, Self::connect_now(target, key))
            .await
            .map_err(|_| timed_out())?
    }

    /// Connects as soon as the host answers, trying again until `deadline` has passed.
    ///
    /// Only "nobody answers yet" is tried again: a wrong host key or a refused key is final.
    pub async fn connect_when_up(
        target: &Target,
        key: Arc<PrivateKey>,
        deadline: Duration,
    ) -> Result<Self, SshError> {
        // One attempt may hang when packets are lost while a host boots.
        const ATTEMPT: Duration = Duration::from_secs(10);
        const PAUSE: Duration = Duration::from_millis(150);
        let end = Instant::now() + deadline;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let error = match Self::connect(target, Arc::clone(&key), ATTEMPT.min(left)).await {
                Ok(ssh) => return Ok(ssh),
                Err(error @ (SshError::HostKey { .. } | SshError::Refused { .. })) => {
                    return Err(error);
                }
                Err(error) => error,
            };
            if Instant::now() + PAUSE >= end {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn connect_now(target: &Target, key: Arc<PrivateKey>) -> Result<Self, SshError> {
        let config = client::Config {
            // Requests are small and each waits for its answer.
            nodelay: true,
            keepalive_interval: Some(Duration::from_secs(15)),
            keepalive_max: 3,
            preferred: Preferred {
                key: [Algorithm::Ed25519].to_vec().into(),
                ..Preferred::DEFAULT
            },
            ..client::Config::default()
        };
        let pinned = Pinned {
            host_key: target.host_key.clone(),
        };
        let mut handle = match client::connect(Arc::new(config), target.address, pinned).await {
            Ok(handle) => handle,
            Err(russh::Error::UnknownKey) => {
                return Err(SshError::HostKey {
                    host: target.name.clone(),
                    expected: target
                        .host_key
                        .fingerprint(russh::keys::HashAlg::Sha256)
                        .to_string(),
                });
            }
            Err(source) => {
                return Err(SshError::Unreachable {
                    host: target.name.clone(),
                    address: target.address,
                    source: Box::new(source),
                });
            }
        };
        let answer = handle
            .authenticate_publickey(&target.user, PrivateKeyWithHashAlg::new(key, None))
            .await
            .map_err(|source| SshError::Broken {
                host: target.name.clone(),
                doing: "logging in",
                source: Box::new(source),
            })?;
        match answer {
            AuthResult::Success => Ok(Self {
                name: target.name.clone(),
                handle,
            }),
            AuthResult::Failure { .. } => Err(SshError::Refused {
                host: target.name.clone(),
                user: target.user.clone(),
            }),
        }
    }

    /// Runs a script as `sh -s`. A status other than 0 is an answer, not an error.
    pub async fn run(&self, script: &Script, limits: Limits) -> Result<Output, SshError> {
        self.run_lines(script, limits, |_| {}).await
    }

    /// As [`Ssh::run`], handing on each line as it comes.
    pub async fn run_lines(
        &self,
        script: &Script,
        limits: Limits,
        on_line: impl FnMut(&str),
    ) -> Result<Output, SshError> {
        self.exec(
            "sh -s",
            script.text().as_bytes(),
            limits,
            "running a script",
            on_line,
        )
        .await
    }

    /// Writes `content` to `path` there, whole or not at all, readable by root alone.
    pub async fn upload(
        &self,
        path: &str,
        content: impl AsyncRead + Unpin,
        limits: Limits,
    ) -> Result<Output, SshError> {
        let command = format!(
            "umask 077; set -e; mkdir -p \"$(dirname {path})\"; cat > {path}.part; mv {path}.part {path}",
            path = quote(path)
        );
        self.exec(
            &format!("sh -c {}", quote(&command)),
            content,
            limits,
            "uploading a file",
            |_| {},
        )
        .await
    }

    async fn exec(
        &self,
        command: &str,
        input: impl AsyncRead + Unpin,
        limits: Limits,
        doing: &'static str,
        on_line: impl FnMut(&str),
    ) -> Result<Output, SshError> {
        let work = self.exec_now(command, input, limits, on_line);
        match timeout(limits.deadline, work).await {
            Ok(result) => result.map_err(|source| SshError::Broken {
                host: self.name.clone(),
                doing,
                source: Box::new(source),
            }),
            Err(_) => Err(SshError::TimedOut {
                host: self.name.clone(),
                doing,
                after: limits.deadline,
            }),
        }
    }

    async fn exec_now(
        &self,
        command: &str,
        input: impl AsyncRead + Unpin,
        limits: Limits,
        on_line: impl FnMut(&str),
    ) -> Result<Output, russh::Error> {
        let channel = self.handle.channel_open_session().await?;
        channel.exec(false, command).await?;
        let (mut reader, writer) = channel.split();
        // Both at once: a host that prints a lot before it has read its input would otherwise wait for us.
        let send = async {
            // A command that ends before it has read everything closes the channel; its status tells more.
            let _ = writer.data(input).await;
            let _ = writer.eof().await;
        };
        let receive = async {
            let mut collected = Collected::new(limits.output, on_line);
            while let Some(message) = reader.wait().await {
                match message {
                    ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => {
                        collected.add(&data)
                    }
                    ChannelMsg::ExitStatus { exit_status } => collected.status = Some(exit_status),
                    ChannelMsg::Close => break,
                    _ => {}
                }
            }
            collected.finish()
        };
        let ((), output) = tokio::join!(send, receive);
        if output.status.is_none() && self.handle.is_closed() {
            return Err(russh::Error::Disconnect);
        }
        Ok(output)
    }

    /// Says goodbye; the connection also ends when this is dropped.
    pub async fn close(self) {
        let _ = self
            .handle
            .disconnect(Disconnect::ByApplication, "", "")
            .await;
    }
}

/// Accepts one host key. russh's other callbacks keep their defaults, which refuse forwarding.
struct Pinned {
    host_key: PublicKey,
}

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        offered: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(
            matches!(offered, PublicKeyOrCertificate::PublicKey { key, .. }
            if key.key_data() == self.host_key.key_data()),
        )
    }
}

/// Output as it comes in: kept up to a bound, handed on line by line.
struct Collected<F> {
    kept: Vec<u8>,
    line: Vec<u8>,
    bound: usize,
    cut: bool,
    status: Option<u32>,
    on_line: F,
}

/// A longer line is handed on in pieces.
const LONGEST_LINE: usize = 4096;

impl<F: FnMut(&str)> Collected<F> {
    fn new(bound: usize, on_line: F) -> Self {
        Self {
            kept: Vec::new(),
            line: Vec::new(),
            bound,
            cut: false,
            status: None,
            on_line,
        }
    }

    fn add(&mut self, data: &[u8]) {
        let room = self.bound - self.kept.len();
        self.cut |= data.len() > room;
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
        for &byte in data {
            if byte == b'\n' || self.line.len() == LONGEST_LINE {
                (self.on_line)(&printable(&self.line));
                self.line.clear();
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
    }

    fn finish(mut self) -> Output {
        if !self.line.is_empty() {
            (self.on_line)(&printable(&self.line));
        }
        Output {
            status: self.status,
            text: printable(&self.kept),
            cut: self.cut,
        }
    }
}

/// Text without control characters but newline and tab, so that a host cannot drive our terminal.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .filter(|c| *c != '\r')
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{FFFD}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_bounded_and_cannot_drive_the_terminal() {
        let mut lines = Vec::new();
        let mut collected = Collected::new(8, |line: &str| lines.push(line.to_owned()));
        collected.add(b"ab\x1b[2J\ncd");
        collected.add(b"e\nend");
        let output = collected.finish();
        assert_eq!(output.text, "ab\u{FFFD}[2J\nc");
        assert!(output.cut);
        assert_eq!(lines, ["ab\u{FFFD}[2J", "cde", "end"]);
    }

    #[test]
    fn the_last_lines_are_those_with_text() {
        assert_eq!(last_lines("a\n\nb\n \nc\n", 2), ["b", "c"]);
        assert_eq!(last_lines("", 2), Vec::<String>::new());
    }
}
