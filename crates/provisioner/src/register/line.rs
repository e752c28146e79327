//! The line that somebody types into: bytes of a terminal in, a line out. No cursor moves, and nothing is echoed but
//! what can be seen.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::participants::text::is_invisible;

/// What a byte completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Enter, with what was typed.
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D on an empty line.
    End,
}

/// Longer than any answer that is taken, so that the message about a long one can say how long it was.
const MAX: usize = 300;

/// A longer control sequence is none.
const MAX_SEQUENCE: u8 = 32;

/// Where in the terminal's language the last byte was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After `ESC O`: one byte more, as the keypad sends it.
    Single,
    /// After `ESC [`, so many bytes ago.
    Sequence(u8),
}

#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    state: State,
    /// The start of a character in UTF-8.
    partial: Vec<u8>,
    /// Enter was `\r`: a `\n` right behind it is the same Enter.
    after_return: bool,
}

impl Line {
    /// Takes one byte.
    pub(super) fn push(&mut self, byte: u8) -> Option<Key> {
        let after_return = std::mem::take(&mut self.after_return);
        match self.state {
            State::Ground => {}
            State::Escape => {
                self.state = match byte {
                    b'[' => State::Sequence(0),
                    b'O' => State::Single,
                    _ => State::Ground,
                };
                return None;
            }
            State::Single => {
                self.state = State::Ground;
                return None;
            }
            State::Sequence(length) => {
                let is_inside = (0x20..0x40).contains(&byte) && length < MAX_SEQUENCE;
                self.state = if is_inside {
                    State::Sequence(length + 1)
                } else {
                    State::Ground
                };
                return None;
            }
        }
        if byte < 0x80 {
            self.partial.clear();
        }
        match byte {
            b'\n' if after_return => {}
            b'\r' | b'\n' => {
                self.after_return = byte == b'\r';
                return Some(Key::Line(std::mem::take(&mut self.text)));
            }
            0x03 => {
                self.text.clear();
                return Some(Key::Interrupt);
            }
            0x04 if self.text.is_empty() => return Some(Key::End),
            0x08 | 0x7f => self.erase(),
            0x15 => self.text.clear(),
            0x17 => self.erase_word(),
            0x1b => self.state = State::Escape,
            b'\t' => self.add(' '),
            byte if byte.is_ascii_control() => {}
            byte if byte.is_ascii() => self.add(char::from(byte)),
            byte => self.push_part(byte),
        }
        None
    }

    /// What was typed and not ended by Enter, at the end of all input.
    pub(super) fn rest(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.text);
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The end of what was typed, as much as fits into `columns`.
    pub(super) fn tail(&self, columns: usize) -> &str {
        let mut start = self.text.len();
        let mut used = 0;
        for (at, c) in self.text.char_indices().rev() {
            used += c.width().unwrap_or(0);
            if used > columns {
                break;
            }
            start = at;
        }
        self.text.get(start..).unwrap_or_default()
    }

    fn push_part(&mut self, byte: u8) {
        self.partial.push(byte);
        match std::str::from_utf8(&self.partial) {
            Ok(whole) => {
                let c = whole.chars().next();
                self.partial.clear();
                if let Some(c) = c {
                    self.add(c);
                }
            }
            // Not a character, whatever follows: it is dropped, and this byte may begin the next one.
            Err(error) if error.error_len().is_some() => {
                self.partial.clear();
                if byte >= 0xc2 {
                    self.partial.push(byte);
                }
            }
            Err(_) => {}
        }
    }

    fn add(&mut self, c: char) {
        if !c.is_control() && !is_invisible(c) && self.text.chars().count() < MAX {
            self.text.push(c);
        }
    }

    /// Takes back one character with the marks on it.
    fn erase(&mut self) {
        while let Some(c) = self.text.pop() {
            if c.width().unwrap_or(0) > 0 {
                break;
            }
        }
    }

    fn erase_word(&mut self) {
        let kept = self.text.trim_end().rfind(' ').map_or(0, |at| at + 1);
        self.text.truncate(kept);
    }
}

