use std::borrow::Cow;

use exercises::recording::{Direction, PeerId};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::super::event::{Identity, NetEvent, What, clean};
use super::super::input::Action;
use super::super::rpc::{Answer, PeerInfo};
use super::*;

const PID: u32 = 414;
const NOW: Duration = Duration::from_secs(133);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn message(
    at: u64,
    peer: i64,
    who: (&str, &str),
    way: Direction,
    kind: &str,
    bytes: u64,
) -> NetEvent<'static> {
    let text = |text: &str| Some(Cow::Owned(clean(text.as_bytes()).into_owned()));
    let what = What::Message {
        identity: Identity {
            addr: text(who.0),
            connection_type: text(who.1),
        },
        direction: way,
        kind: text(kind),
        bytes,
    };
    NetEvent {
        at: ms(at),
        pid: PID,
        peer,
        what,
    }
}

/// A node as it may be after two minutes.
fn some() -> Model {
    use Direction::{Inbound, Outbound};
    let mut model = Model::default();
    let ada = ("10.231.176.11:48333", "manual");
    let bob = (
        "[2001:db8:85a3:1234:5678:8a2e:370:7334]:48333",
        "outbound-full-relay",
    );
    let eve = (
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:8333",
        "inbound",
    );
    model.answered(
        PID,
        ms(10),
        Answer {
            peers: vec![PeerInfo {
                id: 2,
                addr: ada.0.into(),
                connection_type: ada.1.into(),
                network: "not_publicly_routable".into(),
                bytessent: 4688,
                bytesrecv: 3777,
                conntime: 1_800_000_000 - 600,
                version: 70016,
                subver: "/Satoshi:31.0.0/".into(),
                transport_protocol_type: "v2".into(),
                ..PeerInfo::default()
            }],
            chain: Some("testnet4".into()),
        },
    );
    for event in [
        message(1_000, 2, ada, Outbound, "ping", 8),
        message(1_001, 2, ada, Inbound, "pong", 8),
        message(5_000, 3, eve, Inbound, "version", 102),
        message(5_001, 3, eve, Outbound, "version", 102),
        message(5_001, 3, eve, Outbound, "wtxidrelay", 0),
        message(5_002, 3, eve, Outbound, "verack", 0),
        message(5_180, 3, eve, Inbound, "verack", 0),
        message(100_000, 3, eve, Inbound, "\x1b[2Jinv\n", 37),
        message(127_000, 12, bob, Outbound, "version", 102),
        message(130_000, 2, ada, Inbound, "headers", 16_205),
        message(132_500, 2, ada, Inbound, "block", 1_634_211),
    ] {
        model.apply(&event);
    }
    model.apply(&NetEvent {
        at: ms(110_000),
        pid: PID,
        peer: 3,
        what: What::Closed(Identity::default()),
    });
    model
}

fn standing() -> Standing {
    Standing {
        pids: vec![PID],
        ..Standing::default()
    }
}

fn with<T>(
    model: &Model,
    standing: &Standing,
    recording: &Recording,
    then: impl FnOnce(&Shown<'_>) -> T,
) -> T {
    then(&Shown {
        model,
        now: NOW,
        standing,
        program: "/usr/bin/bitcoind",
        recording,
        start: Timestamp::from_second(1_800_000_000).unwrap(),
        zone: &TimeZone::UTC,
        theme: Theme::new(true),
    })
}

fn drawn(ui: &mut Ui, model: &Model, width: u16, height: u16) -> String {
    with(model, &standing(), &Recording::On, |shown| {
        painted(ui, shown, width, height)
    })
}

fn painted(ui: &mut Ui, shown: &Shown<'_>, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, ui, shown)).unwrap();
    terminal.backend().to_string()
}

fn press(ui: &mut Ui, model: &Model, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            '⇞' => KeyCode::PageUp,
            '⇱' => KeyCode::Home,
            '⇲' => KeyCode::End,
            letter => KeyCode::Char(letter),
        };
        ui.key(KeyEvent::new(code, KeyModifiers::NONE), model, NOW);
    }
}

#[test]
fn every_size_has_its_picture() {
    for (width, height) in [(160, 24), (80, 24), (80, 12), (40, 10)] {
        let picture = drawn(&mut Ui::default(), &some(), width, height);
        insta::assert_snapshot!(format!("peers_{width}x{height}"), picture);
    }
    let mut ui = Ui::default();
    press(&mut ui, &some(), "↓\n");
    for (width, height) in [(80, 24), (40, 10)] {
        let picture = drawn(&mut ui, &some(), width, height);
        insta::assert_snapshot!(format!("log_{width}x{height}"), picture);
    }
}

