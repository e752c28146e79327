//! What is watched, and how much goes on.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Sparkline;

use super::super::input::Ui;
use super::super::model::{HISTORY, Traffic};
use super::{Recording, Shown, both_ends, format};

/// What the second line needs before there is room for graphs.
const TEXT: u16 = 66;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, ui: &Ui, shown: &Shown<'_>) {
    let [first, second] = Layout::vertical([Constraint::Length(1); 2]).areas(area);
    let room = area.width.saturating_sub(TEXT).min(HISTORY as u16);
    if area.height < 2 || room < 20 {
        both_ends(frame, first, node(shown), state(ui, shown));
        if area.height >= 2 {
            frame.render_widget(traffic(shown), second);
        }
        return;
    }
    let columns = [
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(room),
    ];
    let [left, _, graph] = Layout::horizontal(columns).areas(first);
    both_ends(frame, left, node(shown), state(ui, shown));
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
    frame.render_widget(traffic(shown), left);
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

/// Which node, and how many peers it has.
fn node<'a>(shown: &Shown<'a>) -> Line<'a> {
    let name = shown.program.rsplit('/').next().unwrap_or(shown.program);
    let mut spans = vec![Span::styled(name, shown.theme.strong())];
    let running: Vec<_> = shown.model.running().collect();
    match running.as_slice() {
        [] => spans.push(Span::raw(" does not run")),
        [(pid, node)] => {
            spans.push(Span::raw(format!(" {pid}")));
            if let Some(chain) = &node.chain {
                spans.push(Span::raw(format!(" on {chain}")));
            }
        }
        several => spans.push(Span::raw(format!(" × {}", several.len()))),
    }
    let (mut peers, mut inbound) = (0, 0);
    for (_, peer) in shown.model.open() {
        peers += 1;
        inbound += usize::from(peer.is_inbound());
    }
    let noun = if peers == 1 { "peer" } else { "peers" };
    spans.push(Span::raw(format!(" · {peers} {noun}")));
    if peers > 0 {
        let outbound = peers - inbound;
        spans.push(Span::raw(format!(
            ": {inbound} inbound, {outbound} outbound"
        )));
    }
    Line::from(spans)
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

fn traffic<'a>(shown: &Shown<'_>) -> Line<'a> {
    let theme = shown.theme;
    let way = |arrow, traffic: &Traffic<HISTORY>, style| {
        let (messages, bytes) = traffic.rate(shown.now);
        let text = format!(
            "{arrow} {} messages {}  {} {}",
            format::count(traffic.total.messages),
            format::bytes(traffic.total.bytes as f64),
            format::frequency(messages),
            format::rate(bytes),
        );
        Span::styled(text, style)
    };
    Line::from(vec![
        way("←", &shown.model.received, theme.received()),
        Span::raw("   "),
        way("→", &shown.model.sent, theme.sent()),
    ])
}