/// What draws a prompt and what was typed behind it anew, on the terminal's current line.
pub(super) fn drawn(prompt: &str, line: &Line, columns: u16) -> String {
    // The last column stays free: a terminal that fills it may go on to the next line.
    let room = usize::from(columns)
        .saturating_sub(prompt.width() + 1)
        .max(1);
    format!("\r\x1b[K{prompt}{}", line.tail(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> (Vec<Key>, String) {
        let mut line = Line::default();
        let keys = bytes.iter().filter_map(|byte| line.push(*byte)).collect();
        (keys, line.text)
    }

    fn line(text: &str) -> Key {
        Key::Line(text.into())
    }

    #[test]
    fn what_people_type_becomes_lines() {
        for (bytes, expected) in [
            (&b"Ada\r"[..], "Ada"),
            (b"Adx\x7fa\r", "Ada"),
            (b"Adx\x08a\r", "Ada"),
            (b"\x7f\x7fAda\r", "Ada"),
            (b"Bob\x15Ada\r", "Ada"),
            (b"Ada Byron  \x17Lovelace\r", "Ada Lovelace"),
            // Arrow keys, a function key, Home in application mode, Alt-f.
            (b"A\x1b[Dd\x1b[15~a\x1bOH\x1bf\r", "Ada"),
            // A bell, a null and a tab.
            (b"A\x07d\x00a\tL\r", "Ada L"),
            ("Žofia 伊藤 \u{1F980}\r".as_bytes(), "Žofia 伊藤 \u{1F980}"),
            // Broken UTF-8: cut off, alone, too long.
            (b"A\xc3d\xa0a\xff\xfe\xc0\xaf\r", "Ada"),
            // A mark that stands on its letter goes with it.
            ("Jose\u{301}\x7f\x7fé\r".as_bytes(), "Joé"),
            // What turns the writing direction, and a CSI of eight bits.
            ("A\u{202e}d\u{9b}a\r".as_bytes(), "Ada"),
        ] {
            assert_eq!(
                typed(bytes).0,
                [line(expected)],
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn a_paste_of_several_lines_is_several_lines() {
        let expected = [line("Ada"), line("AL"), line("")];
        assert_eq!(typed(b"Ada\nAL\n\n").0, expected);
        assert_eq!(typed(b"Ada\r\nAL\r\n\r\n").0, expected);
        assert_eq!(typed(b"Ada\rAL\r\r").0, expected);
    }

    #[test]
    fn ctrl_c_always_and_ctrl_d_on_an_empty_line_mean_the_end() {
        assert_eq!(typed(b"Ad\x03").0, [Key::Interrupt]);
        assert_eq!(typed(b"\x04").0, [Key::End]);
        assert_eq!(typed(b"Ad\x04a\r").0, [line("Ada")]);
    }

    #[test]
    fn nothing_grows_without_bound() {
        let (_, text) = typed(&vec![b'x'; 1 << 20]);
        assert_eq!(text.len(), MAX);
        let mut line = Line::default();
        for byte in [0xf0; 1000] {
            line.push(byte);
        }
        assert!(line.partial.len() <= 4);
        // A sequence that does not end takes no more than its length.
        let mut endless = b"\x1b[".to_vec();
        endless.extend([b'1'; 100]);
        assert!(!typed(&endless).1.is_empty());
    }

    #[test]
    fn a_line_longer_than_the_terminal_shows_its_end() {
        let mut line = Line::default();
        for byte in "Ada 伊藤".bytes() {
            line.push(byte);
        }
        assert_eq!(drawn("Name: ", &line, 80), "\r\x1b[KName: Ada 伊藤");
        // A wide character that would stick out is left out.
        assert_eq!(drawn("Name: ", &line, 10), "\r\x1b[KName: 藤");
        for columns in [0, 1, 5, u16::MAX] {
            drawn("Name: ", &line, columns);
        }
    }
}
