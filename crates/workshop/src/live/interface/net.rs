//! Connections both ways, what is said on them, and how they end.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Instant;

use exercises::interface::seen::{Expected, Sum, Value as Seen, Want};
use serde_json::json;

use super::known::{Known, everybody, gone, know};
use super::message::{HEADER, Message};
use super::peer::{ANSWER, Peer, pause};
use super::rpc::{call, number};
use super::tracer::{MESSAGE, hex};
use super::{Expectations, Run, id};
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::regtest::Node;

/// A node keeps eleven of its connections for those that it makes itself.
const OWN: usize = 11;
/// A node that is full protects up to twenty-eight of its peers and half of the rest: one more than those, and
/// somebody has to go.
const INBOUND: usize = 32;
/// The node's `-maxconnections`.
pub(super) const MAX_CONNECTIONS: usize = OWN + INBOUND;
/// The node sends and takes no more headers at once (BIP 130 and before).
const MOST_HEADERS: u16 = 2000;
/// Before this version a node cannot be told how to talk to a peer.
const TRANSPORTS: i64 = 260_000;

/// All steps with connections.
pub(super) fn all(run: &mut Run<'_>, node: &Node) -> Result<(), CouldNot> {
    let Some(mut peers) = meet(run, node)? else {
        return Ok(());
    };
    if let Some(peer) = peers.pop() {
        misbehave(run, node, peer)?;
    }
    if let (Some(one), Some(other)) = (peers.pop(), peers.pop()) {
        part(run, node, one, &other)?;
    }
    crowd(run, node)
}

/// Peers connect, both ways, and shake hands.
fn meet(run: &mut Run<'_>, node: &Node) -> Result<Option<Vec<Peer>>, CouldNot> {
    let about = [
        "net:inbound_connection",
        "net:outbound_connection",
        "net:inbound_message",
        "net:outbound_message",
    ];
    run.step("peers connect and shake hands", &about, |cancel| {
        let mut peers = Vec::new();
        let mut events = Vec::new();
        for kind in ["outbound-full-relay", "block-relay-only"] {
            let peer = called(node, kind, cancel)?;
            events.push(connection(node, &peer, "outbound", cancel)?);
            peers.push(peer);
        }
        for _ in 0..3 {
            let peer = Peer::connect(node.address())?;
            events.push(connection(node, &peer, "inbound", cancel)?);
            peers.push(peer);
        }
        for peer in &mut peers {
            peer.shake_hands(cancel)?;
            peer.settle(cancel)?;
        }
        let mut expectations = Expectations::from(events);
        for peer in &mut peers {
            let known = agreed(node, peer, cancel)?;
            expectations.events.extend(messages(peer, &known));
            expectations.sums.extend(sums(&known));
        }
        Ok((expectations, peers))
    })
}

/// A peer that the node calls.
fn called(node: &Node, kind: &str, cancel: &Cancel) -> Result<Peer, CouldNot> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| Ok((listener.local_addr()?.to_string(), listener)));
    let (address, listener) = address
        .map_err(|error| CouldNot::new(format!("no port is free: {error}"), "run it again"))?;
    let version = number(&call(node, "getnetworkinfo", json!([]))?, "version")?;
    let params = if version < TRANSPORTS {
        json!([address, kind])
    } else {
        // Our peers speak the first version of the transport.
        json!([address, kind, false])
    };
    call(node, "addconnection", params)?;
    Peer::accept(&listener, cancel)
}

/// The connection that has just been made.
fn connection(
    node: &Node,
    peer: &Peer,
    direction: &str,
    cancel: &Cancel,
) -> Result<Expected, CouldNot> {
    let known = know(node, peer, cancel)?;
    let (event, count, told) = match direction {
        "inbound" => (
            "inbound_connection",
            "inbound_connections",
            "connections_in",
        ),
        _ => (
            "outbound_connection",
            "outbound_connections",
            "connections_out",
        ),
    };
    let network = call(node, "getnetworkinfo", json!([]))?;
    let because = format!("a peer connected ({})", known.kind);
    Ok(known
        .event(event, &because)
        .arg("network", known.network)
        .arg(count, number(&network, told)?))
}

/// Waits until the node's counters have all that we and it have said, so that neither is still on its way.
fn agreed(node: &Node, peer: &mut Peer, cancel: &Cancel) -> Result<Known, CouldNot> {
    let end = Instant::now() + ANSWER;
    loop {
        peer.settle(cancel)?;
        let known = know(node, peer, cancel)?;
        if known.sent == totals(&peer.received) && known.received == totals(&peer.sent) {
            return Ok(known);
        }
        pause(end, "count what was said", cancel)?;
    }
}

