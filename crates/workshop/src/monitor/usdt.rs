//! Events from the tracepoints that Bitcoin Core has today.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use probe::usdt::ProbeId;
use probe::{Event, Part, Probe, Session, Target};

use super::event::{Direction, Identity, NetEvent, What, clean};
use super::source::{MessageSource, Standing};
use super::target::{Chosen, runs_in};
use crate::commands::trace::target::file;

/// What is told of: `net:` and this.
const TRACEPOINTS: [(&str, Kind); 7] = [
    ("inbound_message", Kind::Message(Direction::Inbound)),
    ("outbound_message", Kind::Message(Direction::Outbound)),
    // These came with version 29.
    ("inbound_connection", Kind::Connected),
    ("outbound_connection", Kind::Connected),
    ("closed_connection", Kind::Closed),
    ("evicted_inbound_connection", Kind::Evicted),
    ("misbehaving_connection", Kind::Misbehaving),
];

/// Bytes for strings, with their NULs. Tor v3 addresses have 62 characters and a port of 6.
const ADDRESS: u16 = 62 + 6 + 1;
/// `outbound-full-relay` has 19.
const CONNECTION_TYPE: u16 = 20 + 1;
/// 12 on the wire (v1 transport); there is room for those that do not keep to that.
const MESSAGE_TYPE: u16 = 20 + 1;
/// The longest in Bitcoin Core 31 has about 60 characters; what does not fit is cut.
const REASON: u16 = 112;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Message(Direction),
    Connected,
    Closed,
    Evicted,
    Misbehaving,
}

/// A session on the tracepoints that the program has of those above.
pub(crate) struct Usdt {
    session: Session,
    /// By the probe's index in the session.
    tracepoints: Vec<(&'static str, Kind)>,
    /// The one process that is traced, when it is only one.
    pid: Option<u32>,
    /// Only processes of this systemd unit count.
    unit: Option<&'static str>,
    /// Processes that have been looked at: whether they count.
    known: Vec<(u32, bool)>,
}

impl Usdt {
    /// Attaches. The two tracepoints of messages must be there; the others are left out where they are not.
    pub(crate) fn attach(chosen: &Chosen) -> Result<Self, probe::Error> {
        let file = file(&chosen.target);
        // The rights are looked at first by `attach`, and a file that cannot be read is its error too.
        let has = probe::usdt::read_file(&file).ok();
        let wanted: Vec<_> = TRACEPOINTS
            .iter()
            .filter(|(name, kind)| {
                let required = matches!(kind, Kind::Message(_));
                let there = has.as_ref().is_some_and(|has| {
                    let mut all = has.tracepoints.iter();
                    all.any(|one| one.id.provider == "net" && one.id.name == *name)
                });
                required || there
            })
            .copied()
            .collect();
        let probes = wanted.iter().map(|(name, kind)| {
            let probe = Probe::new(ProbeId::new("net", name));
            probe.stream(kind.parts())
        });
        let session = Session::attach(&chosen.target, probes)?;
        Ok(Self {
            session,
            tracepoints: wanted,
            pid: match chosen.target {
                Target::Pid(pid) => Some(pid),
                Target::Path(_) => None,
            },
            unit: chosen.unit,
            known: Vec::new(),
        })
    }
}

impl Kind {
    fn parts(self) -> Vec<Part> {
        let text = |arg, capacity| Part::Text { arg, capacity };
        match self {
            Self::Message(_) => vec![
                text(1, ADDRESS),
                text(2, CONNECTION_TYPE),
                text(3, MESSAGE_TYPE),
            ],
            Self::Connected | Self::Closed | Self::Evicted => {
                vec![text(1, ADDRESS), text(2, CONNECTION_TYPE)]
            }
            Self::Misbehaving => vec![text(1, REASON)],
        }
    }
}

impl MessageSource for Usdt {
    fn program(&self) -> String {
        self.session.path().display().to_string()
    }

    fn tells(&self) -> Vec<String> {
        let all = self.tracepoints.iter();
        all.map(|(name, _)| format!("net:{name}")).collect()
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.session.as_fd()
    }

    fn drain(&mut self, each: &mut dyn FnMut(&NetEvent<'_>)) -> usize {
        let Self {
            session,
            tracepoints,
            unit,
            known,
            ..
        } = self;
        session.drain(|event| {
            if let Some((_, kind)) = tracepoints.get(event.probe)
                && counts(event, *unit, known)
                && let Some(event) = understand(*kind, event)
            {
                each(&event);
            }
        })
    }

    fn look(&mut self) -> miette::Result<Standing> {
        self.session.follow()?;
        let running = self.session.running();
        let counted = self.session.counted()?;
        let lost = counted.probes.iter().map(|probe| probe.lost.dropped).sum();
        let ended = self.session.ended();
        let pids = match self.pid {
            Some(pid) if !ended => vec![pid],
            Some(_) => Vec::new(),
            None => running.pids,
        };
        let unit = self.unit;
        let ours = |pid: &u32| unit.is_none_or(|unit| runs_in(*pid, unit));
        // A number may be used again by another process.
        self.known.retain(|(pid, _)| pids.contains(pid));
        Ok(Standing {
            pids: pids.into_iter().filter(ours).collect(),
            others: running.others,
            lost,
            ended,
        })
    }

    fn now(&self) -> Duration {
        self.session.since_start()
    }
}

/// Whether the event is of a process that we watch.
fn counts(event: &Event<'_>, unit: Option<&str>, known: &mut Vec<(u32, bool)>) -> bool {
    // Of another pid namespace, such as another container with the same file: not this machine's.
    if event.foreign {
        return false;
    }
    let Some(unit) = unit else { return true };
    if let Some((_, counts)) = known.iter().find(|(pid, _)| *pid == event.pid) {
        return *counts;
    }
    let counts = runs_in(event.pid, unit);
    known.push((event.pid, counts));
    counts
}

/// An event in our words; none when not even its peer could be read.
fn understand<'a>(kind: Kind, event: &Event<'a>) -> Option<NetEvent<'a>> {
    let text = |arg: usize| event.bytes(arg).map(clean);
    let identity = || Identity {
        addr: text(1),
        connection_type: text(2),
    };
    let peer = i64::try_from(event.value(0)?.get()).ok()?;
    let what = match kind {
        Kind::Message(direction) => What::Message {
            identity: identity(),
            direction,
            kind: text(3),
            bytes: u64::try_from(event.value(4)?.get()).ok()?,
        },
        Kind::Connected => What::Connected(identity()),
        Kind::Closed => What::Closed(identity()),
        Kind::Evicted => What::Evicted(identity()),
        Kind::Misbehaving => What::Misbehaving { reason: text(1) },
    };
    Some(NetEvent {
        at: event.since_start,
        pid: event.pid,
        peer,
        what,
    })
}
