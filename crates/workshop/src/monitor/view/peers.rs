//! The list of peers. Columns that there is no room for are left out, the least needed first.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState, Wrap};

use exercises::recording::{Direction, PeerId};

use super::super::input::Ui;
use super::super::model::{Peer, Progress};
use super::{Shown, format};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Pid,
    Id,
    Addr,
    Type,
    Received,
    ReceivedBytes,
    ReceivedRate,
    Sent,
    SentBytes,
    SentRate,
    Ping,
    Handshake,
    Last,
    Age,
}

use Column as C;

/// What room is given to, one after the other, while there is any.
const BY_NEED: [&[(Column, u16)]; 14] = [
    &[(C::Id, 4)],
    &[(C::Addr, 15)],
    &[(C::Received, 5), (C::Sent, 5)],
    &[(C::Age, 3)],
    &[(C::Type, 10)],
    &[(C::ReceivedBytes, 6), (C::SentBytes, 6)],
    &[(C::Last, 11)],
    // Every IPv4 address with its port.
    &[(C::Addr, 21)],
    &[(C::Ping, 7)],
    &[(C::Handshake, 9)],
    &[(C::ReceivedRate, 8), (C::SentRate, 8)],
    // `← sendtxrcncl`, `outbound-full-relay`, and an IPv6 address with its port.
    &[(C::Last, 14)],
    &[(C::Type, 19)],
    &[(C::Addr, 47)],
];

/// In the order in which they stand.
const BY_PLACE: [Column; 14] = [
    C::Pid,
    C::Id,
    C::Addr,
    C::Type,
    C::Received,
    C::ReceivedBytes,
    C::ReceivedRate,
    C::Sent,
    C::SentBytes,
    C::SentRate,
    C::Ping,
    C::Handshake,
    C::Last,
    C::Age,
];

/// Lines that so many peers need.
pub(super) fn height(peers: usize) -> u16 {
    u16::try_from(peers + 1).unwrap_or(u16::MAX)
}

pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    ui: &mut Ui,
    shown: &Shown<'_>,
    visible: &[PeerId],
) {
    ui.page = usize::from(area.height.saturating_sub(1));
    if visible.is_empty() {
        let text = Paragraph::new(nobody(ui, shown)).wrap(Wrap { trim: true });
        frame.render_widget(text, area);
        return;
    }
    let several_nodes = visible.windows(2).any(|pair| pair[0].pid != pair[1].pid);
    let columns = columns(area.width, several_nodes);
    let header = columns.iter().map(|(column, _)| column.title());
    let selected = ui.selected(visible);
    let rows = visible.iter().filter_map(|id| {
        let peer = shown.model.peers.get(id)?;
        let cells = columns
            .iter()
            .map(|(column, width)| column.cell(*id, peer, *width, shown));
        let ended = if peer.closed.is_some() {
            shown.theme.quiet()
        } else {
            Style::new()
        };
        Some(Row::new(cells.collect::<Vec<_>>()).style(ended))
    });
    let widths = columns.iter().map(|(_, width)| Constraint::Length(*width));
    let table = Table::new(rows.collect::<Vec<_>>(), widths.collect::<Vec<_>>())
        .header(Row::new(header.collect::<Vec<_>>()).style(shown.theme.quiet()))
        .column_spacing(1)
        .row_highlight_style(shown.theme.selected());
    let mut state = TableState::new().with_selected(selected);
    frame.render_stateful_widget(table, area, &mut state);
}

/// Why the list is empty.
fn nobody<'a>(ui: &Ui, shown: &Shown<'_>) -> Text<'a> {
    let mut lines = Vec::new();
    if !shown.model.peers.is_empty() {
        let what = if ui.filter().is_empty() {
            "Every connection has ended; c shows them.".to_owned()
        } else {
            format!("No peer has “{}” in its address or type.", ui.filter())
        };
        return Text::from(what);
    }
    if shown.standing.pids.is_empty() {
        lines.push(format!("No process runs {}.", shown.program));
        for (pid, path) in &shown.standing.others {
            lines.push(format!("{pid} runs another file, {}.", path.display()));
        }
        lines.push("It is seen as soon as it starts.".to_owned());
    } else {
        lines.push(
            "No peer has said anything yet. On a quiet network that may take two minutes."
                .to_owned(),
        );
    }
    Text::from_iter(lines)
}

/// Which columns fit, and how wide they are.
fn columns(width: u16, several_nodes: bool) -> Vec<(Column, u16)> {
    let mut chosen: Vec<(Column, u16)> = Vec::new();
    let taken = |chosen: &[(Column, u16)]| {
        let gaps = chosen.len().saturating_sub(1) as u16;
        chosen.iter().map(|(_, width)| width).sum::<u16>() + gaps
    };
    let pid: &[(Column, u16)] = &[(C::Pid, 7)];
    for step in several_nodes.then_some(pid).into_iter().chain(BY_NEED) {
        let mut with = chosen.clone();
        let spare = width.saturating_sub(taken(&chosen));
        for (column, wanted) in step {
            match with.iter_mut().find(|(one, _)| one == column) {
                // A column that is there grows as far as it can.
                Some((_, width)) => *width += (wanted - *width).min(spare),
                None => with.push((*column, *wanted)),
            }
        }
        if taken(&with) <= width {
            chosen = with;
        }
    }
    let place = |column: Column| BY_PLACE.iter().position(|one| *one == column);
    chosen.sort_by_key(|(column, _)| place(*column));
    chosen
}

