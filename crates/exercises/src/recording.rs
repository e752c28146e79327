//! What `workshop monitor` records: JSON lines, one thing seen in each.
//!
//! Several sessions may stand in one file, also interleaved, so every line names its session. The last line of
//! a session that was killed may be torn; lines that are not understood are passed over and counted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The format of the lines. Raised when an old reader would misread a new file.
pub const SCHEMA: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was seen, by the machine's clock.
    pub at: Timestamp,
    /// Which run of the monitor: its start and its process, as `1795597814-414`.
    pub session: String,
    /// What was seen.
    #[serde(flatten)]
    pub what: What,
}

/// Something that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// The monitor is attached. The first line of its session.
    Start {
        /// [`SCHEMA`] of the program that wrote it.
        schema: u32,
        /// The traced program.
        program: String,
        /// The tracepoints that it has of those we look at, as `net:inbound_message`.
        tracepoints: Vec<String>,
    },
    /// A peer became known, or more of it did.
    Peer {
        /// Which connection.
        #[serde(flatten)]
        peer: PeerId,
        /// Its address, as Bitcoin Core writes it.
        addr: String,
        /// `inbound`, `outbound-full-relay`, `manual` and so on.
        connection_type: String,
        /// How we know of it.
        source: Source,
    },
    /// `version` and `verack` have gone both ways.
    Handshake {
        /// Which connection.
        #[serde(flatten)]
        peer: PeerId,
        /// From the first of the four messages to the last, in microseconds.
        micros: u64,
    },
    /// A ping and the pong that answers it. At most one in ten seconds is written for each peer and direction.
    PingPong {
        /// Which connection.
        #[serde(flatten)]
        peer: PeerId,
        /// Where the ping went: `outbound` is the node's own, answered by the peer.
        direction: Direction,
        /// From ping to pong, in microseconds, as the node saw them.
        micros: u64,
    },
    /// The node found fault with a peer.
    Misbehaving {
        /// Which connection.
        #[serde(flatten)]
        peer: PeerId,
        /// The node's words.
        reason: String,
    },
    /// A connection ended.
    Closed {
        /// Which connection.
        #[serde(flatten)]
        peer: PeerId,
        /// Whether the node closed it to make room for another inbound one.
        evicted: bool,
    },
    /// A message. Only `workshop monitor --json` prints these; they are not recorded.
    Message {
        /// Which connection.
        #[serde(flatten)]
        peer: PeerId,
        /// `inbound` was received by the node, `outbound` sent.
        direction: Direction,
        /// `ping`, `inv` and so on.
        message: String,
        /// Of the payload; the wire adds 24 (v1 transport) or 21 to 33 (v2).
        bytes: u64,
    },
    /// A traced process ended, and all its connections with it.
    NodeEnded {
        /// The process.
        pid: u32,
    },
    /// So many events are missing since the start, because there was no room for them.
    Lost {
        /// How many.
        events: u64,
    },
    /// The file is at its limit; nothing more of this session is written.
    Full,
    /// The monitor ended by itself. Missing when it was killed.
    End {
        /// Messages received by the node meanwhile.
        received: u64,
        /// Messages sent.
        sent: u64,
        /// Events that are missing.
        lost: u64,
    },
    /// Of a newer version.
    #[serde(other)]
    Unknown,
}

/// A connection: Bitcoin Core numbers its peers, anew in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerId {
    /// The node's process.
    pub pid: u32,
    /// Its number for the peer.
    pub peer: i64,
}

/// Which way something went, seen from the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the peer to the node.
    Inbound,
    /// From the node to the peer.
    Outbound,
}

/// How a peer became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// By an event of its own.
    Tracepoint,
    /// By `getpeerinfo`.
    Rpc,
}

/// One session, folded from its lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// When the monitor was attached; none when that line is missing.
    pub started: Option<Timestamp>,
    /// When something was written last.
    pub last: Option<Timestamp>,
    /// The format of its lines.
    pub schema: Option<u32>,
    /// The traced program.
    pub program: Option<String>,
    /// Every peer that was seen.
    pub peers: BTreeMap<PeerId, SeenPeer>,
    /// Events that are missing.
    pub lost: u64,
    /// Whether it ended by itself.
    pub ended: bool,
}

