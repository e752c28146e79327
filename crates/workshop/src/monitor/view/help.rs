//! What the keys and columns mean.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::Shown;

const KEYS: [(&str, &str); 9] = [
    ("↑ ↓  j k", "choose a peer; PgUp PgDn Home End too"),
    ("Enter", "its log, live; Esc goes back"),
    ("s", "sort: peer, last message, bytes, rate, ping"),
    ("/", "only peers (in the log: messages) with this in them"),
    ("p", "pause the screen; counting goes on"),
    ("c", "hide or show connections that ended"),
    ("q", "quit"),
    (
        "← →",
        "received and sent by the node: messages and bytes of payload since the start",
    ),
    (
        "ping",
        "the node's latest ping, from when it was sent to when its pong was handled",
    ),
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, shown: &Shown<'_>) {
    let lines = KEYS.iter().map(|(key, what)| {
        Line::from(vec![
            Span::styled(format!("{key:<9} "), shown.theme.strong()),
            Span::raw(*what),
        ])
    });
    let text: Vec<_> = lines.collect();
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }), area);
}
