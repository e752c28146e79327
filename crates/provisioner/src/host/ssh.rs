//! One SSH connection to one host: its key pinned, no forwarding of any kind, deadlines and bounds on all.
//!
//! Participants are root on these hosts, so everything that comes back is hostile: output is cut at a
//! bound and made printable (`output.rs`), what the host asks of us is refused (`pinned.rs`), and no call
//! waits for ever.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle};
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::{
    AlgorithmKind, Channel, ChannelMsg, ChannelReadHalf, ChannelStream, ChannelWriteHalf,
    Disconnect, Preferred,
};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use crate::cloud::Endpoint;

use super::jump::Jump;
use super::keys::fingerprint;
use super::login::{self, Login, LoginError};
use super::output::{Bytes, Collected, Fetched, Output, Saved, Sink};
use super::pinned::Pinned;
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
    /// The host through which it is reached; none where it is reached directly.
    pub via: Option<Jump>,
}

impl Target {
    /// Root of a host of ours, which every provider gives us.
    pub fn root(name: &str, address: Endpoint, host_key: PublicKey) -> Self {
        Self {
            name: name.to_owned(),
            address: address.socket(),
            user: "root".to_owned(),
            host_key,
            via: None,
        }
    }
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
    /// None of the instructor's own keys is let in.
    #[error("{host}: lets `{user}` in by none of these keys: {}", tried.join(", "))]
    #[diagnostic(help(
        "Does `ssh {user}@…` get in from here? Name the account in `hosts.existing.user` and the file of the key in `hosts.existing.identity`."
    ))]
    RefusedOwn {
        /// The host's word, or the machine.
        host: String,
        /// The account.
        user: String,
        /// Their fingerprints, and where they are.
        tried: Vec<String>,
    },
    /// There is no key of the instructor's to try.
    #[error("{host}: there is no key to log in with as `{user}`: {why}")]
    #[diagnostic(help("{way_out}"))]
    NoKey {
        /// The host's word, or the machine.
        host: String,
        /// The account.
        user: String,
        /// What is wrong.
        why: String,
        /// What to do.
        way_out: String,
    },
    /// The host between us and it does not let us through.
    #[error("{host}: cannot be reached at {address} through the jump host {jump}")]
    #[diagnostic(help(
        "Is it running, and does the jump host get there? It must also allow TCP forwarding (AllowTcpForwarding in its sshd_config)."
    ))]
    Jump {
        /// The host's word.
        host: String,
        /// Where it should be.
        address: SocketAddr,
        /// The jump host.
        jump: SocketAddr,
        /// What that one said.
        source: Box<russh::Error>,
    },
    /// The connection broke, or the protocol did.
    #[error("{host}: the connection broke while {doing}")]
    #[diagnostic(help(
        "Did the host restart, or this machine's network change? Run the command again: it goes on where this one ended."
    ))]
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
    #[diagnostic(help(
        "The host may be overloaded or out of memory: look with `workshop ssh {host}`, then run the command again."
    ))]
    TimedOut {
        /// The host's word.
        host: String,
        /// What we were doing.
        doing: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// What was to be sent could not be read on this machine. The host was told to drop what it has.
    #[error("{host}: cannot read what is to be sent while {doing}")]
    #[diagnostic(help("Can the file still be read on this machine? Run the command again."))]
    Input {
        /// The host's word.
        host: String,
        /// What we were doing.
        doing: &'static str,
        /// Why not.
        source: std::io::Error,
    },
}

impl SshError {
    /// Whether nobody is there any more, as opposed to somebody who does not let us in.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Jump { .. }
            | Self::Broken { .. }
            | Self::TimedOut { .. } => true,
            Self::HostKey { .. }
            | Self::Refused { .. }
            | Self::RefusedOwn { .. }
            | Self::NoKey { .. }
            | Self::Input { .. } => false,
        }
    }
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

/// An authenticated connection.
pub struct Ssh {
    name: String,
    user: String,
    handle: Handle<Pinned>,
    /// The connection that this one goes through must outlive it.
    _through: Option<Arc<Handle<Pinned>>>,
}