#[test]
fn below_the_smallest_it_says_so() {
    for (width, height) in [(39, 10), (40, 9)] {
        let picture = drawn(&mut Ui::default(), &some(), width, height);
        assert!(picture.contains("monitor needs 40 × 10"), "{picture}");
    }
    // Nothing fits there, and nothing breaks either.
    for (width, height) in [(1, 1), (3, 40), (200, 1)] {
        drawn(&mut Ui::default(), &some(), width, height);
    }
}

#[test]
fn no_size_and_no_screen_breaks_it() {
    let model = some();
    for keys in ["", "\n", "?", "/abc", "\n/abc", "sss", "p"] {
        let mut ui = Ui::default();
        press(&mut ui, &model, keys);
        for width in (40..=200).step_by(17) {
            for height in (10..40).step_by(3) {
                drawn(&mut ui, &model, width, height);
            }
        }
    }
}

#[test]
fn nothing_from_the_network_reaches_the_terminal_raw() {
    let mut ui = Ui::default();
    press(&mut ui, &some(), "↓\n");
    let picture = drawn(&mut ui, &some(), 80, 24);
    assert!(picture.contains("·[2Jinv·"), "{picture}");
    assert!(!picture.contains('\x1b'));
}

#[test]
fn what_is_missing_is_never_hidden() {
    let mut model = some();
    model.lost(12, NOW);
    let mut ui = Ui::default();
    press(
        &mut ui,
        &model,
        "/some long filter that takes all of the line away",
    );
    let picture = drawn(&mut ui, &model, 40, 10);
    assert!(picture.contains("12 events lost"), "{picture}");
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    with(&model, &standing(), &Recording::On, |shown| {
        terminal.draw(|frame| draw(frame, &mut ui, shown)).unwrap();
    });
    let red = terminal.backend().buffer().content();
    let red: String = red
        .iter()
        .filter(|cell| cell.fg == ratatui::style::Color::Red)
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert_eq!(red, "12 events lost");
}

#[test]
fn without_colours_there_are_none() {
    let model = some();
    let mut terminal = Terminal::new(TestBackend::new(120, 24)).unwrap();
    with(&model, &standing(), &Recording::On, |shown| {
        let shown = Shown {
            theme: Theme::new(false),
            ..*shown
        };
        terminal
            .draw(|frame| draw(frame, &mut Ui::default(), &shown))
            .unwrap();
    });
    let reset = ratatui::style::Color::Reset;
    let cells = terminal.backend().buffer().content();
    assert!(
        cells
            .iter()
            .all(|cell| cell.fg == reset && cell.bg == reset)
    );
}

#[test]
fn an_empty_screen_says_why() {
    let nobody = Standing {
        others: vec![(99, "/home/ada/bitcoind".into())],
        ..Standing::default()
    };
    let model = Model::default();
    with(&model, &nobody, &Recording::None, |shown| {
        insta::assert_snapshot!("nobody_runs", painted(&mut Ui::default(), shown, 80, 12));
    });
    let mut quiet = Model::default();
    quiet.node(PID).unasked = Some("error: timeout on transient error: Could not connect".into());
    insta::assert_snapshot!("quiet", drawn(&mut Ui::default(), &quiet, 80, 12));
    let mut ui = Ui::default();
    press(&mut ui, &some(), "/nobody\n");
    let picture = drawn(&mut ui, &some(), 80, 12);
    assert!(picture.contains("No peer has “nobody”"), "{picture}");
}

#[test]
fn a_record_that_cannot_be_written_is_said() {
    let failed = Recording::Failed("/home/ada/x: No space left on device".into());
    with(&some(), &standing(), &failed, |shown| {
        let picture = painted(&mut Ui::default(), shown, 80, 12);
        assert!(picture.contains("No space left"), "{picture}");
    });
}

fn order(ui: &Ui, model: &Model) -> Vec<i64> {
    ui.visible(model, NOW).iter().map(|id| id.peer).collect()
}

