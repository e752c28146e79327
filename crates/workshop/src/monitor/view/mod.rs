//! Draws what is known onto a terminal of any size.

mod footer;
mod format;
mod header;
mod help;
mod log;
mod peers;
mod theme;

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::input::{Screen, Ui};
use super::model::Model;
use super::source::Standing;

pub(crate) use self::theme::Theme;

/// The smallest terminal in which the monitor is of use.
const SMALLEST: (u16, u16) = (40, 10);
/// From this height on the selected peer's log has its place below the list.
const WITH_LOG: u16 = 22;
/// From this height on the header has two lines.
const TALL: u16 = 14;

/// What there is to be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) model: &'a Model,
    pub(crate) now: Duration,
    pub(crate) standing: &'a Standing,
    /// The traced program's path.
    pub(crate) program: &'a str,
    pub(crate) recording: &'a Recording,
    /// The wall clock at the start.
    pub(crate) start: Timestamp,
    pub(crate) zone: &'a TimeZone,
    pub(crate) theme: Theme,
}

/// How the record is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Recording {
    #[default]
    None,
    On,
    Full,
    Failed(String),
}

/// Draws everything.
pub(crate) fn draw(frame: &mut Frame<'_>, ui: &mut Ui, shown: &Shown<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(frame, area);
        return;
    }
    let header = if area.height >= TALL { 2 } else { 1 };
    let [top, body, bottom] = Layout::vertical([
        Constraint::Length(header),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    header::draw(frame, top, ui, shown);
    let visible = ui.visible(shown.model, shown.now);
    if ui.help {
        help::draw(frame, body, shown);
    } else if ui.screen == Screen::Log {
        log::screen(frame, body, ui, shown, ui.shown_peer(&visible));
    } else if area.height >= WITH_LOG {
        let [list, below] = Layout::vertical([
            // All of a workshop's peers fit; of many more, the list takes the larger part.
            Constraint::Length(peers::height(visible.len()).clamp(4, body.height * 3 / 5)),
            Constraint::Fill(1),
        ])
        .areas(body);
        peers::draw(frame, list, ui, shown, &visible);
        log::below(frame, below, ui, shown, ui.shown_peer(&visible));
    } else {
        peers::draw(frame, body, ui, shown, &visible);
    }
    footer::draw(frame, bottom, ui, shown);
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let text = format!(
        "This terminal has {} × {} characters; the monitor needs {} × {}. q quits.",
        area.width, area.height, SMALLEST.0, SMALLEST.1
    );
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
}

/// A line that keeps `right` at the right edge, and gives up `left`'s end for it.
fn both_ends(frame: &mut Frame<'_>, area: Rect, left: Line<'_>, right: Line<'_>) {
    let width = u16::try_from(right.width()).unwrap_or(u16::MAX);
    let gap = if width == 0 { 0 } else { 1 };
    let [start, _, end] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(gap),
        Constraint::Length(width.min(area.width)),
    ])
    .areas(area);
    frame.render_widget(left, start);
    frame.render_widget(right, end);
}

#[cfg(test)]
mod tests;
