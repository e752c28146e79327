//! How far it is, again and again: in place on a terminal, a line for each tracepoint elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use probe::Counted;
use unicode_width::UnicodeWidthStr as _;

use super::quantity::{decimal, thousands};
use super::request::Traced;
use super::table::{self, Layout};
use crate::output::Output;

/// Columns where there is no terminal to ask.
const COLUMNS: usize = 80;

/// The terminal's size as columns and lines, if standard output is one.
pub(super) fn terminal() -> Option<(usize, usize)> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    // A terminal that does not know its size says 0.
    (size.ws_col > 0 && size.ws_row > 1).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// How wide results are.
pub(super) fn columns() -> usize {
    terminal().map_or(COLUMNS, |(columns, _)| columns)
}

/// What was counted at the last look.
#[derive(Debug, Default)]
struct Before {
    at: Duration,
    events: Vec<u64>,
}

/// Draws the intermediate results.
pub(super) struct Live {
    /// Nothing else writes to the terminal, so a drawing may be drawn over.
    in_place: bool,
    /// Lines of the last drawing.
    drawn: usize,
    before: Before,
    top: usize,
}

impl Live {
    pub(super) fn new(alone: bool, top: usize) -> Self {
        Self {
            in_place: alone && terminal().is_some(),
            drawn: 0,
            before: Before::default(),
            top,
        }
    }

    /// Draws what was counted by now.
    pub(super) fn draw(
        &mut self,
        output: &Output,
        traced: &[Traced],
        counted: &Counted,
        now: Duration,
    ) -> miette::Result<()> {
        let rates = self.rates(counted, now);
        let Some((width, height)) = terminal().filter(|_| self.in_place) else {
            return output.text(&lines(traced, counted, &rates, now));
        };
        self.clear();
        let top = self.top;
        let text = table::render(traced, counted, &rates, Layout { width, top });
        let (shown, drawn) = fitting(&text, width, height);
        self.drawn = drawn;
        output.text(&shown)
    }

    /// Takes the last drawing away.
    pub(super) fn clear(&mut self) {
        if self.drawn > 0 {
            let up = std::mem::take(&mut self.drawn);
            // Not a matter of colour, which `output` may strip. Where it fails the next write says so.
            let _ = write!(std::io::stdout(), "\x1b[{up}F\x1b[J");
        }
    }

    /// Events per second since the last look.
    fn rates(&mut self, counted: &Counted, now: Duration) -> Vec<f64> {
        let seconds = now.saturating_sub(self.before.at).as_secs_f64();
        let events: Vec<_> = counted.probes.iter().map(|one| one.events).collect();
        let before = self
            .before
            .events
            .iter()
            .copied()
            .chain(std::iter::repeat(0));
        let new = events
            .iter()
            .zip(before)
            .map(|(now, before)| now.saturating_sub(before));
        let rates = new.map(|new| rate(new, seconds)).collect();
        self.before = Before { at: now, events };
        rates
    }
}

/// As much of a text as fits a terminal with the cursor below it, and how many of its lines that takes.
fn fitting(text: &str, width: usize, height: usize) -> (String, usize) {
    // A line that is wider than the terminal goes on below.
    let rows = |line: &str| {
        let columns = anstream::adapter::strip_str(line).to_string().width();
        columns.div_ceil(width.max(1)).max(1)
    };
    let room = height.saturating_sub(1);
    let lines: Vec<_> = text.lines().map(|line| (line, rows(line))).collect();
    let all: usize = lines.iter().map(|(_, rows)| rows).sum();
    // One is kept for saying that there is more.
    let room = if all > room {
        room.saturating_sub(1)
    } else {
        room
    };
    let (mut shown, mut drawn, mut more) = (String::new(), 0, 0);
    for (line, rows) in lines {
        if more == 0 && drawn + rows <= room {
            drawn += rows;
            shown.push_str(line);
            shown.push('\n');
        } else {
            more += 1;
        }
    }
    if more > 0 {
        let _ = writeln!(shown, "… {more} more lines in the end");
        drawn += 1;
    }
    (shown, drawn)
}

/// Events per second.
pub(super) fn rate(events: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        events as f64 / seconds
    } else {
        0.0
    }
}

fn lines(traced: &[Traced], counted: &Counted, rates: &[f64], now: Duration) -> String {
    let names = traced.iter().map(|one| one.id.to_string().len()).max();
    let names = names.unwrap_or(0);
    let mut text = String::new();
    for ((one, counts), rate) in traced.iter().zip(&counted.probes).zip(rates) {
        let _ = writeln!(
            text,
            "{:>9.1} s  {:<names$}  {:>15} events  {:>12}/s",
            now.as_secs_f64(),
            one.id,
            thousands(counts.events),
            decimal(*rate)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_fits_the_terminal() {
        let text = "\u{1b}[1mone\u{1b}[0m\ntwo\nthree is long\n\n";
        assert_eq!(fitting(text, 80, 5), (text.to_owned(), 4));
        // The third takes two lines of ten columns.
        assert_eq!(fitting(text, 10, 6), (text.to_owned(), 5));
        let cut = "\u{1b}[1mone\u{1b}[0m\ntwo\n… 2 more lines in the end\n";
        assert_eq!(fitting(text, 10, 5), (cut.to_owned(), 3));
        assert_eq!(fitting("", 10, 2), (String::new(), 0));
    }
}