#[test]
fn peers_are_sorted_and_filtered() {
    let model = some();
    let mut ui = Ui::default();
    assert_eq!(order(&ui, &model), [2, 3, 12]);
    let mut orders = Vec::new();
    for _ in 0..5 {
        press(&mut ui, &model, "s");
        orders.push((ui.sort.word(), order(&ui, &model)));
    }
    assert_eq!(
        orders,
        [
            ("last message", vec![2, 12, 3]),
            ("bytes", vec![2, 3, 12]),
            ("rate", vec![2, 12, 3]),
            ("ping", vec![2, 3, 12]),
            ("peer", vec![2, 3, 12]),
        ]
    );
    press(&mut ui, &model, "/onion");
    assert_eq!(order(&ui, &model), [3]);
    press(&mut ui, &model, "\x1bc");
    assert_eq!(order(&ui, &model), [2, 12]);
    press(&mut ui, &model, "/12\n");
    assert_eq!(order(&ui, &model), [12]);
}

#[test]
fn the_selection_stays_with_its_peer() {
    let mut model = some();
    let mut ui = Ui::default();
    press(&mut ui, &model, "↓");
    let selected = |ui: &Ui, model: &Model| {
        let visible = ui.visible(model, NOW);
        ui.selected(&visible).map(|at| visible[at].peer)
    };
    assert_eq!(selected(&ui, &model), Some(3));
    press(&mut ui, &model, "s");
    assert_eq!(selected(&ui, &model), Some(3));
    // Gone: the one in its place.
    press(&mut ui, &model, "s");
    model.peers.remove(&PeerId { pid: PID, peer: 3 });
    assert_eq!(selected(&ui, &model), Some(12));
    press(&mut ui, &model, "↑↑↑↑");
    assert_eq!(selected(&ui, &model), Some(2));
    model.peers.clear();
    assert_eq!(selected(&ui, &model), None);
    press(&mut ui, &model, "↓\n");
}

#[test]
fn a_log_is_followed_until_it_is_scrolled() {
    let mut model = some();
    let ada = ("10.231.176.11:48333", "manual");
    for at in 0..100 {
        model.apply(&message(
            133_000 + at,
            2,
            ada,
            Direction::Inbound,
            "inv",
            at,
        ));
    }
    let mut ui = Ui::default();
    press(&mut ui, &model, "\n");
    let sees = |ui: &mut Ui, model: &Model| drawn(ui, model, 80, 12);
    assert!(sees(&mut ui, &model).contains(" 99 B"));
    press(&mut ui, &model, "↑↑↑");
    let before = sees(&mut ui, &model);
    assert!(
        before.contains(" 96 B") && !before.contains(" 97 B"),
        "{before}"
    );
    // New messages do not move what is read.
    model.apply(&message(134_000, 2, ada, Direction::Inbound, "inv", 7));
    assert_eq!(sees(&mut ui, &model).lines().nth(9), before.lines().nth(9));
    press(&mut ui, &model, "⇱");
    let top = sees(&mut ui, &model);
    assert!(top.contains("→ ping"), "{top}");
    press(&mut ui, &model, "⇲");
    assert!(sees(&mut ui, &model).contains(" 7 B"));
    press(&mut ui, &model, "/block\n");
    let filtered = sees(&mut ui, &model);
    assert!(
        filtered.contains("block") && !filtered.contains("inv"),
        "{filtered}"
    );
    // One Esc for the filter, one for the log.
    press(&mut ui, &model, "\x1b");
    assert_eq!(ui.screen, Screen::Log);
    press(&mut ui, &model, "\x1b");
    assert_eq!(ui.screen, Screen::Peers);
}

#[test]
fn keys_that_end_or_pause() {
    let model = some();
    let key = |ui: &mut Ui, letter, modifiers| {
        ui.key(KeyEvent::new(KeyCode::Char(letter), modifiers), &model, NOW)
    };
    let mut ui = Ui::default();
    assert_eq!(key(&mut ui, 'p', KeyModifiers::NONE), Action::Pause);
    assert!(drawn(&mut ui, &model, 80, 12).contains("PAUSED"));
    assert_eq!(key(&mut ui, 'q', KeyModifiers::NONE), Action::Quit);
    // While a filter is typed, letters are letters.
    key(&mut ui, '/', KeyModifiers::NONE);
    assert_eq!(key(&mut ui, 'q', KeyModifiers::NONE), Action::Stay);
    assert_eq!(ui.filter(), "q");
    assert_eq!(key(&mut ui, 'c', KeyModifiers::CONTROL), Action::Quit);
}
