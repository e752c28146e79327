//! Temporary nodes on a chain of their own: started for a check, in a folder of the check, and gone with it.
//!
//! A node runs as the participant, never as root, and talks to nobody but this machine.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jsonrpc::simple_http::SimpleHttpTransport;
use rustix::process::{Signal, geteuid};
use serde_json::Value;
use serde_json::value::RawValue;

use super::CouldNot;
use super::cancel::Cancel;
use super::process::{Ended, Process};
use super::scratch::Scratch;

/// A new regtest node answers after a second; a small busy server takes longer.
pub(crate) const START: Duration = Duration::from_secs(60);
/// A stop flushes to disk.
const STOP: Duration = Duration::from_secs(60);
/// Longer than any call on a chain of a few hundred blocks.
const CALL: Duration = Duration::from_secs(30);
/// A log line or two say why a node ended; the first lines never do.
const LAST_LINES: usize = 4;
/// The cookie file has a name, a colon and 64 digits.
const LONGEST_COOKIE: u64 = 1024;

/// The folder of a node's data, which several nodes may have one after the other. Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Datadir(Scratch);

impl Datadir {
    /// Makes an empty one, the participant's own.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new() -> Result<Self, CouldNot> {
        let scratch = Scratch::new()?;
        if let Some((user, group)) = participant() {
            std::os::unix::fs::chown(scratch.path(), Some(user), Some(group)).map_err(|error| {
                CouldNot::new(
                    format!("the node's folder cannot be the participant's: {error}"),
                    "is /tmp a usual file system?",
                )
            })?;
        }
        Ok(Self(scratch))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// How a node is started.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The `bitcoind` to run.
    pub(crate) program: PathBuf,
    /// Whether peers can connect to it, on this machine's loopback.
    pub(crate) listen: bool,
    /// More options.
    pub(crate) options: Vec<String>,
    /// The port for peers; none: one that is free.
    pub(crate) port: Option<u16>,
}

impl Setup {
    /// A node that peers can connect to.
    pub(crate) fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            listen: true,
            options: Vec::new(),
            port: None,
        }
    }
}

/// A running node. Dropping it kills it.
pub(crate) struct Node {
    process: Process,
    /// Made when the cookie is there.
    client: Option<jsonrpc::Client>,
    cookie: PathBuf,
    rpc: u16,
    peers: SocketAddr,
}

/// How a node is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// As `bitcoin-cli stop` does.
    Rpc,
    /// As `kill` does.
    Signal(Signal),
}

/// A call that was not answered with a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The node answered, with an error.
    #[error("{method}: {message} ({code})")]
    Refused {
        method: String,
        code: i32,
        message: String,
    },
    /// The node did not answer.
    #[error("{method}: {why}")]
    NoAnswer { method: String, why: String },
}

impl From<CallError> for CouldNot {
    fn from(error: CallError) -> Self {
        Self::new(
            format!("a temporary node failed at {error}"),
            "run the check again; if it stays so, start `bitcoind -regtest` yourself and try that call",
        )
    }
}

impl Node {
    /// Starts a node and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started, ends, does not answer in time, or the check was cancelled.
    pub(crate) fn start(
        setup: &Setup,
        datadir: &Datadir,
        cancel: &Cancel,
    ) -> Result<Self, CouldNot> {
        let mut node = Self::spawn(setup, datadir)?;
        node.until_it_answers(START, cancel)?;
        Ok(node)
    }

