//! How an error looks: `error:`, the place in a file with its line, `caused by:`, `hint:`.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use miette::{Diagnostic, Severity};
use serde::Serialize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::output::{Output, SCHEMA};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const REMARK: Style = AnsiColor::Yellow.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const HINT: Style = AnsiColor::Cyan.on_default();

/// How much of a long line is shown, in columns: an inline key with its place fits beside the number.
const LINE: usize = 88;

/// Prints `report` for people on standard error, or as the run's JSON document.
pub(crate) fn print(report: &miette::Report, output: &Output) {
    if output.json() {
        let document = Failed {
            schema: SCHEMA,
            error: Error::new(report.as_ref()),
        };
        let text = output.encode(&document);
        // Nothing is left to do when even the error cannot be printed.
        let _ = output.text(&text.unwrap_or_else(|_| format!("{report}\n")));
    } else {
        output.remark(render(report.as_ref()).trim_end());
    }
}

/// The text of one error or remark, after that of all the errors it stands for.
pub(crate) fn render(error: &dyn Diagnostic) -> String {
    let mut text = String::new();
    for one in error.related().into_iter().flatten() {
        text.push_str(&render(one));
        text.push('\n');
    }
    let (style, word) = match error.severity() {
        None | Some(Severity::Error) => (ERROR, "error"),
        Some(Severity::Warning | Severity::Advice) => (REMARK, "remark"),
    };
    let _ = writeln!(text, "{style}{word}:{style:#} {error}");
    if let Some(place) = Place::of(error) {
        place.render(style, &mut text);
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = writeln!(text, "{QUIET}caused by:{QUIET:#} {inner}");
        cause = inner.source();
    }
    if let Some(help) = error.help() {
        let _ = writeln!(text, "{HINT}hint:{HINT:#} {help}");
    }
    text
}

/// Where an error stands in a file.
struct Place {
    file: Option<String>,
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    /// The line itself, and the bytes of it that are meant.
    text: String,
    start: usize,
    end: usize,
}

impl Place {
    fn of(error: &dyn Diagnostic) -> Option<Self> {
        let label = error.labels()?.next()?;
        // A line of context on each side, because without it miette begins in the middle of one.
        let contents = error.source_code()?.read_span(label.inner(), 1, 1).ok()?;
        let data = std::str::from_utf8(contents.data()).ok()?;
        let at = label.offset().checked_sub(contents.span().offset())?;
        let before = data.get(..at)?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = data[start..].lines().next().unwrap_or_default();
        let line = line.trim_start_matches('\u{feff}');
        let start = data.len() - data[start..].trim_start_matches('\u{feff}').len();
        let (from, to) = (at - start, (at - start + label.len()).min(line.len()));
        // A span that begins at the line's very end points behind its last character.
        let from = from.min(line.len());
        Some(Self {
            file: contents.name().map(str::to_owned),
            line: contents.line() + before.matches('\n').count() + 1,
            column: line.get(..from)?.chars().count() + 1,
            start: from,
            end: to.max(from),
            text: line.to_owned(),
        })
    }

    fn render(&self, style: Style, out: &mut String) {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let name = self.file.as_deref().unwrap_or("input");
        let _ = writeln!(
            out,
            "{margin}{QUIET}-->{QUIET:#} {name}:{}:{}",
            self.line, self.column
        );
        let (line, indent, width) = self.cropped();
        let _ = writeln!(out, "{margin} {QUIET}|{QUIET:#}");
        let _ = writeln!(out, "{number} {QUIET}|{QUIET:#} {line}");
        let marks = "^".repeat(width.max(1));
        let indent = " ".repeat(indent);
        let _ = writeln!(
            out,
            "{margin} {QUIET}|{QUIET:#} {indent}{style}{marks}{style:#}"
        );
    }

    /// The part of the line that fits, how many columns stand before what is meant, and how many it
    /// takes.
    fn cropped(&self) -> (String, usize, usize) {
        let shown = |text: &str| -> String {
            // Nothing from a file is to move the cursor, and a tab is as wide as its mark.
            text.chars()
                .map(|c| if c == '\t' { ' ' } else { c })
                .map(|c| {
                    if c.is_control() || c.width().is_none() {
                        '·'
                    } else {
                        c
                    }
                })
                .collect()
        };
        let mut before = shown(&self.text[..self.start]);
        let meant = shown(&self.text[self.start..self.end]);
        // A quarter of the room is kept for what stands before.
        if before.width() + meant.width() > LINE {
            while before.width() > LINE / 4 {
                before.remove(0);
            }
            if self.start > before.len() {
                before.insert(0, '…');
            }
        }
        let (indent, room) = (before.width(), LINE.saturating_sub(before.width()));
        let rest = meant + &shown(&self.text[self.end..]);
        let width = shown(&self.text[self.start..self.end]).width().min(room);
        let mut line = before;
        let mut used = 0;
        for c in rest.chars() {
            used += c.width().unwrap_or(0);
            if used > room {
                line.push('…');
                break;
            }
            line.push(c);
        }
        (line.trim_end().to_owned(), indent, width)
    }
}

#[derive(Serialize)]
struct Failed {
    schema: u32,
    error: Error,
}

/// An error or remark, as a part of JSON documents.
#[derive(Serialize)]
pub(crate) struct Error {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Error>,
}

impl Error {
    pub(crate) fn new(error: &dyn Diagnostic) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(inner) = cause {
            causes.push(inner.to_string());
            cause = inner.source();
        }
        let place = Place::of(error);
        Self {
            message: error.to_string(),
            hint: error.help().map(|help| help.to_string()),
            line: place.as_ref().map(|place| place.line),
            column: place.as_ref().map(|place| place.column),
            file: place.and_then(|place| place.file),
            causes,
            problems: error
                .related()
                .into_iter()
                .flatten()
                .map(Self::new)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};

    use super::*;

    fn rendered(text: &str, meant: &str) -> String {
        let at = text.find(meant).unwrap();
        let error = MietteDiagnostic::new("it is wrong")
            .with_help("write it right")
            .with_label(LabeledSpan::new(None, at, meant.len()));
        let report = Report::from(error)
            .with_source_code(NamedSource::new("inventory.yaml", text.to_owned()));
        anstream::adapter::strip_str(&render(report.as_ref())).to_string()
    }

    #[test]
    fn the_line_is_shown_with_its_place() {
        let key = format!("  key: ssh-ed25519 {} ada", "A".repeat(90));
        let long = format!(
            "{}{}",
            "word ".repeat(40),
            "here, and more behind it ".repeat(9)
        );
        insta::assert_snapshot!(
            [
                rendered("a: 1\n  b: 2\nc: 3\n", "b"),
                rendered("\u{feff}first: x\r\n", "first"),
                rendered(
                    "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\nh: 8\ni: 9\nlast",
                    "last"
                ),
                rendered("a: \t\u{1b}[2J bad\n", "bad"),
                rendered("名: 値 x\n", "x"),
                rendered(&key, &key[7..]),
                rendered(&long, "here"),
                rendered("a: |\n  one\n  two\nb: 2\n", "one\n  two\n"),
            ]
            .join("\n")
        );
    }

    #[test]
    fn a_place_at_the_end_of_a_line_or_file_is_shown() {
        for (text, at) in [("a: [\n", 4), ("a: [\n", 5), ("", 0), ("a", 1)] {
            let error = MietteDiagnostic::new("x").with_label(LabeledSpan::at_offset(at, ""));
            let report = Report::from(error).with_source_code(text.to_owned());
            assert!(render(report.as_ref()).contains("error:"), "{text:?} {at}");
        }
    }
}