impl Ssh {
    /// Connects once, within `deadline`.
    ///
    /// # Errors
    /// [`SshError`], and [`SshError::TimedOut`] at the latest after `deadline`.
    pub async fn connect(
        target: &Target,
        key: Arc<PrivateKey>,
        deadline: Duration,
    ) -> Result<Self, SshError> {
        Self::connect_as(target, &Login::Key(key), deadline).await
    }

    /// As [`Ssh::connect`], with whichever key.
    ///
    /// # Errors
    /// As [`Ssh::connect`]'s; [`SshError::RefusedOwn`] and [`SshError::NoKey`] where it is the instructor's own.
    pub async fn connect_as(
        target: &Target,
        login: &Login,
        deadline: Duration,
    ) -> Result<Self, SshError> {
        let timed_out = || SshError::TimedOut {
            host: target.name.clone(),
            doing: "connecting",
            after: deadline,
        };
        let connected = async {
            let through = match &target.via {
                None => None,
                Some(via) => Some(via.through(&target.name, target.address).await?),
            };
            let (stream, through) = through.map_or((None, None), |(stream, through)| {
                (Some(stream), Some(through))
            });
            Ok(Self {
                name: target.name.clone(),
                user: target.user.clone(),
                handle: handshake(target, login, stream).await?,
                _through: through,
            })
        };
        timeout(deadline, connected)
            .await
            .map_err(|_| timed_out())?
    }

