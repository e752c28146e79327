//! What went wrong, else which keys there are.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::input::{Screen, Ui};
use super::{Recording, Shown, both_ends, format};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, ui: &Ui, shown: &Shown<'_>) {
    let lost = lost(shown);
    if ui.typing || !ui.filter().is_empty() {
        let cursor = if ui.typing { "▏" } else { "" };
        let help = if ui.typing {
            "Enter keeps it, Esc drops it"
        } else {
            "Esc drops it"
        };
        let typed = Line::from(vec![
            Span::styled(format!("/{}{cursor}", ui.filter()), shown.theme.strong()),
            Span::styled(format!("  {help}"), shown.theme.quiet()),
        ]);
        both_ends(frame, area, typed, lost);
        return;
    }
    let line = trouble(shown).unwrap_or_else(|| keys(ui, shown, area.width));
    both_ends(frame, area, line, lost);
}

/// Never given up for anything else: with events missing, no number is exact.
fn lost<'a>(shown: &Shown<'_>) -> Line<'a> {
    match shown.model.lost {
        0 => Line::default(),
        1 => Line::styled("1 event lost", shown.theme.alarm()),
        lost => {
            let text = format!("{} events lost", format::count(lost));
            Line::styled(text, shown.theme.alarm())
        }
    }
}

fn trouble<'a>(shown: &Shown<'_>) -> Option<Line<'a>> {
    if let Recording::Failed(why) = shown.recording {
        return Some(Line::styled(
            format!("not recorded: {why}"),
            shown.theme.alarm(),
        ));
    }
    let unasked = shown
        .model
        .running()
        .find_map(|(_, node)| node.unasked.as_ref())?;
    let text = format!("RPC does not answer: {unasked}");
    Some(Line::styled(text, shown.theme.remark()))
}

/// As many as there is room for; `?` and `q` always.
fn keys<'a>(ui: &Ui, shown: &Shown<'_>, width: u16) -> Line<'a> {
    let pause = if ui.paused { "go on" } else { "pause" };
    let sort = format!("sort: {}", ui.sort.word());
    let more: &[(&str, &str)] = match ui.screen {
        Screen::Peers => &[
            ("⏎", "log"),
            ("s", &sort),
            ("p", pause),
            ("/", "filter"),
            ("c", "closed"),
        ],
        Screen::Log => &[
            ("Esc", "back"),
            ("p", pause),
            ("/", "filter"),
            ("End", "newest"),
        ],
    };
    let mut line = Line::default();
    let add = |line: &mut Line<'a>, (key, what): (&str, &str)| {
        line.push_span(Span::styled(key.to_owned(), shown.theme.strong()));
        line.push_span(Span::styled(format!(" {what}  "), shown.theme.quiet()));
    };
    add(&mut line, ("q", "quit"));
    add(&mut line, ("?", "help"));
    for one in more {
        let mut longer = line.clone();
        add(&mut longer, *one);
        if longer.width() > usize::from(width) {
            break;
        }
        line = longer;
    }
    line
}
