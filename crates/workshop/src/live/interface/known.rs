//! A node's peers as its `getpeerinfo` has them.

use std::time::Instant;

use exercises::interface::seen::{Expected, Want};
use serde_json::{Value, json};

use super::id;
use super::peer::{ANSWER, Peer, pause};
use super::rpc::{call, list, number, text};
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::regtest::Node;

/// A peer as the node knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: i64,
    pub(super) address: String,
    pub(super) kind: String,
    pub(super) network: u32,
    pub(super) connected: i64,
    /// Bytes by type of message, with their headers.
    pub(super) sent: Vec<(String, u64)>,
    pub(super) received: Vec<(String, u64)>,
}

impl Known {
    fn read(peer: &Value) -> Result<Self, CouldNot> {
        let totals = |member: &str| {
            let by_type = peer.get(member).and_then(Value::as_object);
            let pairs = by_type.into_iter().flatten();
            let mut totals: Vec<_> = pairs
                .map(|(kind, bytes)| (kind.clone(), bytes.as_u64().unwrap_or(0)))
                .collect();
            totals.sort();
            totals
        };
        Ok(Self {
            id: number(peer, "id")?,
            address: text(peer, "addr")?,
            kind: text(peer, "connection_type")?,
            network: network(&text(peer, "network")?),
            connected: number(peer, "conntime")?,
            sent: totals("bytessent_per_msg"),
            received: totals("bytesrecv_per_msg"),
        })
    }

    pub(super) fn event(&self, event: &str, because: &str) -> Expected {
        Expected::new(id("net", event), because)
            .arg("peer_id", self.id)
            .arg("peer_addr", Want::text(&self.address))
            .arg("connection_type", Want::text(&self.kind))
    }

    pub(super) fn ended(&self, event: &str, because: &str) -> Expected {
        self.event(event, because)
            .arg("network", self.network)
            .arg("established_at", self.connected)
    }
}

/// What `enum Network` has for the names of `getpeerinfo`. The documentation leaves out the first, which all
/// peers on the same machine have.
fn network(name: &str) -> u32 {
    match name {
        "ipv4" => 1,
        "ipv6" => 2,
        "onion" => 3,
        "i2p" => 4,
        "cjdns" => 5,
        _ => 0,
    }
}

pub(super) fn everybody(node: &Node) -> Result<Vec<Known>, CouldNot> {
    let peers = call(node, "getpeerinfo", json!([]))?;
    list(&peers, "")?.iter().map(Known::read).collect()
}

/// A peer as the node knows it, once it does.
pub(super) fn know(node: &Node, peer: &Peer, cancel: &Cancel) -> Result<Known, CouldNot> {
    let end = Instant::now() + ANSWER;
    loop {
        let mut all = everybody(node)?.into_iter();
        if let Some(known) = all.find(|known| known.address == peer.address) {
            return Ok(known);
        }
        pause(end, "notice a peer", cancel)?;
    }
}

/// Waits until the node no longer knows them.
pub(super) fn gone(node: &Node, peers: &[i64], cancel: &Cancel) -> Result<(), CouldNot> {
    let end = Instant::now() + ANSWER;
    while everybody(node)?
        .iter()
        .any(|known| peers.contains(&known.id))
    {
        pause(end, "let a peer go", cancel)?;
    }
    Ok(())
}