    /// Starts a node and does not wait.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn spawn(setup: &Setup, datadir: &Datadir) -> Result<Self, CouldNot> {
        let (rpc, free) = free_ports()?;
        let port = setup.port.unwrap_or(free);
        let mut command = Command::new(&setup.program);
        command
            .args(["-regtest", "-server", "-printtoconsole", "-nodebuglogfile"])
            .arg(format!("-datadir={}", datadir.path().display()))
            .arg(format!("-rpcport={rpc}"))
            // Nobody is asked for addresses, and no router for a port.
            .args(["-dnsseed=0", "-fixedseeds=0", "-discover=0", "-natpmp=0"])
            .args(["-listenonion=0", "-i2pacceptincoming=0"]);
        if setup.listen {
            command.arg(format!("-bind=127.0.0.1:{port}"));
        } else {
            command.arg("-listen=0");
        }
        command.args(&setup.options);
        if let Some((user, group)) = participant() {
            // The standard library drops the supplementary groups with it.
            command.gid(group).uid(user);
        }
        Ok(Self {
            process: Process::spawn(&mut command)?,
            client: None,
            cookie: datadir.path().join("regtest/.cookie"),
            rpc,
            peers: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        })
    }

    /// Waits until `getblockchaininfo` is answered.
    ///
    /// # Errors
    /// When it ends, does not answer in time, or the check was cancelled.
    pub(crate) fn until_it_answers(
        &mut self,
        deadline: Duration,
        cancel: &Cancel,
    ) -> Result<(), CouldNot> {
        let Self {
            process,
            client,
            cookie,
            rpc,
            ..
        } = self;
        let answers = process.until(deadline, cancel, |_| {
            if client.is_none() {
                *client = read_cookie(cookie).and_then(|cookie| connect(*rpc, &cookie));
            }
            let client = client.as_ref();
            client.is_some_and(|client| ask(client, "getblockchaininfo", &[]).is_ok())
        })?;
        if answers {
            return Ok(());
        }
        let why = match self.ended() {
            Some(status) => {
                self.process.read_to_the_end();
                format!("a temporary node ended with {status}")
            }
            None => format!(
                "a temporary node did not answer within {} s",
                deadline.as_secs()
            ),
        };
        Err(CouldNot::new(
            format!("{why}: {}", self.last_lines()),
            "start it yourself to see more: bitcoind -regtest",
        ))
    }

    /// Calls a method.
    ///
    /// # Errors
    /// When the node refuses or does not answer.
    pub(crate) fn call(&self, method: &str, params: &[Value]) -> Result<Value, CallError> {
        match &self.client {
            Some(client) => ask(client, method, params),
            None => Err(CallError::NoAnswer {
                method: method.to_owned(),
                why: "the node has not started yet".to_owned(),
            }),
        }
    }

    /// Connects to another node and waits until both have shaken hands.
    ///
    /// # Errors
    /// When they do not, or the check was cancelled.
    pub(crate) fn connect_to(&mut self, other: &Self, cancel: &Cancel) -> Result<(), CouldNot> {
        let (before, other_before) = (self.handshakes()?, other.handshakes()?);
        self.call(
            "addnode",
            &[other.peers.to_string().into(), "onetry".into()],
        )?;
        let client = self.client.as_ref();
        let met = self.process.until(START, cancel, |_| {
            let here = client.map_or(Ok(0), handshakes);
            here.is_ok_and(|count| count > before)
                && other.handshakes().is_ok_and(|count| count > other_before)
        })?;
        if met {
            return Ok(());
        }
        Err(CouldNot::new(
            format!(
                "two temporary nodes did not become peers within {} s",
                START.as_secs()
            ),
            "run the check again",
        ))
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time, or the check was cancelled; it is killed then.
    pub(crate) fn stop(self, how: Stop, cancel: &Cancel) -> Result<Ended, CouldNot> {
        match how {
            Stop::Rpc => {
                self.call("stop", &[])?;
            }
            Stop::Signal(signal) => self.process.signal(signal),
        }
        self.wait(STOP, cancel)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in time, or the check was cancelled; it is killed then.
    pub(crate) fn wait(self, deadline: Duration, cancel: &Cancel) -> Result<Ended, CouldNot> {
        self.process.wait(deadline, cancel)
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.process.ended()
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where peers reach it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.peers
    }

    /// What it said last, for people.
    pub(crate) fn last_lines(&self) -> String {
        let log = self.process.stdout() + &self.process.stderr();
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(LAST_LINES);
        match &lines[from..] {
            [] => "it said nothing".to_owned(),
            last => last.join(" / "),
        }
    }

    fn handshakes(&self) -> Result<usize, CallError> {
        self.client.as_ref().map_or(Ok(0), handshakes)
    }
}

/// The participant, when we are root on their behalf.
pub(crate) fn participant() -> Option<(u32, u32)> {
    let number = |name| std::env::var(name).ok()?.parse().ok();
    geteuid()
        .is_root()
        .then(|| Some((number("SUDO_UID")?, number("SUDO_GID")?)))?
}

/// Two ports that nobody has at this moment. A node that finds one taken says so and ends.
fn free_ports() -> Result<(u16, u16), CouldNot> {
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let ports = || {
        let (one, other) = (listen()?, listen()?);
        Ok((one.local_addr()?.port(), other.local_addr()?.port()))
    };
    ports().map_err(|error: std::io::Error| {
        CouldNot::new(
            format!("there is no free port on this machine: {error}"),
            "is the loopback device up? `ip addr show lo`",
        )
    })
}

/// The folder is the participant's, who could put a link to any file there: root follows none.
fn read_cookie(path: &Path) -> Option<String> {
    let nofollow = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(nofollow.bits()).ok()?)
        .open(path)
        .ok()?;
    let mut text = String::new();
    file.take(LONGEST_COOKIE).read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

fn connect(port: u16, cookie: &str) -> Option<jsonrpc::Client> {
    let transport = SimpleHttpTransport::builder()
        .url(&format!("http://127.0.0.1:{port}/"))
        .ok()?
        .timeout(CALL)
        .cookie_auth(cookie)
        .build();
    Some(jsonrpc::Client::with_transport(transport))
}

fn ask(client: &jsonrpc::Client, method: &str, params: &[Value]) -> Result<Value, CallError> {
    let no_answer = |why: String| CallError::NoAnswer {
        method: method.to_owned(),
        why,
    };
    let params: Box<RawValue> =
        serde_json::value::to_raw_value(params).map_err(|error| no_answer(error.to_string()))?;
    client
        .call(method, Some(&params))
        .map_err(|error| match error {
            jsonrpc::Error::Rpc(error) => CallError::Refused {
                method: method.to_owned(),
                code: error.code,
                message: error.message,
            },
            error => no_answer(error.to_string()),
        })
}

/// How many peers have told their version.
fn handshakes(client: &jsonrpc::Client) -> Result<usize, CallError> {
    let peers = ask(client, "getpeerinfo", &[])?;
    Ok(peers.as_array().map_or(0, |peers| {
        peers
            .iter()
            .filter(|peer| peer["version"].as_u64() > Some(0))
            .count()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A program in the place of bitcoind.
    fn program(folder: &Path, script: &str) -> Setup {
        let path = folder.join("bitcoind");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Setup::new(path)
    }

    #[test]
    fn a_node_that_ends_says_why() {
        let cancel = Cancel::on_signals().unwrap();
        let datadir = Datadir::new().unwrap();
        let script = "echo log; echo 'Error: Unable to bind' >&2; exit 1";
        let setup = program(datadir.path(), script);
        let why = Node::start(&setup, &datadir, &cancel).err().unwrap().why;
        assert_eq!(
            why,
            "a temporary node ended with exit status: 1: log / Error: Unable to bind"
        );
    }

    #[test]
    fn a_node_that_never_answers_is_given_up() {
        let cancel = Cancel::on_signals().unwrap();
        let datadir = Datadir::new().unwrap();
        let setup = program(datadir.path(), "exec sleep 600");
        let mut node = Node::spawn(&setup, &datadir).unwrap();
        let why = node.until_it_answers(Duration::from_millis(50), &cancel);
        assert_eq!(
            why.unwrap_err().why,
            "a temporary node did not answer within 0 s: it said nothing"
        );
        let (pid, folder) = (node.pid(), datadir.path().to_owned());
        drop((node, datadir));
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(!folder.exists());
    }

    #[test]
    fn a_link_in_the_cookie_s_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, cookie) = (folder.path().join("secret"), folder.path().join(".cookie"));
        std::fs::write(&secret, "x:y").unwrap();
        assert_eq!(read_cookie(&secret).as_deref(), Some("x:y"));
        std::os::unix::fs::symlink(&secret, &cookie).unwrap();
        assert_eq!(read_cookie(&cookie), None);
    }
}