/// A peer of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeenPeer {
    /// Its address.
    pub addr: String,
    /// `inbound`, `outbound-full-relay`, `manual` and so on; empty when it was not seen.
    pub connection_type: String,
    /// From when to when it is known to have been connected.
    pub from: Option<Timestamp>,
    /// When the connection ended, if it did.
    pub closed: Option<Timestamp>,
    /// When its handshake was complete, if that was seen.
    pub handshake: Option<Timestamp>,
    /// Pings of the node's that the peer answered.
    pub pings_sent: u64,
    /// Pings of the peer's that the node answered.
    pub pings_received: u64,
}

/// Reads a record: its sessions by name, and how many lines were not understood.
pub fn read(text: &str) -> (BTreeMap<String, Session>, usize) {
    let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
    let mut strange = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Line>(line) {
            Ok(Line {
                what: What::Unknown,
                ..
            })
            | Err(_) => strange += 1,
            Ok(line) => sessions
                .entry(line.session.clone())
                .or_default()
                .add(line.at, line.what),
        }
    }
    (sessions, strange)
}

impl Session {
    /// What was connected before the monitor began is known a moment after that.
    const SETTLED: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);

    /// How many peers were connected at once, each number that there was.
    pub fn numbers_of_peers(&self) -> BTreeSet<u64> {
        let Some(last) = self.last else {
            return BTreeSet::new();
        };
        let settled = self
            .started
            .and_then(|started| started.checked_add(Self::SETTLED).ok())
            .map_or(last, |settled| settled.min(last));
        let changes = self
            .peers
            .values()
            .flat_map(|peer| [peer.from, peer.closed])
            .flatten()
            .filter(|at| *at > settled);
        let at = |moment: Timestamp| {
            let open = self.peers.values().filter(|peer| {
                peer.from.is_some_and(|from| from <= moment)
                    && peer.closed.is_none_or(|closed| closed > moment)
            });
            u64::try_from(open.count()).unwrap_or(u64::MAX)
        };
        [settled].into_iter().chain(changes).map(at).collect()
    }

    fn add(&mut self, at: Timestamp, what: What) {
        self.last = self.last.max(Some(at));
        match what {
            What::Start {
                schema, program, ..
            } => {
                self.started = Some(at);
                self.schema = Some(schema);
                self.program = Some(program);
            }
            What::Peer {
                peer,
                addr,
                connection_type,
                ..
            } => {
                let seen = self.peer(peer, at);
                seen.addr = addr;
                seen.connection_type = connection_type;
            }
            What::Handshake { peer, .. } => self.peer(peer, at).handshake = Some(at),
            What::PingPong {
                peer, direction, ..
            } => {
                let seen = self.peer(peer, at);
                match direction {
                    Direction::Outbound => seen.pings_sent += 1,
                    Direction::Inbound => seen.pings_received += 1,
                }
            }
            What::Closed { peer, .. } => self.peer(peer, at).closed = Some(at),
            What::Misbehaving { peer, .. } | What::Message { peer, .. } => {
                self.peer(peer, at);
            }
            What::NodeEnded { pid } => {
                let open = self.peers.iter_mut().filter(|(peer, _)| peer.pid == pid);
                for (_, seen) in open {
                    seen.closed.get_or_insert(at);
                }
            }
            What::Lost { events } => self.lost = events,
            What::End { lost, .. } => {
                self.lost = lost;
                self.ended = true;
            }
            What::Full | What::Unknown => {}
        }
    }

    fn peer(&mut self, peer: PeerId, at: Timestamp) -> &mut SeenPeer {
        let seen = self.peers.entry(peer).or_default();
        seen.from.get_or_insert(at);
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerId = PeerId { pid: 414, peer: 3 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn lines(session: &str, whats: impl IntoIterator<Item = What>) -> String {
        let lines = whats.into_iter().zip(1..).map(|(what, second)| {
            let session = session.to_owned();
            let at = at(second);
            serde_json::to_string(&Line { at, session, what }).unwrap() + "\n"
        });
        lines.collect()
    }

    fn some() -> Vec<What> {
        vec![
            What::Start {
                schema: SCHEMA,
                program: "/usr/bin/bitcoind".into(),
                tracepoints: vec!["net:inbound_message".into()],
            },
            What::Peer {
                peer: PEER,
                addr: "10.0.0.2:8333".into(),
                connection_type: "inbound".into(),
                source: Source::Rpc,
            },
            What::Handshake {
                peer: PEER,
                micros: 1500,
            },
            What::PingPong {
                peer: PEER,
                direction: Direction::Outbound,
                micros: 90,
            },
            What::Misbehaving {
                peer: PEER,
                reason: "too many".into(),
            },
            What::Closed {
                peer: PEER,
                evicted: true,
            },
        ]
    }

    #[test]
    fn a_line_looks_like_this() {
        assert_eq!(
            lines("7-414", some()).lines().nth(3).unwrap(),
            r#"{"at":"1970-01-01T00:00:04Z","session":"7-414","type":"ping_pong","pid":414,"peer":3,"direction":"outbound","micros":90}"#
        );
    }

    #[test]
    fn every_number_of_peers_is_known_once_the_session_has_settled() {
        let peer = |id| PeerId { pid: 414, peer: id };
        let known = |id| What::Peer {
            peer: peer(id),
            addr: String::new(),
            connection_type: "inbound".into(),
            source: Source::Rpc,
        };
        let closed = |id| What::Closed {
            peer: peer(id),
            evicted: false,
        };
        // Two are there at first, told one after the other; one goes, two come.
        let whats = [
            What::Start {
                schema: SCHEMA,
                program: "bitcoind".into(),
                tracepoints: vec![],
            },
            known(1),
            known(2),
            closed(1),
            known(3),
            known(4),
        ];
        let (sessions, _) = read(&lines("a", whats));
        let numbers = sessions["a"].numbers_of_peers();
        assert_eq!(numbers, [1, 2, 3].into());
        assert_eq!(Session::default().numbers_of_peers(), BTreeSet::new());
    }

    #[test]
    fn what_was_written_is_read_again() {
        let text = lines("a", some());
        for (line, what) in text.lines().zip(some()) {
            assert_eq!(serde_json::from_str::<Line>(line).unwrap().what, what);
        }
        let (sessions, strange) = read(&text);
        assert_eq!(strange, 0);
        let session = &sessions["a"];
        assert_eq!(
            (session.started, session.last, session.ended),
            (Some(at(1)), Some(at(6)), false)
        );
        assert_eq!(
            session.peers[&PEER],
            SeenPeer {
                addr: "10.0.0.2:8333".into(),
                connection_type: "inbound".into(),
                from: Some(at(2)),
                closed: Some(at(6)),
                handshake: Some(at(3)),
                pings_sent: 1,
                pings_received: 0,
            }
        );
    }

    #[test]
    fn a_torn_line_and_a_newer_one_cost_themselves_only() {
        let whole = lines("a", some());
        let mut text = whole[..whole.len() - 9].to_owned() + "\n";
        text += r#"{"at":"1970-01-01T00:00:04Z","session":"a","type":"sung","loud":true}"#;
        text += "\n";
        text += &lines("b", [What::Full, What::NodeEnded { pid: 1 }]);
        let (sessions, strange) = read(&text);
        assert_eq!(strange, 2);
        assert_eq!(sessions.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(sessions["a"].peers[&PEER].closed, None);
    }

    #[test]
    fn the_end_of_a_node_ends_its_connections() {
        let mut whats = some();
        whats.pop();
        whats.push(What::NodeEnded { pid: 414 });
        let (sessions, _) = read(&lines("a", whats));
        assert_eq!(sessions["a"].peers[&PEER].closed, Some(at(6)));
    }
}
