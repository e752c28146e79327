//! What a command prints: bounded, and harmless to whoever looks at it.

use std::ops::ControlFlow;

use crate::participants::text::is_invisible;

/// What a remote command left.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit status; none when a signal ended it or the channel closed without one.
    pub status: Option<u32>,
    /// Standard output and standard error in the order they came, up to the bound.
    pub text: String,
    /// Whether more came than the bound allowed.
    pub cut: bool,
}

impl Output {
    /// Whether the command ended with status 0.
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// The last `n` lines that are not blank, for an error message.
    pub fn last_lines(&self, n: usize) -> Vec<String> {
        last_lines(&self.text, n)
    }
}

/// The last `n` lines of `text` that are not blank.
pub fn last_lines(text: &str, n: usize) -> Vec<String> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(n)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

/// What a remote command left that is not for people: its standard output as it came, which nobody may print.
#[derive(Clone, Debug)]
pub struct Bytes {
    /// The exit status; none when a signal ended it, or when we did.
    pub status: Option<u32>,
    /// Standard output, up to the bound.
    pub bytes: Vec<u8>,
    /// Whether more came than the bound allowed; the command was ended then.
    pub cut: bool,
    /// The beginning of standard error, printable.
    pub errors: String,
}

/// Takes in what a command prints.
pub(super) trait Sink {
    /// Something came on standard output, or on standard error. `Break` when no more is wanted.
    fn take(&mut self, from_stderr: bool, data: &[u8]) -> ControlFlow<()>;
    /// The command ended.
    fn ended(&mut self, status: u32);
    /// Whether it is known how.
    fn has_ended(&self) -> bool;
}

/// Standard output as bytes; standard error handed on line by line.
pub(super) struct Fetched<F> {
    bytes: Vec<u8>,
    bound: usize,
    cut: bool,
    errors: Collected<F>,
}

/// Of standard error so much is kept.
const MOST_ERRORS: usize = 16 << 10;

impl<F: FnMut(&str)> Fetched<F> {
    pub(super) fn new(bound: usize, on_line: F) -> Self {
        Self {
            bytes: Vec::new(),
            bound,
            cut: false,
            errors: Collected::new(MOST_ERRORS, on_line),
        }
    }

    pub(super) fn finish(self) -> Bytes {
        let errors = self.errors.finish();
        Bytes {
            status: errors.status,
            bytes: self.bytes,
            cut: self.cut,
            errors: errors.text,
        }
    }
}

impl<F: FnMut(&str)> Sink for Fetched<F> {
    fn take(&mut self, from_stderr: bool, data: &[u8]) -> ControlFlow<()> {
        if from_stderr {
            self.errors.add(data);
            return ControlFlow::Continue(());
        }
        let room = self.bound.saturating_sub(self.bytes.len());
        self.cut |= data.len() > room;
        self.bytes.extend(data.iter().take(room));
        if self.cut {
            // What nobody keeps need not be sent.
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn ended(&mut self, status: u32) {
        self.errors.status = Some(status);
    }

    fn has_ended(&self) -> bool {
        self.errors.status.is_some()
    }
}

/// Standard output as it comes into a file; standard error is kept.
pub(super) struct Saved<'a> {
    file: &'a std::fs::File,
    room: usize,
    errors: Collected<fn(&str)>,
}

impl<'a> Saved<'a> {
    pub(super) fn new(file: &'a std::fs::File, bound: usize) -> Self {
        Self {
            file,
            room: bound,
            errors: Collected::new(MOST_ERRORS, |_| {}),
        }
    }