impl Column {
    fn title(self) -> Cell<'static> {
        let title = match self {
            C::Pid => "process",
            C::Id => "peer",
            C::Addr => "address",
            C::Type => "type",
            C::Received => "←msgs",
            C::ReceivedBytes => "←bytes",
            C::ReceivedRate => "← now",
            C::Sent => "→msgs",
            C::SentBytes => "→bytes",
            C::SentRate => "→ now",
            C::Ping => "ping",
            C::Handshake => "handshake",
            C::Last => "last message",
            C::Age => "ago",
        };
        let line = Line::from(title);
        Cell::from(if self.is_number() {
            line.right_aligned()
        } else {
            line
        })
    }

    fn is_number(self) -> bool {
        !matches!(self, C::Addr | C::Type | C::Last | C::Handshake)
    }

    fn cell<'a>(self, id: PeerId, peer: &Peer, width: u16, shown: &Shown<'_>) -> Cell<'a> {
        let theme = shown.theme;
        let room = usize::from(width);
        let (received, sent) = (&peer.received, &peer.sent);
        let (text, style) = match self {
            C::Pid => (id.pid.to_string(), Style::new()),
            C::Id => (id.peer.to_string(), Style::new()),
            C::Addr => (
                format::shortened(or_unknown(&peer.addr), room),
                Style::new(),
            ),
            C::Type => (connection_type(&peer.connection_type, room), Style::new()),
            C::Received => (format::count(received.total.messages), theme.received()),
            C::ReceivedBytes => (format::tight(received.total.bytes), theme.received()),
            C::ReceivedRate => (format::rate(received.rate(shown.now).1), theme.received()),
            C::Sent => (format::count(sent.total.messages), theme.sent()),
            C::SentBytes => (format::tight(sent.total.bytes), theme.sent()),
            C::SentRate => (format::rate(sent.rate(shown.now).1), theme.sent()),
            C::Ping => (
                peer.ping().map(format::took).unwrap_or_default(),
                Style::new(),
            ),
            C::Handshake => handshake(peer, theme),
            C::Last => return last(peer, room, shown),
            C::Age => (age(peer, shown), Style::new()),
        };
        let line = Line::styled(text, style);
        Cell::from(if self.is_number() {
            line.right_aligned()
        } else {
            line
        })
    }
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "?" } else { text }
}

/// Bitcoin Core's name for it, or what tells it from the others.
fn connection_type(name: &str, room: usize) -> String {
    let short = match name {
        _ if name.len() <= room => name,
        "outbound-full-relay" => "full-relay",
        "block-relay-only" => "block-only",
        other => other,
    };
    format::shortened(or_unknown(short), room)
}

fn handshake(peer: &Peer, theme: super::Theme) -> (String, Style) {
    match peer.handshake() {
        Progress::Complete { took } => (format::took(took), theme.good()),
        Progress::Partly => ("partly".to_owned(), Style::new()),
        Progress::Earlier => ("earlier".to_owned(), theme.quiet()),
        Progress::UnderWay if peer.closed.is_some() => ("never".to_owned(), theme.remark()),
        Progress::UnderWay => ("…".to_owned(), theme.remark()),
    }
}

fn last<'a>(peer: &Peer, room: usize, shown: &Shown<'_>) -> Cell<'a> {
    if peer.closed.is_some() {
        let word = if peer.evicted { "evicted" } else { "closed" };
        return Cell::from(Span::styled(word, shown.theme.remark()));
    }
    let Some(last) = &peer.last else {
        return Cell::from("");
    };
    let (arrow, style) = match last.direction {
        Direction::Inbound => ("← ", shown.theme.received()),
        Direction::Outbound => ("→ ", shown.theme.sent()),
    };
    let kind = format::shortened(&last.kind, room.saturating_sub(2));
    Cell::from(Line::from(vec![
        Span::styled(arrow, style),
        Span::raw(kind),
    ]))
}

/// Since the last message, or since the end.
fn age(peer: &Peer, shown: &Shown<'_>) -> String {
    let at = peer.closed.or(peer.last.as_ref().map(|last| last.at));
    at.map(|at| format::age(shown.now.saturating_sub(at)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_never_take_more_than_there_is() {
        for width in 40..250 {
            for several in [false, true] {
                let columns = columns(width, several);
                let sum: u16 = columns.iter().map(|(_, width)| width).sum();
                let gaps = columns.len() as u16 - 1;
                assert!(sum + gaps <= width, "{width}: {columns:?}");
                for needed in [C::Id, C::Addr, C::Received, C::Sent] {
                    assert!(columns.iter().any(|(one, _)| *one == needed), "{width}");
                }
            }
        }
    }

    #[test]
    fn eighty_columns_have_what_a_task_asks_for() {
        let columns: Vec<_> = columns(80, false).into_iter().map(|(one, _)| one).collect();
        let wanted = [
            C::Id,
            C::Addr,
            C::Type,
            C::Received,
            C::ReceivedBytes,
            C::Sent,
            C::SentBytes,
            C::Last,
            C::Age,
        ];
        assert_eq!(columns, wanted);
    }
}
