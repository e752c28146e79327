use super::*;
use Direction::{Inbound, Outbound};

const PID: u32 = 414;

fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn id(peer: i64) -> PeerId {
    PeerId { pid: PID, peer }
}

fn identity(addr: &str, connection_type: &str) -> Identity<'static> {
    Identity {
        addr: Some(addr.to_owned().into()),
        connection_type: Some(connection_type.to_owned().into()),
    }
}

fn who(peer: i64) -> Identity<'static> {
    identity(&format!("10.0.0.{peer}:8333"), "manual")
}

fn event(at: f64, peer: i64, what: What<'static>) -> NetEvent<'static> {
    NetEvent {
        at: s(at),
        pid: PID,
        peer,
        what,
    }
}

fn message(
    at: f64,
    peer: i64,
    direction: Direction,
    kind: &'static str,
    bytes: u64,
) -> NetEvent<'static> {
    let what = What::Message {
        identity: who(peer),
        direction,
        kind: Some(kind.into()),
        bytes,
    };
    event(at, peer, what)
}

fn model(events: impl IntoIterator<Item = NetEvent<'static>>) -> Model {
    let mut model = Model::default();
    for event in events {
        model.apply(&event);
    }
    model
}

fn noted(model: &mut Model) -> Vec<Noted> {
    model
        .take_notes()
        .into_iter()
        .map(|note| note.what)
        .collect()
}

fn info(peer: i64) -> PeerInfo {
    PeerInfo {
        id: peer,
        addr: format!("10.0.0.{peer}:8333"),
        connection_type: "manual".into(),
        version: 70016,
        ..PeerInfo::default()
    }
}

fn answer(peers: &[i64]) -> Answer {
    Answer {
        peers: peers.iter().map(|peer| info(*peer)).collect(),
        chain: Some("regtest".into()),
    }
}

#[test]
fn messages_are_counted_by_peer_and_direction() {
    let model = model([
        message(0.1, 1, Inbound, "inv", 37),
        message(0.2, 1, Inbound, "inv", 73),
        message(0.3, 1, Outbound, "getdata", 37),
        message(0.4, 2, Outbound, "ping", 8),
    ]);
    let one = &model.peers[&id(1)];
    assert_eq!(
        (one.received.total.messages, one.received.total.bytes),
        (2, 110)
    );
    assert_eq!((one.sent.total.messages, one.sent.total.bytes), (1, 37));
    assert_eq!(one.last.as_ref().map(|last| &*last.kind), Some("getdata"));
    assert_eq!(one.addr, "10.0.0.1:8333");
    assert_eq!(
        (model.received.total.messages, model.sent.total.bytes),
        (2, 45)
    );
    assert_eq!(model.open().count(), 2);
}

#[test]
fn a_connection_from_its_first_message_to_its_end() {
    let mut model = model([
        event(1.0, 7, What::Connected(who(7))),
        message(1.1, 7, Outbound, "version", 102),
        message(1.2, 7, Inbound, "version", 102),
        message(1.2, 7, Outbound, "verack", 0),
        message(1.35, 7, Inbound, "verack", 0),
        message(2.0, 7, Outbound, "ping", 8),
        message(2.05, 7, Inbound, "pong", 8),
        message(3.0, 7, Inbound, "ping", 8),
        message(3.001, 7, Outbound, "pong", 8),
        event(4.0, 7, What::Evicted(who(7))),
        event(4.1, 7, What::Closed(who(7))),
    ]);
    let peer = id(7);
    let ping = |direction, micros| Noted::PingPong {
        peer,
        direction,
        micros,
    };
    assert_eq!(
        noted(&mut model),
        [
            Noted::Peer {
                peer,
                addr: "10.0.0.7:8333".into(),
                connection_type: "manual".into(),
                source: Source::Tracepoint,
            },
            Noted::Handshake {
                peer,
                micros: 250_000
            },
            ping(Outbound, 50_000),
            ping(Inbound, 1_000),
            Noted::Closed {
                peer,
                evicted: true
            },
        ]
    );
    let seven = &model.peers[&peer];
    assert_eq!(seven.handshake(), Progress::Complete { took: s(0.25) });
    assert_eq!(seven.ping(), Some(s(0.05)));
    assert_eq!(seven.closed, Some(s(4.1)));
    assert_eq!(model.open().count(), 0);
    let remarks: Vec<_> = seven
        .log
        .iter()
        .filter_map(|(_, entry)| match entry.what {
            Logged::Message { remark, .. } => remark,
            _ => None,
        })
        .collect();
    assert_eq!(
        remarks,
        [
            Remark::Handshake(s(0.25)),
            Remark::After(s(0.05)),
            Remark::After(s(0.001)),
        ]
    );
}

