//! What is seen for task 2.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::Observed;
use crate::recording::Session;

/// The node for the length of a window, and what was recorded before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The check's own look.
    pub window: Observed<Window>,
    /// When the answers were changed last, as the file says.
    pub answered: Option<Timestamp>,
    /// The sessions of `workshop monitor`, the oldest first.
    pub sessions: Vec<Recorded>,
}

/// The server's node, traced and asked for a few seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The traced program.
    pub program: String,
    /// How long it was, in milliseconds.
    pub millis: u64,
    /// `getpeerinfo` at its beginning.
    pub before: Vec<Peer>,
    /// `getpeerinfo` at its end.
    pub after: Vec<Peer>,
    /// Whether the node took our request to ping its peers.
    pub pinged: bool,
    /// Messages that passed.
    pub messages: u64,
    /// Pings that were answered, either way.
    pub pongs: u64,
    /// Handshakes that were completed.
    pub handshakes: u64,
    /// Events that are missing.
    pub lost: u64,
}

/// One entry of `getpeerinfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The node's number for it.
    pub id: i64,
    /// `inbound`, `outbound-full-relay`, `manual` and so on.
    pub connection_type: String,
    /// When the connection was made.
    pub since: Timestamp,
}

/// A session of `workshop monitor`, summed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The program that it watched.
    pub program: String,
    /// Whether that is the server's own node.
    pub own_node: bool,
    /// When something was written last.
    pub last: Option<Timestamp>,
    /// How many peers were connected at once.
    pub numbers: BTreeSet<u64>,
    /// The types of their connections.
    pub types: BTreeSet<String>,
    /// Handshakes that were completed.
    pub handshakes: u64,
    /// Pings that were answered, either way.
    pub pongs: u64,
}

impl Recorded {
    /// Sums up a session.
    pub fn new(session: &Session, own_node: bool) -> Self {
        let peers = || session.peers.values();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            program: session.program.clone().unwrap_or_default(),
            own_node,
            last: session.last,
            numbers: session.numbers_of_peers(),
            types: peers()
                .map(|peer| peer.connection_type.clone())
                .filter(|kind| !kind.is_empty())
                .collect(),
            handshakes: count(peers().filter(|peer| peer.handshake.is_some()).count()),
            pongs: peers()
                .map(|peer| peer.pings_sent + peer.pings_received)
                .sum(),
        }
    }
}

impl Seen {
    /// How long before the last change of the answers a session counts: one looks first and answers then.
    const LOOKED: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

    /// The sessions on the server's node since the participant answered, or shortly before.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Recorded> {
        let from = self
            .answered
            .and_then(|answered| answered.checked_sub(Self::LOOKED).ok());
        self.own()
            .filter(move |session| from.is_none() || session.last >= from)
    }

    /// All sessions on the server's node.
    pub(super) fn own(&self) -> impl Iterator<Item = &Recorded> {
        self.sessions.iter().filter(|session| session.own_node)
    }
}

impl Window {
    /// Every number of peers that the node may have had in the window: those at both ends, and in between as many
    /// more or less as came and went.
    pub(super) fn numbers(&self) -> std::ops::RangeInclusive<u64> {
        let ids = |peers: &[Peer]| peers.iter().map(|peer| peer.id).collect::<BTreeSet<_>>();
        let (before, after) = (ids(&self.before), ids(&self.after));
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let churn = count(before.symmetric_difference(&after).count());
        let (least, most) = (before.len().min(after.len()), before.len().max(after.len()));
        count(least).saturating_sub(churn)..=count(most).saturating_add(churn)
    }

    /// Peers of both ends.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.before.iter().chain(&self.after)
    }
}
