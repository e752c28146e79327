//! What task 2 looks at: the server's node for a few seconds, traced and asked, and what `workshop monitor` has
//! recorded.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use exercises::evidence::Observed;
use exercises::recording::{self, What};
use exercises::tasks::task2::{Peer, Recorded, Seen, Window};
use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::Places;
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::root::{self, Observation};
use crate::monitor::model::Model;
use crate::monitor::rpc::{self, PeerInfo, Place};
use crate::monitor::source::MessageSource as _;
use crate::monitor::target::choose;
use crate::monitor::usdt::Usdt;
use crate::participant::answers::Store;
use crate::participant::{Host, state_folder};
use crate::progress::Doing;

/// A record has at most 4 MiB of each session, and is moved aside when it is larger; what is read of it.
const READ: u64 = 16 << 20;
/// So many sessions are looked at, the latest.
const SESSIONS: usize = 50;
/// A pong comes after milliseconds from here and after a second from the other side of the world.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) fn look(host: &Host, places: &Places, cancel: &Cancel, doing: &Doing) -> Seen {
    doing.say("traces the node while it pings its peers");
    // The root side starts in another folder.
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let request = Look {
        binary: places.binary.as_ref().map(absolute),
        rpc: places.rpc.clone(),
        cookie: places.cookie.as_ref().map(absolute),
    };
    let window: Observed<Window> = match root::observe(&request, cancel) {
        Ok(window) => Observed::Known(window),
        Err(could_not) => could_not.into(),
    };
    let own = match &window {
        Observed::Known(window) => Some(PathBuf::from(&window.program)),
        Observed::Unknown { .. } => host.node_binary.clone(),
    };
    Seen {
        window,
        answered: answered(places),
        sessions: sessions(own.as_deref(), host.node_binary.as_deref()),
    }
}

fn answered(places: &Places) -> Option<Timestamp> {
    let path = Store::path_or_own(places.answers.as_deref()).ok()?;
    let changed = std::fs::metadata(path).ok()?.modified().ok()?;
    Timestamp::try_from(changed).ok()
}

/// The recorded sessions, the oldest first. A record that cannot be read is none.
fn sessions(own: Option<&Path>, installed: Option<&Path>) -> Vec<Recorded> {
    let text = state_folder()
        .ok()
        .and_then(|folder| read(&folder.join("workshop/monitor.jsonl")).ok())
        .unwrap_or_default();
    let (sessions, _) = recording::read(&text);
    let mut recorded: Vec<Recorded> = sessions
        .into_values()
        .map(|session| {
            let program = session.program.as_deref().map(Path::new);
            // Where nothing is known of a node of the server's, every node is meant.
            let is_own = match (program, own.or(installed)) {
                (Some(program), Some(_)) => [own, installed]
                    .into_iter()
                    .flatten()
                    .any(|one| same(program, one)),
                _ => true,
            };
            Recorded::new(&session, is_own)
        })
        .collect();
    recorded.sort_by_key(|session| session.last);
    recorded.drain(..recorded.len().saturating_sub(SESSIONS));
    recorded
}

fn same(one: &Path, other: &Path) -> bool {
    one == other
        || one
            .canonicalize()
            .is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// The end of a file. What is cut off in the middle of a line is passed over.
fn read(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ)))?;
    let mut bytes = Vec::new();
    file.take(READ).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Traces the node and asks it, as root.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Look {
    binary: Option<PathBuf>,
    rpc: Option<String>,
    cookie: Option<PathBuf>,
}

impl Observation for Look {
    const NAME: &'static str = "task2";
    type Seen = Window;

    fn look(&self, cancel: &Cancel) -> Result<Window, CouldNot> {
        let of = |report: miette::Report| CouldNot::of(report.as_ref());
        let host = Host::here().map_err(of)?;
        let chosen = choose(self.binary.as_deref(), &host).map_err(of)?;
        let mut source = Usdt::attach(&chosen).map_err(|error| CouldNot::of(&error))?;
        let standing = source.look().map_err(of)?;
        let Some(pid) = standing.pids.first().copied() else {
            return Err(CouldNot::new(
                format!("{} does not run", source.program()),
                "start it: sudo systemctl start bitcoind",
            ));
        };
        let place = Place {
            rpc: self.rpc.clone(),
            cookie: self.cookie.clone(),
        };
        let ask = || {
            let peers = rpc::peers(pid, &place);
            peers.map_err(|why| {
                CouldNot::new(
                    format!("the node cannot be asked: {why}"),
                    "does `bitcoin-cli getpeerinfo` work?",
                )
            })
        };
        let start = Instant::now();
        let before = ask()?;
        if rpc::is_another(pid, &place) {
            return Err(CouldNot::new(
                format!(
                    "another node answers at {} than {}",
                    place.rpc.unwrap_or_default(),
                    source.program()
                ),
                "name that node's RPC interface, or none: its own options tell where it is",
            ));
        }
        let pinged = rpc::ping(pid, &place).is_ok();
        let mut window = Window {
            program: source.program(),
            millis: 0,
            before: before.into_iter().map(peer).collect(),
            after: vec![],
            pinged,
            messages: 0,
            pongs: 0,
            handshakes: 0,
            lost: 0,
        };
        let mut model = Model::default();
        while window.pongs == 0 && start.elapsed() < PATIENCE {
            wait(&source, cancel)?;
            let mut messages = 0;
            source.drain(&mut |event| {
                if event.pid == pid {
                    messages += u64::from(matches!(
                        event.what,
                        crate::monitor::event::What::Message { .. }
                    ));
                    model.apply(event);
                }
            });
            window.messages += messages;
            for note in model.take_notes() {
                match note.what {
                    What::PingPong { .. } => window.pongs += 1,
                    What::Handshake { .. } => window.handshakes += 1,
                    _ => {}
                }
            }
            if window.before.is_empty() && window.messages == 0 && start.elapsed() > PATIENCE / 5 {
                // Nobody is there who could answer.
                break;
            }
        }
        window.lost = source.look().map_err(of)?.lost;
        window.after = ask()?.into_iter().map(peer).collect();
        window.millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(window)
    }
}

/// Waits for events, but not for long.
fn wait(source: &Usdt, cancel: &Cancel) -> Result<(), CouldNot> {
    let moment = Timespec::try_from(Duration::from_millis(200)).ok();
    let ready = source.ready();
    let mut either = [
        PollFd::new(&ready, PollFlags::IN),
        PollFd::new(cancel, PollFlags::IN),
    ];
    let _ = poll(&mut either, moment.as_ref());
    if cancel.is_set() {
        return Err(CouldNot::cancelled());
    }
    Ok(())
}

fn peer(info: PeerInfo) -> Peer {
    Peer {
        id: info.id,
        connection_type: info.connection_type,
        since: Timestamp::from_second(info.conntime).unwrap_or_default(),
    }
}
