//! What a node tells of its peers over RPC: those that were connected before we looked, and what no message
//! says.
//!
//! Core's own `bitcoin-cli` asks, with the options that the node itself was started with, so that the
//! configuration is understood as the node understands it. It runs as the node's user: a process can name any
//! file as its cookie, and root would read it and send it wherever that process likes.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use serde::Deserialize;

use super::event::clean;
use super::wake::Wake;
use crate::gather::tools;

/// How often the nodes are asked.
const EVERY: Duration = Duration::from_secs(10);
/// An answer takes milliseconds; a node that starts up takes longer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Options of a node that say where its RPC interface is and how to log in to it.
const OPTIONS: [&str; 12] = [
    "chain",
    "conf",
    "datadir",
    "regtest",
    "rpccookiefile",
    "rpcpassword",
    "rpcport",
    "rpcuser",
    "signet",
    "signetchallenge",
    "testnet",
    "testnet4",
];

/// What a node told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) peers: Vec<PeerInfo>,
    pub(crate) chain: Option<String>,
}

/// One entry of `getpeerinfo`, as far as we show it. Texts are fit for a terminal.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PeerInfo {
    pub(crate) id: i64,
    pub(crate) addr: String,
    pub(crate) network: String,
    /// Missing before version 0.21.
    pub(crate) connection_type: String,
    pub(crate) inbound: bool,
    /// On the wire, since the connection was made.
    pub(crate) bytessent: u64,
    pub(crate) bytesrecv: u64,
    /// Seconds since 1970.
    pub(crate) conntime: i64,
    /// Of the peer's `version` message; 0 before it came.
    pub(crate) version: u64,
    pub(crate) subver: String,
    /// `v1` or `v2`.
    pub(crate) transport_protocol_type: String,
    /// Seconds.
    pub(crate) pingtime: Option<f64>,
}

/// Where the nodes are asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// `HOST:PORT` instead of what a node's own options say.
    pub(crate) rpc: Option<String>,
    /// The file with the log-in for it.
    pub(crate) cookie: Option<PathBuf>,
}

/// One attempt to ask a node.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) pid: u32,
    /// Before the answer was made.
    pub(crate) at: Duration,
    pub(crate) answer: Result<Answer, String>,
}

/// Asks in a thread of its own: a node that does not answer holds nobody up.
#[derive(Debug)]
pub(crate) struct Asker {
    pids: Sender<Vec<u32>>,
    asked: Receiver<Asked>,
}

impl Asker {
    /// Starts asking; `clock` tells the time since the monitor's start.
    pub(crate) fn start(
        place: Place,
        wake: Wake,
        clock: impl Fn() -> Duration + Send + 'static,
    ) -> Self {
        let (pids, of) = channel();
        let (to, asked) = channel();
        // Ends when the other ends of its channels are gone.
        std::thread::spawn(move || ask_again_and_again(&place, &of, &to, &wake, &clock));
        Self { pids, asked }
    }

    /// Whom to ask from now on; they are asked at once.
    pub(crate) fn ask(&self, pids: Vec<u32>) {
        // The thread lives as long as we do.
        let _ = self.pids.send(pids);
    }

    /// What has come in.
    pub(crate) fn answers(&self) -> impl Iterator<Item = Asked> + '_ {
        self.asked.try_iter()
    }
}

fn ask_again_and_again(
    place: &Place,
    of: &Receiver<Vec<u32>>,
    to: &Sender<Asked>,
    wake: &Wake,
    clock: &impl Fn() -> Duration,
) {
    let mut pids = Vec::new();
    loop {
        match of.recv_timeout(EVERY) {
            Ok(new) => pids = new,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for pid in &pids {
            let at = clock();
            let answer = ask(*pid, place);
            let asked = Asked {
                pid: *pid,
                at,
                answer,
            };
            if to.send(asked).is_err() {
                return;
            }
            wake.wake();
        }
    }
}

/// Asks for the peers of the node that is this process.
pub(crate) fn peers(pid: u32, place: &Place) -> Result<Vec<PeerInfo>, String> {
    peers_of(&call(pid, place, "getpeerinfo")?)
}

/// Whether another node answers at a named place than this process: its log is no open file of the process.
pub(crate) fn is_another(pid: u32, place: &Place) -> bool {
    #[derive(Deserialize)]
    struct Info {
        logpath: PathBuf,
    }
    if place.rpc.is_none() {
        // Asked by the process's own options.
        return false;
    }
    let info = call(pid, place, "getrpcinfo").ok();
    let log = info.and_then(|text| serde_json::from_str::<Info>(&text).ok());
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
    match (log, files) {
        // A node may write none, and one of before version 0.21 does not tell.
        (Some(Info { logpath }), Ok(files)) if logpath.exists() => !files
            .filter_map(Result::ok)
            .any(|file| std::fs::read_link(file.path()).is_ok_and(|file| file == logpath)),
        _ => false,
    }
}

/// Has the node ask all of its peers whether they are there. It does so in a moment.
pub(crate) fn ping(pid: u32, place: &Place) -> Result<(), String> {
    call(pid, place, "ping").map(|_| ())
}

fn ask(pid: u32, place: &Place) -> Result<Answer, String> {
    let peers = peers(pid, place)?;
    let chain = call(pid, place, "getblockchaininfo")?;
    Ok(Answer {
        peers,
        chain: chain_of(&chain),
    })
}

fn peers_of(text: &str) -> Result<Vec<PeerInfo>, String> {
    let peers: Vec<PeerInfo> = serde_json::from_str(text)
        .map_err(|error| format!("getpeerinfo cannot be understood: {error}"))?;
    Ok(peers.into_iter().map(PeerInfo::cleaned).collect())
}

fn chain_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Info {
        chain: String,
    }
    let info: Info = serde_json::from_str(text).ok()?;
    Some(clean(info.chain.as_bytes()).into_owned())
}

