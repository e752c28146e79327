//! One peer: what is known of it, and what is said.

use std::time::Duration;

use exercises::recording::{Direction, PeerId};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Paragraph, Wrap};

use super::super::input::Ui;
use super::super::model::{Entry, Logged, Peer, Progress, Remark};
use super::{Shown, format};

/// From this width on a log's lines have milliseconds and words.
const WIDE: u16 = 66;

/// The whole body for one peer.
pub(super) fn screen(
    frame: &mut Frame<'_>,
    area: Rect,
    ui: &mut Ui,
    shown: &Shown<'_>,
    id: Option<PeerId>,
) {
    draw(frame, area, ui, shown, id, true);
}

/// The part below the list.
pub(super) fn below(
    frame: &mut Frame<'_>,
    area: Rect,
    ui: &mut Ui,
    shown: &Shown<'_>,
    id: Option<PeerId>,
) {
    draw(frame, area, ui, shown, id, false);
}

fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    ui: &mut Ui,
    shown: &Shown<'_>,
    id: Option<PeerId>,
    whole: bool,
) {
    let peer = id.and_then(|id| Some((id, shown.model.peers.get(&id)?)));
    let Some((id, peer)) = peer else {
        if whole {
            let text = "This connection ended, and others have taken its place. Esc goes back.";
            frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        }
        return;
    };
    let title = format!(
        " peer {} {} ",
        id.peer,
        format::shortened(&peer.addr, usize::from(area.width.saturating_sub(14)))
    );
    let block = Block::new()
        .borders(Borders::TOP)
        .title(Span::styled(title, shown.theme.strong()));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let about = about(peer, shown);
    let lines = wrapped_height(&about, inside.width)
        .min(inside.height / 3)
        .max(1);
    let [top, rest] =
        Layout::vertical([Constraint::Length(lines), Constraint::Fill(1)]).areas(inside);
    frame.render_widget(Paragraph::new(about).wrap(Wrap { trim: true }), top);
    if whole {
        ui.page = usize::from(rest.height);
    }
    frame.render_widget(Text::from_iter(lines_of(peer, ui, shown, rest)), rest);
}

/// How many lines the text takes at most when its words are wrapped.
fn wrapped_height(text: &Text<'_>, width: u16) -> u16 {
    let width = usize::from(width.max(1));
    let lines = text
        .lines
        .iter()
        .map(|line| line.width().div_ceil(width).max(1));
    u16::try_from(lines.sum::<usize>()).unwrap_or(u16::MAX)
}

fn about<'a>(peer: &Peer, shown: &Shown<'_>) -> Text<'a> {
    let mut first = vec![if peer.connection_type.is_empty() {
        "unknown type".to_owned()
    } else {
        peer.connection_type.clone()
    }];
    let mut wire = None;
    if let Some(info) = &peer.info {
        let about = [&info.network, &info.transport_protocol_type, &info.subver];
        let about = about.into_iter().filter(|text| !text.is_empty());
        first.extend(about.cloned());
        if info.conntime > 0 {
            let now = shown.start.as_second() + i64::try_from(shown.now.as_secs()).unwrap_or(0);
            let seconds = u64::try_from(now - info.conntime).unwrap_or(0);
            first.push(format!(
                "connected {} ago",
                format::age(Duration::from_secs(seconds))
            ));
        }
        wire = Some(format!(
            "on the wire since then, as the node counts it: ← {} → {}",
            format::bytes(info.bytesrecv as f64),
            format::bytes(info.bytessent as f64)
        ));
    }
    if peer.misbehaved > 0 {
        first.push(format!("misbehaved {}×", peer.misbehaved));
    }
    let mut second = vec![handshake(peer)];
    second.extend(pings(peer));
    let mut lines = vec![
        Line::from(first.join(" · ")),
        Line::from(second.join(" · ")),
    ];
    lines.extend(wire.map(|wire| Line::styled(wire, shown.theme.quiet())));
    Text::from(lines)
}