    pub(super) fn finish(self) -> Output {
        self.errors.finish()
    }
}

impl Sink for Saved<'_> {
    fn take(&mut self, from_stderr: bool, data: &[u8]) -> ControlFlow<()> {
        use std::io::Write as _;
        if from_stderr {
            self.errors.add(data);
            return ControlFlow::Continue(());
        }
        let Some(room) = self.room.checked_sub(data.len()) else {
            self.errors.add(b"more came than was announced\n");
            return ControlFlow::Break(());
        };
        self.room = room;
        match self.file.write_all(data) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.errors.add(format!("here: {error}\n").as_bytes());
                ControlFlow::Break(())
            }
        }
    }

    fn ended(&mut self, status: u32) {
        self.errors.status = Some(status);
    }

    fn has_ended(&self) -> bool {
        self.errors.status.is_some()
    }
}

impl<F: FnMut(&str)> Sink for Collected<F> {
    fn take(&mut self, _: bool, data: &[u8]) -> ControlFlow<()> {
        self.add(data);
        ControlFlow::Continue(())
    }

    fn ended(&mut self, status: u32) {
        self.status = Some(status);
    }

    fn has_ended(&self) -> bool {
        self.status.is_some()
    }
}

/// Output as it comes in: kept up to a bound, handed on line by line.
pub(super) struct Collected<F> {
    kept: Vec<u8>,
    line: Vec<u8>,
    bound: usize,
    cut: bool,
    pub(super) status: Option<u32>,
    on_line: F,
}

/// A longer line is handed on in pieces.
const LONGEST_LINE: usize = 4096;

impl<F: FnMut(&str)> Collected<F> {
    pub(super) fn new(bound: usize, on_line: F) -> Self {
        Self {
            kept: Vec::new(),
            line: Vec::new(),
            bound,
            cut: false,
            status: None,
            on_line,
        }
    }

    pub(super) fn add(&mut self, data: &[u8]) {
        let room = self.bound - self.kept.len();
        self.cut |= data.len() > room;
        self.kept.extend_from_slice(&data[..data.len().min(room)]);
        for &byte in data {
            if byte == b'\n' || self.line.len() == LONGEST_LINE {
                (self.on_line)(&printable(&self.line));
                self.line.clear();
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
    }

    pub(super) fn finish(mut self) -> Output {
        if !self.line.is_empty() {
            (self.on_line)(&printable(&self.line));
        }
        Output {
            status: self.status,
            text: printable(&self.kept),
            cut: self.cut,
        }
    }
}

/// Text without control characters but newline and tab, and without what turns the writing direction,
/// so that a host cannot drive our terminal or show one text as another.
pub fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .filter(|c| *c != '\r')
        .map(|c| {
            if (c.is_control() && c != '\n' && c != '\t') || is_invisible(c) {
                '\u{FFFD}'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_bounded_and_cannot_drive_the_terminal() {
        let mut lines = Vec::new();
        let mut collected = Collected::new(8, |line: &str| lines.push(line.to_owned()));
        collected.add(b"ab\x1b[2J\ncd");
        collected.add(b"e\nend");
        let output = collected.finish();
        assert_eq!(output.text, "ab\u{FFFD}[2J\nc");
        assert!(output.cut);
        assert_eq!(lines, ["ab\u{FFFD}[2J", "cde", "end"]);
    }

    #[test]
    fn bytes_stay_as_they_are_and_end_at_the_bound() {
        let mut lines = Vec::new();
        let mut fetched = Fetched::new(4, |line: &str| lines.push(line.to_owned()));
        assert!(fetched.take(false, b"\x1b\xff").is_continue());
        assert!(fetched.take(true, b"\x1bwhy\n").is_continue());
        assert!(fetched.take(false, b"abc").is_break());
        let bytes = fetched.finish();
        assert_eq!(bytes.bytes, b"\x1b\xffab");
        assert!(bytes.cut && bytes.status.is_none());
        assert_eq!(
            (bytes.errors.as_str(), lines),
            ("\u{FFFD}why\n", vec!["\u{FFFD}why".to_owned()])
        );
    }

    #[test]
    fn the_last_lines_are_those_with_text() {
        assert_eq!(last_lines("a\n\nb\n \nc\n", 2), ["b", "c"]);
        assert_eq!(last_lines("", 2), Vec::<String>::new());
    }
}