impl PeerInfo {
    fn cleaned(mut self) -> Self {
        for text in [
            &mut self.addr,
            &mut self.network,
            &mut self.connection_type,
            &mut self.subver,
            &mut self.transport_protocol_type,
        ] {
            *text = clean(text.as_bytes()).into_owned();
        }
        if self.connection_type.is_empty() && self.inbound {
            "inbound".clone_into(&mut self.connection_type);
        }
        self
    }
}

fn call(pid: u32, place: &Place, method: &str) -> Result<String, String> {
    let mut command = match &place.rpc {
        Some(rpc) => {
            let mut command = Command::new("bitcoin-cli");
            command.arg(format!("-rpcconnect={rpc}"));
            if let Some(cookie) = &place.cookie {
                command.arg(format!("-rpccookiefile={}", cookie.display()));
            }
            command
        }
        None => as_the_node(pid)?,
    };
    command.arg(format!("-rpcclienttimeout={}", DEADLINE.as_secs() / 2));
    command.arg(method);
    let printed = tools::run(&mut command, DEADLINE)?;
    if printed.success {
        return Ok(printed.stdout);
    }
    let line = printed.stderr.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or("bitcoin-cli failed");
    let line = line.strip_prefix("error: ").unwrap_or(line);
    Err(clean(line.as_bytes()).into_owned())
}

/// `bitcoin-cli` for the node that this process is.
fn as_the_node(pid: u32) -> Result<Command, String> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let read = |name: &str| {
        fs_err::read(folder.join(name)).map_err(|error| format!("the node's options: {error}"))
    };
    let mut command = Command::new(client(&folder));
    command.args(options(&read("cmdline")?));
    // Its default folder is in its own home, and relative paths begin where it runs.
    command.env_remove("HOME");
    let environment = read("environ").unwrap_or_default();
    let home = environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(b"HOME="));
    if let Some(home) = home {
        command.env("HOME", String::from_utf8_lossy(home).as_ref());
    }
    if let Ok(folder) = std::fs::read_link(folder.join("cwd")) {
        command.current_dir(folder);
    }
    if rustix::process::geteuid().is_root() {
        let status = read("status")?;
        let (user, group) =
            user(&String::from_utf8_lossy(&status)).ok_or("the node's user cannot be found out")?;
        // The standard library drops the supplementary groups with it.
        command.gid(group).uid(user);
    }
    Ok(command)
}

/// The `bitcoin-cli` beside the node's program, else the one on the search path. It has no rights that the
/// node does not have.
fn client(folder: &Path) -> PathBuf {
    let beside = std::fs::read_link(folder.join("exe"))
        .ok()
        .map(|program| program.with_file_name("bitcoin-cli"))
        .filter(|client| client.is_file());
    beside.unwrap_or_else(|| "bitcoin-cli".into())
}

/// Those of a node's arguments that `bitcoin-cli` needs too. It refuses what it does not know.
fn options(cmdline: &[u8]) -> Vec<String> {
    let arguments = cmdline.split(|byte| *byte == 0).skip(1);
    arguments
        .filter_map(|argument| {
            let argument = std::str::from_utf8(argument).ok()?;
            let option = argument.strip_prefix('-')?;
            let option = option.strip_prefix('-').unwrap_or(option);
            let name = option.split_once('=').map_or(option, |(name, _)| name);
            OPTIONS.contains(&name).then(|| format!("-{option}"))
        })
        .collect()
}

/// The effective user and group in `/proc/PID/status`.
fn user(status: &str) -> Option<(u32, u32)> {
    let effective = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((effective("Uid:")?, effective("Gid:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_s_options_are_passed_on_and_no_others() {
        let cmdline = b"/nix/bin/bitcoind\0-conf=/etc/bitcoin/bitcoin.conf\0--datadir=/var/lib/x y\0-regtest\0\
            -startupnotify=systemd-notify --ready\0-dbcache=5\0-rpcport=18443\0conf=no\0";
        assert_eq!(
            options(cmdline),
            [
                "-conf=/etc/bitcoin/bitcoin.conf",
                "-datadir=/var/lib/x y",
                "-regtest",
                "-rpcport=18443"
            ]
        );
        assert!(options(b"").is_empty());
    }

    #[test]
    fn a_process_s_user_is_read() {
        let status = "Name:\tbitcoind\nUid:\t0\t990\t990\t990\nGid:\t0\t980\t980\t980\n";
        assert_eq!(user(status), Some((990, 980)));
        assert_eq!(user("Uid:\tx"), None);
    }

    #[test]
    fn what_a_node_tells_is_fit_for_a_terminal() {
        let text = r#"[{"id": 3, "addr": "10.0.0.2:8333", "inbound": true, "version": 70016,
            "subver": "/\u001b[2J/", "pingtime": 0.001, "unheard_of": {}}, {}]"#;
        let peers = peers_of(text).unwrap();
        assert_eq!(peers[0].subver, "/·[2J/");
        assert_eq!(peers[0].connection_type, "inbound");
        assert_eq!(peers[1], PeerInfo::default());
        assert!(
            peers_of("[{]")
                .unwrap_err()
                .starts_with("getpeerinfo cannot")
        );
    }
}