#[test]
fn what_could_not_be_read_is_filled_in_later() {
    let unread = || What::Message {
        identity: identity("", ""),
        direction: Inbound,
        kind: None,
        bytes: 8,
    };
    let mut model = model([event(0.1, 1, unread()), message(0.2, 1, Inbound, "ping", 8)]);
    let addresses: Vec<_> = noted(&mut model)
        .into_iter()
        .filter_map(|note| match note {
            Noted::Peer { addr, .. } => Some(addr),
            _ => None,
        })
        .collect();
    assert_eq!(addresses, ["", "10.0.0.1:8333"]);
    // And what was known is not forgotten.
    model.apply(&event(0.3, 1, unread()));
    assert_eq!(model.peers[&id(1)].addr, "10.0.0.1:8333");
    assert_eq!(noted(&mut model), []);
}

#[test]
fn the_node_tells_of_peers_that_said_nothing_yet() {
    let mut model = model([message(0.1, 1, Inbound, "ping", 8)]);
    model.take_notes();
    model.answered(PID, s(0.5), answer(&[1, 2]));
    let two = &model.peers[&id(2)];
    assert_eq!(two.addr, "10.0.0.2:8333");
    // Its version is known, so its handshake is over.
    assert_eq!(two.handshake(), Progress::Earlier);
    assert_eq!(model.nodes[&PID].chain.as_deref(), Some("regtest"));
    // The first was known by itself.
    let noted = noted(&mut model);
    assert!(
        matches!(&noted[..], [Noted::Peer { peer, source: Source::Rpc, .. }] if *peer == id(2)),
        "{noted:?}"
    );
}

#[test]
fn an_old_answer_brings_no_connection_back() {
    let mut model = model([event(1.0, 1, What::Closed(who(1)))]);
    model.answered(PID, s(0.9), answer(&[1]));
    assert_eq!(model.open().count(), 0);
}

#[test]
fn a_peer_that_the_node_no_longer_has_is_gone() {
    let mut model = model([
        message(1.0, 1, Inbound, "ping", 8),
        message(9.5, 2, Inbound, "version", 102),
        message(1.0, 3, Inbound, "ping", 8),
    ]);
    model.answered(PID, s(10.0), answer(&[3]));
    assert_eq!(model.peers[&id(1)].closed, Some(s(10.0)));
    // So young that the answer may not have it yet.
    assert_eq!(model.peers[&id(2)].closed, None);
    assert_eq!(model.peers[&id(3)].closed, None);
    // What another process told concerns its own peers only.
    model.answered(PID + 1, s(20.0), answer(&[]));
    assert_eq!(model.peers[&id(3)].closed, None);
}

#[test]
fn a_node_that_starts_again_has_other_peers_by_the_same_numbers() {
    let mut model = model([message(1.0, 0, Inbound, "ping", 8)]);
    model.node_ended(PID, s(2.0));
    model.node_ended(PID, s(3.0));
    let mut again = message(4.0, 0, Outbound, "version", 102);
    again.pid = PID + 9;
    model.apply(&again);
    assert_eq!(model.peers[&id(0)].closed, Some(s(2.0)));
    assert_eq!(model.open().count(), 1);
    assert_eq!(
        model.running().map(|(pid, _)| pid).collect::<Vec<_>>(),
        [PID + 9]
    );
    let ends = noted(&mut model);
    let ends = ends
        .iter()
        .filter(|note| matches!(note, Noted::NodeEnded { .. }));
    assert_eq!(ends.count(), 1);
}

#[test]
fn after_a_loss_pings_are_not_paired() {
    let mut model = model([message(1.0, 1, Outbound, "ping", 8)]);
    model.lost(3, s(1.5));
    model.lost(3, s(2.5));
    model.apply(&message(60.0, 1, Inbound, "pong", 8));
    assert_eq!(model.peers[&id(1)].ping(), None);
    let lost = noted(&mut model);
    let lost = lost
        .iter()
        .filter(|note| matches!(note, Noted::Lost { events: 3 }));
    assert_eq!(lost.count(), 1);
}

#[test]
fn whoever_connects_without_end_takes_no_room() {
    let mut model = Model::default();
    for peer in 0..20_000 {
        let at = peer as f64 / 1000.0;
        model.apply(&event(at, peer, What::Connected(who(peer))));
        if peer % 2 == 0 {
            model.apply(&event(at, peer, What::Closed(who(peer))));
        }
    }
    model.take_notes();
    assert_eq!(model.peers.len(), PEERS);
    assert!(model.closed.len() <= CLOSED);
    // The latest are those that are kept.
    assert!(model.peers.contains_key(&id(19_999)));
    let closed: Vec<_> = model
        .closed
        .iter()
        .filter(|id| !model.peers.contains_key(id))
        .collect();
    assert!(closed.is_empty());
}

#[test]
fn faults_are_told_in_the_node_s_words() {
    let what = What::Misbehaving {
        reason: Some("headers message size = 2001".into()),
    };
    let mut model = model([event(1.0, 1, what)]);
    assert_eq!(model.peers[&id(1)].misbehaved, 1);
    let note = Noted::Misbehaving {
        peer: id(1),
        reason: "headers message size = 2001".into(),
    };
    assert!(noted(&mut model).contains(&note));
}