/// Every message that a peer of ours sent came in, and every one that it received went out.
fn messages<'a>(peer: &'a Peer, known: &'a Known) -> impl Iterator<Item = Expected> + 'a {
    let received = peer.sent.iter().map(|one| ("inbound_message", "sent", one));
    let sent = peer
        .received
        .iter()
        .map(|one| ("outbound_message", "received", one));
    received.chain(sent).map(|(event, did, message)| {
        let Message { kind, payload } = message;
        let because = format!("a peer {did} a `{kind}`");
        let kept = payload.iter().take(usize::from(MESSAGE));
        known
            .event(event, &because)
            .arg("message_type", Want::text(kind))
            .arg(
                "message_size",
                i128::try_from(payload.len()).unwrap_or(i128::MAX),
            )
            .arg("message_bytes", Want::Is(Seen::Bytes(hex(kept))))
    })
}

fn sums(known: &Known) -> impl Iterator<Item = Sum> + '_ {
    let both = [
        ("inbound_message", "bytesrecv_per_msg", &known.received),
        ("outbound_message", "bytessent_per_msg", &known.sent),
    ];
    both.into_iter().flat_map(move |(event, told, totals)| {
        totals.iter().map(move |(kind, total)| Sum {
            id: id("net", event),
            of: vec![
                ("peer_id".to_owned(), known.id.into()),
                ("message_type".to_owned(), Want::text(kind)),
            ],
            arg: "message_size".to_owned(),
            beside: u64::try_from(HEADER).unwrap_or(u64::MAX),
            total: *total,
            told: told.to_owned(),
        })
    })
}

/// Bytes on the wire by type of message, as `getpeerinfo` has them.
fn totals(messages: &[Message]) -> Vec<(String, u64)> {
    let mut totals: Vec<(String, u64)> = Vec::new();
    for message in messages {
        let bytes = u64::try_from(HEADER + message.payload.len()).unwrap_or(u64::MAX);
        match totals.iter_mut().find(|(kind, _)| *kind == message.kind) {
            Some((_, total)) => *total += bytes,
            None => totals.push((message.kind.clone(), bytes)),
        }
    }
    totals.sort();
    totals
}

/// A peer says that it sends more headers than a peer may.
fn misbehave(run: &mut Run<'_>, node: &Node, mut peer: Peer) -> Result<(), CouldNot> {
    let about = ["net:misbehaving_connection", "net:closed_connection"];
    run.step("a peer misbehaves", &about, |cancel| {
        let known = know(node, &peer, cancel)?;
        let count = MOST_HEADERS + 1;
        // A list of more than 252 members begins with 253 and their number in two bytes.
        let [low, high] = count.to_le_bytes();
        peer.send("headers", vec![253, low, high])?;
        gone(node, &[known.id], cancel)?;
        let misbehaving = Expected::new(
            id("net", "misbehaving_connection"),
            format!("a peer sent {count} headers at once"),
        )
        .arg("peer_id", known.id)
        .arg("reason", Want::Containing(count.to_string()));
        let closed = known.ended("closed_connection", "a misbehaving peer was dropped");
        Ok((vec![misbehaving, closed].into(), ()))
    })?;
    Ok(())
}

/// One peer leaves, and one is sent away.
fn part(run: &mut Run<'_>, node: &Node, one: Peer, other: &Peer) -> Result<(), CouldNot> {
    run.step("peers leave", &["net:closed_connection"], |cancel| {
        let (leaves, goes) = (know(node, &one, cancel)?, know(node, other, cancel)?);
        drop(one);
        gone(node, &[leaves.id], cancel)?;
        call(node, "disconnectnode", json!(["", goes.id]))?;
        gone(node, &[goes.id], cancel)?;
        let events = vec![
            leaves.ended("closed_connection", "a peer left"),
            goes.ended("closed_connection", "a peer was disconnected"),
        ];
        Ok((events.into(), ()))
    })?;
    Ok(())
}

/// So many peers come that one has to go.
fn crowd(run: &mut Run<'_>, node: &Node) -> Result<(), CouldNot> {
    let about = ["net:evicted_inbound_connection"];
    run.step("too many peers connect", &about, |cancel| {
        let mut peers = Vec::new();
        let inbound = |all: &[Known]| all.iter().filter(|one| one.kind == "inbound").count();
        let mut before = everybody(node)?;
        while inbound(&before) < INBOUND {
            let peer = Peer::connect(node.address())?;
            know(node, &peer, cancel)?;
            peers.push(peer);
            before = everybody(node)?;
            if peers.len() > MAX_CONNECTIONS {
                return Err(CouldNot::new(
                    "the node does not fill up",
                    "this program does not know that version of Bitcoin Core: ask the instructor",
                ));
            }
        }
        let last = Peer::connect(node.address())?;
        let end = Instant::now() + ANSWER;
        let evicted = loop {
            let now: BTreeSet<i64> = everybody(node)?.iter().map(|one| one.id).collect();
            let gone = before.iter().find(|one| !now.contains(&one.id));
            if let Some(gone) = gone {
                break gone.ended("evicted_inbound_connection", "one peer too many connected");
            }
            pause(end, "make room for another peer", cancel)?;
        };
        drop((last, peers));
        Ok((vec![evicted].into(), ()))
    })?;
    Ok(())
}