    /// Connects as soon as the host answers, trying again until `deadline` has passed.
    ///
    /// Only "nobody answers yet" is tried again: a wrong host key or a refused key is final.
    ///
    /// # Errors
    /// [`SshError`]: what the last whole attempt met.
    pub async fn connect_when_up(
        target: &Target,
        key: Arc<PrivateKey>,
        deadline: Duration,
    ) -> Result<Self, SshError> {
        // One attempt may hang when packets are lost while a host boots.
        const ATTEMPT: Duration = Duration::from_secs(10);
        const PAUSE: Duration = Duration::from_millis(150);
        let end = Instant::now() + deadline;
        let mut met = None;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match Self::connect(target, Arc::clone(&key), ATTEMPT.min(left)).await {
                Ok(ssh) => return Ok(ssh),
                Err(error) if !error.is_gone() => return Err(error),
                // Our own deadline cut the last attempt short: what an earlier one met tells more.
                Err(SshError::TimedOut { .. }) if left < ATTEMPT && met.is_some() => {}
                Err(SshError::TimedOut { host, doing, .. }) => {
                    met = Some(SshError::TimedOut {
                        host,
                        doing,
                        after: deadline,
                    });
                }
                Err(error) => met = Some(error),
            }
            if Instant::now() + PAUSE >= end
                && let Some(error) = met
            {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The account that we are logged in to.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Runs a script as `sh -s`. A status other than 0 is an answer, not an error.
    ///
    /// # Errors
    /// [`SshError::Broken`] and [`SshError::TimedOut`].
    pub async fn run(&self, script: &Script, limits: Limits) -> Result<Output, SshError> {
        self.run_lines(script, limits, |_| {}).await
    }

    /// As [`Ssh::run`], handing on each line as it comes.
    ///
    /// Lines are printable already; one longer than 4096 bytes comes in pieces. Unlike the output they are
    /// not bounded in number: `on_line` must not collect them all.
    ///
    /// # Errors
    /// As [`Ssh::run`].
    pub async fn run_lines(
        &self,
        script: &Script,
        limits: Limits,
        on_line: impl FnMut(&str),
    ) -> Result<Output, SshError> {
        let mut collected = Collected::new(limits.output, on_line);
        self.exec(
            "sh -s",
            script.text().as_bytes(),
            limits.deadline,
            "running a script",
            &mut collected,
        )
        .await?;
        Ok(collected.finish())
    }

    /// Runs a script that reads `input`, and keeps its standard output as bytes: for files and documents, which
    /// are read and never printed. Once more than the bound came, the command is ended.
    ///
    /// `on_line` gets the lines of standard error, printable.
    ///
    /// # Errors
    /// As [`Ssh::run`], and [`SshError::Input`].
    pub async fn fetch(
        &self,
        script: &Script,
        input: impl AsyncRead + Unpin,
        limits: Limits,
        on_line: impl FnMut(&str),
    ) -> Result<Bytes, SshError> {
        let mut fetched = Fetched::new(limits.output, on_line);
        self.exec(
            &format!("sh -c {}", quote(script.text())),
            input,
            limits.deadline,
            "running a script",
            &mut fetched,
        )
        .await?;
        Ok(fetched.finish())
    }

    /// Runs a script and writes its standard output to `file`, at most as many bytes as the bound says. The output
    /// that is returned is standard error's.
    ///
    /// # Errors
    /// As [`Ssh::run`]. A file that cannot be written ends the command, which then has no status.
    pub async fn save(
        &self,
        script: &Script,
        file: &std::fs::File,
        limits: Limits,
    ) -> Result<Output, SshError> {
        let mut saved = Saved::new(file, limits.output);
        self.exec(
            &format!("sh -c {}", quote(script.text())),
            tokio::io::empty(),
            limits.deadline,
            "fetching a file",
            &mut saved,
        )
        .await?;
        Ok(saved.finish())
    }

    /// Writes the `size` bytes of `content` to `path` there, whole or not at all, readable by the
    /// account alone.
    ///
    /// `size` goes ahead because the end of its input tells a command nothing: it looks the same when
    /// all was sent, when the connection broke and when the deadline passed.
    ///
    /// # Errors
    /// As [`Ssh::run`], and [`SshError::Input`]. A content of another size is no error but a status other
    /// than 0, as a full disk is.
    pub async fn upload(
        &self,
        path: &str,
        content: impl AsyncRead + Unpin,
        size: u64,
        limits: Limits,
    ) -> Result<Output, SshError> {
        let mut script = Script::default()
            .with("path", path)
            .with("size", &size.to_string());
        script.push(UPLOAD);
        let mut collected = Collected::new(limits.output, |_: &str| {});
        self.exec(
            &format!("sh -c {}", quote(script.text())),
            content,
            limits.deadline,
            "uploading a file",
            &mut collected,
        )
        .await?;
        Ok(collected.finish())
    }

    async fn exec(
        &self,
        command: &str,
        input: impl AsyncRead + Unpin,
        deadline: Duration,
        doing: &'static str,
        sink: &mut impl Sink,
    ) -> Result<(), SshError> {
        let end = Instant::now() + deadline;
        let timed_out = |_| SshError::TimedOut {
            host: self.name.clone(),
            doing,
            after: deadline,
        };
        let failed = |failure| match failure {
            Failure::Connection(source) => SshError::Broken {
                host: self.name.clone(),
                doing,
                source: Box::new(source),
            },
            Failure::Input(source) => SshError::Input {
                host: self.name.clone(),
                doing,
                source,
            },
        };
        let channel = timeout_at(end, self.start(command))
            .await
            .map_err(timed_out)?
            .map_err(|error| failed(Failure::Connection(error)))?;
        let (mut reader, writer) = channel.split();
        let conversation = converse(&mut reader, &writer, input, sink);
        let result = match timeout_at(end, conversation).await {
            Ok(result) => result.map_err(failed),
            Err(elapsed) => Err(timed_out(elapsed)),
        };
        if !matches!(result, Ok(ControlFlow::Continue(()))) {
            // Or the command would go on printing down a connection that others still use. Not waited
            // for: a host that reads nothing more could hold us here.
            let _ = timeout(Duration::ZERO, writer.close()).await;
        }
        result.map(|_| ())
    }

    async fn start(&self, command: &str) -> Result<Channel<client::Msg>, russh::Error> {
        let channel = self.handle.channel_open_session().await?;
        channel.exec(false, command).await?;
        Ok(channel)
    }

    /// Says goodbye; the connection also ends when this is dropped.
    pub async fn close(self) {
        // As long as a goodbye may take; a host that reads nothing more would hold us here.
        const GOODBYE: Duration = Duration::from_secs(1);
        let goodbye = self.handle.disconnect(Disconnect::ByApplication, "", "");
        let _ = timeout(GOODBYE, goodbye).await;
    }
}

/// Connects, looks at the host key and logs in. With a stream it goes through that.
pub(super) async fn handshake(
    target: &Target,
    login: &Login,
    stream: Option<ChannelStream<client::Msg>>,
) -> Result<Handle<Pinned>, SshError> {
    let config = Arc::new(config());
    let pinned = Pinned {
        host_key: target.host_key.clone(),
    };
    let connected = match stream {
        None => client::connect(config, target.address, pinned).await,
        Some(stream) => client::connect_stream(config, stream, pinned).await,
    };
    let mut handle = connected.map_err(|error| match error {
        // A host of ours has an ed25519 key and no other, so one without any is somebody else's.
        russh::Error::UnknownKey
        | russh::Error::NoCommonAlgo {
            kind: AlgorithmKind::Key,
            ..
        } => SshError::HostKey {
            host: target.name.clone(),
            expected: fingerprint(&target.host_key),
        },
        source => SshError::Unreachable {
            host: target.name.clone(),
            address: target.address,
            source: Box::new(source),
        },
    })?;
    let (host, user) = (target.name.clone(), target.user.clone());
    match login::log_in(&mut handle, &target.user, login).await {
        Ok(()) => Ok(handle),
        Err(LoginError::Refused(tried)) if tried.is_empty() => {
            Err(SshError::Refused { host, user })
        }
        Err(LoginError::Refused(tried)) => Err(SshError::RefusedOwn { host, user, tried }),
        Err(LoginError::NoKey { why, help }) => Err(SshError::NoKey {
            host,
            user,
            why,
            way_out: help,
        }),
        Err(LoginError::Broken(source)) => Err(SshError::Broken {
            host,
            doing: "logging in",
            source: Box::new(source),
        }),
    }
}

pub(super) fn config() -> client::Config {
    client::Config {
        // Requests are small and each waits for its answer.
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 3,
        preferred: Preferred {
            key: [Algorithm::Ed25519].to_vec().into(),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

/// The far side of [`Ssh::upload`]: `path` and `size` are set in front of it.
const UPLOAD: &str = r#"
set -eu
umask 077
mkdir -p -- "$(dirname -- "$path")"
cat > "$path.part"
if [ "$(wc -c < "$path.part")" -ne "$size" ]; then
  rm -f -- "$path.part"
  echo "the file did not come whole" >&2
  exit 1
fi
mv -fT -- "$path.part" "$path"
"#;

/// Why a conversation with a command has no end.
enum Failure {
    Connection(russh::Error),
    Input(std::io::Error),
}

/// Sends the input and takes in the output, both at once: a host that prints a lot before it has read
/// its input would otherwise wait for us.
async fn converse(
    reader: &mut ChannelReadHalf,
    writer: &ChannelWriteHalf<client::Msg>,
    mut input: impl AsyncRead + Unpin,
    sink: &mut impl Sink,
) -> Result<ControlFlow<()>, Failure> {
    let send = async {
        // russh cuts it to what the host takes in one packet, 32 KiB with OpenSSH.
        let mut chunk = vec![0; 32 << 10];
        loop {
            let read = input.read(&mut chunk).await.map_err(Failure::Input)?;
            if read == 0 {
                break;
            }
            // The host went away, which the receiving half finds out too.
            if writer.data_bytes(chunk[..read].to_vec()).await.is_err() {
                return Ok(());
            }
        }
        let _ = writer.eof().await;
        Ok(())
    };
    let receive = async {
        loop {
            let more = match reader.wait().await {
                Some(ChannelMsg::Data { data }) => sink.take(false, &data),
                Some(ChannelMsg::ExtendedData { data, .. }) => sink.take(true, &data),
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    sink.ended(exit_status);
                    continue;
                }
                Some(ChannelMsg::Close) => return Ok(ControlFlow::Continue(())),
                Some(_) => continue,
                // No message can come any more, and the channel was not closed: the connection is gone.
                // The status may have come before.
                None if sink.has_ended() => return Ok(ControlFlow::Continue(())),
                None => return Err(Failure::Connection(russh::Error::Disconnect)),
            };
            if more.is_break() {
                return Ok(more);
            }
        }
    };
    tokio::pin!(send, receive);
    tokio::select! {
        // A command may end before it has read everything; its status tells more than what was left over.
        ended = &mut receive => ended,
        sent = &mut send => {
            sent?;
            receive.await
        }
    }
}
