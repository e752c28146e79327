//! Where results go: text or one JSON document on standard output. Everything else goes to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use miette::IntoDiagnostic as _;
use serde::Serialize;

/// The version of every JSON document: raised when a field changes its meaning or goes away.
pub(crate) const SCHEMA: u32 = 1;

/// How this run shows its results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    /// Each JSON document on one line.
    lines: bool,
}

/// A type of its own: what `into_diagnostic` makes of an `io::Error` hides its kind from `is_broken_pipe`.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the result could not be written")]
struct NotWritten {
    source: io::Error,
}

/// The envelope of every JSON document: the schema version stands first.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: u32,
    command: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

impl Output {
    /// Results as JSON, or as text for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, lines: false }
    }

    /// With each JSON document on a line of its own, for a verb that prints several.
    pub(crate) fn lines(self) -> Self {
        Self {
            lines: true,
            ..self
        }
    }

    /// Whether `--json` was given.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Prints `body` as a JSON document; most verbs have one. `body` must serialize as a map.
    pub(crate) fn document<T: Serialize>(&self, command: &str, body: &T) -> miette::Result<()> {
        self.text(&self.document_text(command, body)?)
    }

    /// The text of such a document.
    pub(crate) fn document_text<T: Serialize>(
        &self,
        command: &str,
        body: &T,
    ) -> miette::Result<String> {
        let document = Document {
            schema: SCHEMA,
            command,
            body,
        };
        self.encode(&document).into_diagnostic()
    }

    /// A JSON document as it is printed, with its end of line.
    pub(crate) fn encode(&self, document: &impl Serialize) -> serde_json::Result<String> {
        let mut text = if self.lines {
            serde_json::to_string(document)?
        } else {
            serde_json::to_string_pretty(document)?
        };
        text.push('\n');
        Ok(text)
    }

    /// Prints text as it is; a reader that went away is the error that `is_broken_pipe` knows.
    pub(crate) fn text(&self, text: &str) -> miette::Result<()> {
        let written = if is_plain(text) {
            write(&mut io::stdout().lock(), text)
        } else {
            write(&mut anstream::stdout().lock(), text)
        };
        written.map_err(|source| NotWritten { source }.into())
    }

    /// A line for people beside the result, on standard error: progress, remarks, what to do next.
    pub(crate) fn remark(&self, line: impl std::fmt::Display) {
        // A closed standard error must not end a run that is doing its work.
        let _ = writeln!(anstream::stderr().lock(), "{line}");
    }
}

/// Nothing that a terminal would act on, so nothing that `anstream` could have to take out. Looking for that byte
/// by byte in what has none was a twelfth of `workshop tracepoints`.
fn is_plain(text: &str) -> bool {
    !text
        .bytes()
        .any(|byte| byte.is_ascii_control() && byte != b'\n')
}

fn write(out: &mut dyn io::Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Text with its lines no wider than the terminal, or than `elsewhere` off one. `first` stands before the first
/// line, `rest` before the others.
pub(crate) fn wrapped(text: &str, first: &str, rest: &str, elsewhere: Option<usize>) -> String {
    /// Narrower is no terminal to read on, and of wider lines the eye finds the next one no more.
    const WIDTHS: std::ops::RangeInclusive<u16> = 40..=100;
    let width = rustix::termios::tcgetwinsize(io::stdout())
        .ok()
        .filter(|size| size.ws_col > 0)
        .map(|size| usize::from(size.ws_col.clamp(*WIDTHS.start(), *WIDTHS.end())));
    let Some(width) = width.or(elsewhere) else {
        return format!("{first}{}", text.replace('\n', &format!("\n{rest}")));
    };
    let options = textwrap::Options::new(width)
        .subsequent_indent(rest)
        // What is typed is copied from here: `--tree` stays whole.
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .break_words(false);
    let mut lines = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let initial = if at == 0 { first } else { rest };
        let options = options.clone().initial_indent(initial);
        lines.extend(textwrap::wrap(line, options));
    }
    lines.join("\n")
}

/// Whether there is a terminal that a screen can be drawn on and keys come from.
pub(crate) fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stdout().is_terminal() && io::stdin().is_terminal() && !dumb
}

/// Whether the run ended only because the reader of our output went away.
pub(crate) fn is_broken_pipe(report: &miette::Report) -> bool {
    report
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
