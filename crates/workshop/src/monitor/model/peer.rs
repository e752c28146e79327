//! One connection of a node.

use std::time::Duration;

use super::super::event::{Direction, Identity};
use super::super::rpc::PeerInfo;
use super::handshake::{Handshake, Progress};
use super::log::{Log, Logged, Remark};
use super::ping::Pings;
use super::rate::Traffic;

/// What is known of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// Empty while it is not known.
    pub(crate) addr: String,
    /// As Bitcoin Core calls it; empty while it is not known.
    pub(crate) connection_type: String,
    pub(crate) received: Traffic,
    pub(crate) sent: Traffic,
    handshake: Handshake,
    /// The node's pings, which the peer answers.
    pub(crate) pings_sent: Pings,
    /// The peer's pings, which the node answers.
    pub(crate) pings_received: Pings,
    pub(crate) last: Option<Last>,
    pub(crate) log: Log,
    /// What the node told of it last.
    pub(crate) info: Option<PeerInfo>,
    /// When we first heard of it.
    pub(crate) first: Duration,
    /// When the connection was made, if we saw that.
    pub(crate) opened: Option<Duration>,
    pub(crate) closed: Option<Duration>,
    pub(crate) evicted: bool,
    pub(crate) misbehaved: u64,
}

/// The latest message.
#[derive(Clone, Debug)]
pub(crate) struct Last {
    pub(crate) at: Duration,
    pub(crate) direction: Direction,
    pub(crate) kind: Box<str>,
}

/// What a message turned out to be.
pub(super) enum Recognised {
    Handshake {
        took: Duration,
    },
    Pong {
        /// Where the ping went.
        direction: Direction,
        took: Duration,
    },
}

impl Peer {
    pub(super) fn new(at: Duration) -> Self {
        Self {
            first: at,
            ..Self::default()
        }
    }

    pub(crate) fn is_inbound(&self) -> bool {
        self.connection_type == "inbound"
    }

    /// When anything was last heard of it.
    pub(crate) fn latest(&self) -> Duration {
        let last = self.last.as_ref().map(|last| last.at);
        self.first.max(last.unwrap_or_default())
    }

    /// How far the handshake is.
    pub(crate) fn handshake(&self) -> Progress {
        let told = self.info.as_ref().is_some_and(|info| info.version > 0);
        match self.handshake.progress() {
            // The node knows the peer's version, and we did not see it come.
            Progress::UnderWay if told && self.handshake.seen().next().is_none() => {
                Progress::Earlier
            }
            progress => progress,
        }
    }

    /// The messages of the handshake that were seen.
    pub(crate) fn handshake_seen(&self) -> impl Iterator<Item = (&'static str, Direction)> {
        self.handshake.seen()
    }

    /// Takes over what is new; says whether something was.
    pub(super) fn identify(&mut self, identity: &Identity<'_>) -> bool {
        let known = |new: &Option<std::borrow::Cow<'_, str>>, old: &mut String| {
            // A string whose page was not in memory reads as empty.
            let new = new.as_deref().filter(|new| !new.is_empty() && new != old);
            if let Some(new) = new {
                new.clone_into(old);
            }
            new.is_some()
        };
        let addr = known(&identity.addr, &mut self.addr);
        known(&identity.connection_type, &mut self.connection_type) || addr
    }

    pub(super) fn message(
        &mut self,
        at: Duration,
        direction: Direction,
        kind: &str,
        bytes: u64,
    ) -> Option<Recognised> {
        match direction {
            Direction::Inbound => self.received.add(at, bytes),
            Direction::Outbound => self.sent.add(at, bytes),
        }
        let recognised = self.recognise(at, direction, kind);
        self.last = Some(Last {
            at,
            direction,
            kind: kind.into(),
        });
        let remark = recognised.as_ref().map(|what| match what {
            Recognised::Handshake { took } => Remark::Handshake(*took),
            Recognised::Pong { took, .. } => Remark::After(*took),
        });
        let message = Logged::Message {
            direction,
            kind: kind.into(),
            bytes,
            remark,
        };
        self.log.push(at, message);
        recognised
    }

    fn recognise(&mut self, at: Duration, direction: Direction, kind: &str) -> Option<Recognised> {
        let took = self.handshake.see(direction, kind, at);
        if let Some(took) = took {
            return Some(Recognised::Handshake { took });
        }
        let (pings, of) = match (kind, direction) {
            ("ping", Direction::Outbound) | ("pong", Direction::Inbound) => {
                (&mut self.pings_sent, Direction::Outbound)
            }
            ("ping", Direction::Inbound) | ("pong", Direction::Outbound) => {
                (&mut self.pings_received, Direction::Inbound)
            }
            _ => return None,
        };
        if kind == "ping" {
            pings.ping(at);
            return None;
        }
        pings.pong(at).map(|took| Recognised::Pong {
            direction: of,
            took,
        })
    }
}

impl Peer {
    /// The round trip of the node's latest ping: as we saw it, else as the node told.
    pub(crate) fn ping(&self) -> Option<Duration> {
        let told = || Duration::try_from_secs_f64(self.info.as_ref()?.pingtime?).ok();
        self.pings_sent.last.or_else(told)
    }
}
