//! What is watched, and how much goes on.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Sparkline;

use super::super::input::Ui;
use super::super::model::{HISTORY, Traffic};
use super::{Recording, Shown, both_ends, format};

/// What the second line needs before there is room for graphs.
const TEXT: u16 = 84;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, ui: &Ui, shown: &Shown<'_>) {
    let [first, second] = Layout::vertical([Constraint::Length(1); 2]).areas(area);
    let room = area.width.saturating_sub(TEXT).min(HISTORY as u16);
    if area.height < 2 || room < 20 {
        draw_node(frame, first, ui, shown);
        frame.render_widget(fitting(second.width, traffic(shown)), second);
        return;
    }
    let columns = [
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(room),
    ];
    let [left, _, graph] = Layout::horizontal(columns).areas(first);
    draw_node(frame, left, ui, shown);
    let theme = shown.theme;
    draw_graph(
        frame,
        graph,
        "←",
        &shown.model.received,
        shown,
        theme.received(),
    );
    let [left, _, graph] = Layout::horizontal(columns).areas(second);
    frame.render_widget(fitting(left.width, traffic(shown)), left);
    draw_graph(frame, graph, "→", &shown.model.sent, shown, theme.sent());
}

/// Bytes by second of the last minute, one column each.
fn draw_graph(
    frame: &mut Frame<'_>,
    area: Rect,
    arrow: &str,
    traffic: &Traffic<HISTORY>,
    shown: &Shown<'_>,
    style: ratatui::style::Style,
) {
    let [label, graph] =
        Layout::horizontal([Constraint::Length(2), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Span::styled(arrow.to_owned(), style), label);
    let seconds = usize::from(graph.width);
    let bytes: Vec<u64> = traffic
        .last(shown.now, seconds)
        .map(|one| one.bytes)
        .collect();
    // The current second is at the right edge from the start.
    let missing = seconds.saturating_sub(bytes.len());
    let bytes = std::iter::repeat_n(0, missing).chain(bytes);
    frame.render_widget(Sparkline::default().data(bytes).style(style), graph);
}

fn draw_node(frame: &mut Frame<'_>, area: Rect, ui: &Ui, shown: &Shown<'_>) {
    let state = state(ui, shown);
    let taken = u16::try_from(state.width() + 1).unwrap_or(u16::MAX);
    let node = fitting(area.width.saturating_sub(taken), node(shown));
    both_ends(frame, area, node, state);
}

/// The first of the lines that fits, else the last one.
fn fitting<'a, const N: usize>(width: u16, lines: [Line<'a>; N]) -> Line<'a> {
    let mut last = Line::default();
    for line in lines {
        last = line;
        if last.width() <= usize::from(width) {
            break;
        }
    }
    last
}

/// Which node, and how many peers it has; first with everything, then with less.
fn node<'a>(shown: &Shown<'_>) -> [Line<'a>; 3] {
    let name = shown.program.rsplit('/').next().unwrap_or(shown.program);
    let running: Vec<_> = shown.model.running().collect();
    let which = match running.as_slice() {
        [] => " does not run".to_owned(),
        [(pid, node)] => match &node.chain {
            Some(chain) => format!(" {pid} on {chain}"),
            None => format!(" {pid}"),
        },
        several => format!(" × {}", several.len()),
    };
    let (mut peers, mut inbound) = (0, 0);
    for (_, peer) in shown.model.open() {
        peers += 1;
        inbound += usize::from(peer.is_inbound());
    }
    let count = match peers {
        0 => "no peers".to_owned(),
        1 => "1 peer".to_owned(),
        peers => format!("{peers} peers"),
    };
    let outbound = peers - inbound;
    let split = match peers {
        0 => count.clone(),
        _ => format!("{count}: {inbound} inbound, {outbound} outbound"),
    };
    let line = |which: &str, peers: &str| {
        Line::from(vec![
            Span::styled(name.to_owned(), shown.theme.strong()),
            Span::raw(format!("{which} · {peers}")),
        ])
    };
    [line(&which, &split), line("", &split), line("", &count)]
}

/// What is special just now.
fn state<'a>(ui: &Ui, shown: &Shown<'_>) -> Line<'a> {
    let theme = shown.theme;
    if ui.paused {
        return Line::styled("PAUSED", theme.selected());
    }
    match shown.recording {
        Recording::None => Line::default(),
        Recording::On => Line::styled("recording", theme.good()),
        Recording::Full => Line::styled("record full", theme.remark()),
        Recording::Failed(_) => Line::styled("not recorded", theme.alarm()),
    }
}

/// How much there was and is, first with everything, then with less.
fn traffic<'a>(shown: &Shown<'_>) -> [Line<'a>; 3] {
    let theme = shown.theme;
    let way = |arrow, traffic: &Traffic<HISTORY>, style, detail| {
        let (messages, bytes) = traffic.rate(shown.now);
        let count = format::count(traffic.total.messages);
        let total = format::bytes(traffic.total.bytes as f64);
        let messages = format::frequency(messages);
        let bytes = format::rate(bytes);
        let text = match detail {
            0 => format!("{arrow} {count} messages, {total}; now {messages}, {bytes}"),
            1 => format!("{arrow} {count}, {total}; now {bytes}"),
            _ => format!("{arrow} {count}, {total}"),
        };
        Span::styled(text, style)
    };
    [0, 1, 2].map(|detail| {
        Line::from(vec![
            way("←", &shown.model.received, theme.received(), detail),
            Span::raw("   "),
            way("→", &shown.model.sent, theme.sent(), detail),
        ])
    })
}