fn handshake(peer: &Peer) -> String {
    match peer.handshake() {
        Progress::Complete { took } => format!("handshake complete in {}", format::took(took)),
        Progress::Earlier => "handshake before the monitor started".to_owned(),
        Progress::UnderWay | Progress::Partly => {
            let seen: Vec<_> = peer
                .handshake_seen()
                .map(|(word, direction)| format!("{} {word}", arrow(direction)))
                .collect();
            match seen.as_slice() {
                [] => "no handshake yet".to_owned(),
                seen => format!("of the handshake only {}", seen.join(", ")),
            }
        }
    }
}

fn pings(peer: &Peer) -> impl Iterator<Item = String> {
    let ours = &peer.pings_sent;
    let sent = ours.last.zip(ours.least).map(|(last, least)| {
        format!(
            "ping answered in {} (least {}, {}×)",
            format::took(last),
            format::took(least),
            ours.answered
        )
    });
    let theirs = &peer.pings_received;
    let received = theirs.last.map(|last| {
        format!(
            "its pings answered in {} ({}×)",
            format::took(last),
            theirs.answered
        )
    });
    sent.into_iter().chain(received)
}

fn arrow(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "←",
        Direction::Outbound => "→",
    }
}

/// The last lines that are shown, or those before the place that was scrolled to.
fn lines_of<'a>(peer: &Peer, ui: &Ui, shown: &Shown<'_>, area: Rect) -> Vec<Line<'a>> {
    let last = ui.scroll.unwrap_or(u64::MAX);
    let entries = peer.log.iter().rev().filter(|(number, entry)| {
        let fits = match &entry.what {
            Logged::Message { kind, .. } => ui.shows_message(kind),
            _ => true,
        };
        *number <= last && fits
    });
    let mut lines: Vec<_> = entries
        .take(usize::from(area.height))
        .map(|(_, entry)| line(entry, shown, area.width >= WIDE))
        .collect();
    lines.reverse();
    if lines.is_empty() {
        lines.push(Line::styled("nothing was said yet", shown.theme.quiet()));
    }
    lines
}

fn line<'a>(entry: &Entry, shown: &Shown<'_>, wide: bool) -> Line<'a> {
    let theme = shown.theme;
    let at = jiff::SignedDuration::try_from(entry.at).unwrap_or_default();
    let at = shown.start.checked_add(at).unwrap_or(shown.start);
    let at = at.to_zoned_datetime(shown.zone.clone());
    let time = at.strftime(if wide { "%H:%M:%S%.3f " } else { "%H:%M:%S " });
    let mut spans = vec![Span::styled(time.to_string(), theme.quiet())];
    match &entry.what {
        Logged::Message {
            direction,
            kind,
            bytes,
            remark,
        } => {
            let style = match direction {
                Direction::Inbound => theme.received(),
                Direction::Outbound => theme.sent(),
            };
            let arrow = arrow(*direction);
            let width = if wide { 12 } else { 10 };
            spans.push(Span::styled(format!("{arrow} {kind:<width$}"), style));
            spans.push(Span::raw(format!(" {:>7}", format::bytes(*bytes as f64))));
            let remark = remark.map(|remark| match remark {
                Remark::After(took) if wide => format!("  {} after its ping", format::took(took)),
                Remark::Handshake(took) if wide => {
                    format!("  completes the handshake, {}", format::took(took))
                }
                Remark::After(took) | Remark::Handshake(took) => {
                    format!("  {}", format::took(took))
                }
            });
            spans.extend(remark.map(|text| Span::styled(text, theme.good())));
        }
        Logged::Connected => spans.push(Span::styled("connected", theme.good())),
        Logged::Closed => spans.push(Span::styled("closed", theme.remark())),
        Logged::Evicted => {
            spans.push(Span::styled(
                "evicted to make room for another",
                theme.remark(),
            ));
        }
        Logged::Misbehaving(reason) => {
            spans.push(Span::styled(
                format!("misbehaves: {reason}"),
                theme.remark(),
            ));
        }
    }
    Line::from(spans)
}
