//! Events as lines: for people, or a JSON document each.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use probe::Event;

use super::json::EventLine;
use super::request::Traced;
use super::value::{Shown, quoted};
use crate::output::Output;

const QUIET: Style = Style::new().dimmed();
const NAME: Style = AnsiColor::Cyan.on_default();

/// Gathers the lines of events that arrived together, to write them at once.
pub(super) struct Printer {
    output: Output,
    lines: String,
    names: usize,
    broken: Option<miette::Report>,
}

/// So much is gathered before it is written, events or not.
const ENOUGH: usize = 1 << 16;

impl Printer {
    pub(super) fn new(output: &Output, traced: &[Traced]) -> Self {
        let printed = traced.iter().filter(|one| one.print.is_some());
        let names = printed.map(|one| one.id.to_string().len()).max();
        Self {
            output: *output,
            lines: String::new(),
            names: names.unwrap_or(0),
            broken: None,
        }
    }

    /// Puts an event's line behind the others.
    pub(super) fn event(&mut self, event: &Event<'_>, traced: &[Traced]) {
        let Some(traced) = traced.get(event.probe) else {
            return;
        };
        if self.broken.is_some() {
            return;
        }
        if self.output.json() {
            match self.output.encode(&EventLine::new(event, traced)) {
                Ok(line) => self.lines.push_str(&line),
                Err(error) => self.broken = Some(miette::Report::msg(error.to_string())),
            }
        } else {
            line(event, traced, self.names, &mut self.lines);
        }
        if self.lines.len() >= ENOUGH {
            self.write();
        }
    }

    /// Writes what was gathered; fails when that or something before could not be written.
    pub(super) fn flush(&mut self) -> miette::Result<()> {
        self.write();
        self.broken.take().map_or(Ok(()), Err)
    }

    fn write(&mut self) {
        if !self.lines.is_empty()
            && let Err(error) = self.output.text(&self.lines)
        {
            self.broken = Some(error);
        }
        self.lines.clear();
    }
}

/// `  1.234567  12345/b-test  utxocache:add  txid=00…1f output_index=0 value=5000`
fn line(event: &Event<'_>, traced: &Traced, names: usize, out: &mut String) {
    let comm = String::from_utf8_lossy(event.comm());
    let process = format!("{}/{}", event.pid, quoted(&comm));
    let seconds = event.since_start.as_secs_f64();
    let _ = write!(
        out,
        "{QUIET}{seconds:>11.6}  {process:<16}{QUIET:#}  {NAME}{:<names$}{NAME:#} ",
        event.id
    );
    for named in traced.print.iter().flatten() {
        let (shown, cut) = Shown::of_event(event, *named);
        let dots = if cut { "…" } else { "" };
        let _ = write!(
            out,
            " {QUIET}{}={QUIET:#}{shown}{dots}",
            traced.name(named.arg)
        );
    }
    // An event without arguments leaves its name padded.
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}
