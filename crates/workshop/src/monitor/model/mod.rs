//! From events to peers: who is connected, what is said, how fast, and what it means. Does no input or output.

mod handshake;
mod log;
mod peer;
mod ping;
mod rate;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(crate) use exercises::recording::PeerId;
use exercises::recording::{Source, What as Noted};

use super::event::{Direction, Identity, NetEvent, What};
use super::rpc::{Answer, PeerInfo};

pub(crate) use self::handshake::Progress;
pub(crate) use self::log::{Entry, Logged, Remark};
pub(crate) use self::peer::Peer;
pub(crate) use self::rate::Traffic;

use self::peer::Recognised;

/// Ended connections that are kept to be looked at.
const CLOSED: usize = 100;
/// All connections that are kept: many more than a node has by default (125).
const PEERS: usize = 2048;
/// What the graph at the top shows, in seconds.
pub(crate) const HISTORY: usize = 60;
/// A connection that the node's answer does not mention is gone, unless it is younger than this.
const YOUNG: Duration = Duration::from_secs(2);

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) peers: BTreeMap<PeerId, Peer>,
    /// By process.
    pub(crate) nodes: BTreeMap<u32, Node>,
    pub(crate) received: Traffic<HISTORY>,
    pub(crate) sent: Traffic<HISTORY>,
    /// Events that are missing.
    pub(crate) lost: u64,
    /// Ended connections, in the order of their ends.
    closed: VecDeque<PeerId>,
    notes: Vec<Note>,
}

/// A node's process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) ended: bool,
    /// `testnet4` and so on, as the node calls it.
    pub(crate) chain: Option<String>,
    /// Why the node could not be asked.
    pub(crate) unasked: Option<String>,
}

/// Something worth writing down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub(crate) at: Duration,
    pub(crate) what: Noted,
}

impl Model {
    pub(crate) fn apply(&mut self, event: &NetEvent<'_>) {
        let at = event.at;
        let id = PeerId {
            pid: event.pid,
            peer: event.peer,
        };
        match &event.what {
            What::Message {
                identity,
                direction,
                kind,
                bytes,
            } => {
                match direction {
                    Direction::Inbound => self.received.add(at, *bytes),
                    Direction::Outbound => self.sent.add(at, *bytes),
                }
                self.identify(id, at, identity, Source::Tracepoint);
                let kind = kind.as_deref().unwrap_or("?");
                let peer = self.peer(id, at);
                if let Some(what) = peer.message(at, *direction, kind, *bytes) {
                    self.note(at, noted(id, &what));
                }
            }
            What::Connected(identity) => {
                self.identify(id, at, identity, Source::Tracepoint);
                let peer = self.peer(id, at);
                peer.opened = Some(at);
                peer.log.push(at, Logged::Connected);
            }
            What::Evicted(identity) => {
                self.identify(id, at, identity, Source::Tracepoint);
                let peer = self.peer(id, at);
                peer.evicted = true;
                peer.log.push(at, Logged::Evicted);
            }
            What::Closed(identity) => {
                self.identify(id, at, identity, Source::Tracepoint);
                self.close(id, at);
            }
            What::Misbehaving { reason } => {
                let reason = reason.as_deref().unwrap_or("?");
                let peer = self.peer(id, at);
                peer.misbehaved += 1;
                peer.log.push(at, Logged::Misbehaving(reason.into()));
                let reason = reason.to_owned();
                self.note(at, Noted::Misbehaving { peer: id, reason });
            }
        }
    }

    /// Takes in what a node told of its peers; it was asked at `asked`.
    pub(crate) fn answered(&mut self, pid: u32, asked: Duration, answer: Answer) {
        let node = self.node(pid);
        node.unasked = None;
        node.chain = answer.chain.or(node.chain.take());
        let told: Vec<PeerId> = answer
            .peers
            .iter()
            .map(|info| PeerId { pid, peer: info.id })
            .collect();
        for (id, info) in told.iter().zip(answer.peers) {
            self.told(*id, asked, info);
        }
        // A node of before version 29 does not tell when connections end.
        let gone: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(id, peer)| {
                let old = peer.latest() + YOUNG < asked;
                id.pid == pid && peer.closed.is_none() && old && !told.contains(id)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.close(id, asked);
        }
    }

    fn told(&mut self, id: PeerId, asked: Duration, info: PeerInfo) {
        // The answer may be older than the end of the connection. Numbers are not used again.
        if self
            .peers
            .get(&id)
            .is_some_and(|peer| peer.closed.is_some())
        {
            return;
        }
        let identity = Identity {
            addr: Some(info.addr.as_str().into()),
            connection_type: Some(info.connection_type.as_str().into()),
        };
        self.identify(id, asked, &identity, Source::Rpc);
        self.peer(id, asked).info = Some(info);
    }

    /// A node could not be asked.
    pub(crate) fn unasked(&mut self, pid: u32, why: String) {
        self.node(pid).unasked = Some(why);
    }

    pub(crate) fn node(&mut self, pid: u32) -> &mut Node {
        self.nodes.entry(pid).or_default()
    }

    /// The process is gone, and its connections with it.
    pub(crate) fn node_ended(&mut self, pid: u32, at: Duration) {
        let node = self.node(pid);
        if std::mem::replace(&mut node.ended, true) {
            return;
        }
        self.note(at, Noted::NodeEnded { pid });
        let open = self
            .peers
            .iter()
            .filter(|(id, peer)| id.pid == pid && peer.closed.is_none());
        for id in open.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.close(id, at);
        }
    }

    /// So many events are missing since the start.
    pub(crate) fn lost(&mut self, events: u64, at: Duration) {
        if events == self.lost {
            return;
        }
        self.lost = events;
        self.note(at, Noted::Lost { events });
        for peer in self.peers.values_mut() {
            peer.pings_sent.forget_open();
            peer.pings_received.forget_open();
        }
    }

    /// What has come up since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.peers.iter().filter(|(_, peer)| peer.closed.is_none())
    }

    /// Nodes that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = (u32, &Node)> {
        let running = self.nodes.iter().filter(|(_, node)| !node.ended);
        running.map(|(pid, node)| (*pid, node))
    }

    fn identify(&mut self, id: PeerId, at: Duration, identity: &Identity<'_>, source: Source) {
        let known = self.peers.contains_key(&id);
        let peer = self.peer(id, at);
        if peer.identify(identity) || !known {
            let (addr, connection_type) = (peer.addr.clone(), peer.connection_type.clone());
            let what = Noted::Peer {
                peer: id,
                addr,
                connection_type,
                source,
            };
            self.note(at, what);
        }
    }

    fn close(&mut self, id: PeerId, at: Duration) {
        let peer = self.peer(id, at);
        if peer.closed.is_some() {
            return;
        }
        peer.closed = Some(at);
        peer.log.push(at, Logged::Closed);
        let evicted = peer.evicted;
        self.note(at, Noted::Closed { peer: id, evicted });
        self.closed.push_back(id);
        if self.closed.len() > CLOSED
            && let Some(oldest) = self.closed.pop_front()
        {
            self.peers.remove(&oldest);
        }
    }

    fn peer(&mut self, id: PeerId, at: Duration) -> &mut Peer {
        if self.peers.len() >= PEERS && !self.peers.contains_key(&id) {
            self.make_room();
        }
        self.nodes.entry(id.pid).or_default();
        self.peers.entry(id).or_insert_with(|| Peer::new(at))
    }

    /// Drops the connection that was silent for longest.
    fn make_room(&mut self) {
        let silent = self.peers.iter().min_by_key(|(_, peer)| peer.latest());
        if let Some(id) = silent.map(|(id, _)| *id) {
            self.peers.remove(&id);
            self.closed.retain(|closed| *closed != id);
        }
    }

    fn note(&mut self, at: Duration, what: Noted) {
        self.notes.push(Note { at, what });
    }
}

fn noted(peer: PeerId, what: &Recognised) -> Noted {
    let micros = |took: &Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    match what {
        Recognised::Handshake { took } => Noted::Handshake {
            peer,
            micros: micros(took),
        },
        Recognised::Pong { direction, took } => Noted::PingPong {
            peer,
            direction: *direction,
            micros: micros(took),
        },
    }
}

#[cfg(test)]
mod tests;
