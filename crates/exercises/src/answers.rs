//! What a participant answered, cleaned of what terminals, mail programs and word processors put into text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bytes of one answer. All of `readelf -n bitcoind` pasted in takes 6 KB.
pub const LIMIT: usize = 64 * 1024;

/// The answers to one task, by the question's id.
pub type Answers = BTreeMap<String, Answer>;

/// One answer: its words or lines, as given, after cleaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answer {
    /// What was given on the command line word by word, in the file item by item; none has more than one line.
    pub items: Vec<String>,
}

/// Why something cannot be an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing but blanks.
    #[error("the answer is empty")]
    Empty,
    /// More than [`LIMIT`].
    // Of what comes through a pipe no more than the limit is read, so the number is not everybody's.
    #[error("the answer has more than {LIMIT} bytes, the most that is kept")]
    TooLong {
        /// How many it had.
        bytes: usize,
    },
    /// Not text.
    #[error("the answer is not text: it holds a control character or bytes that are not UTF-8")]
    Binary,
}

impl Refused {
    /// What to do about it.
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::Empty => "give the answer after the question's name",
            Self::TooLong { .. } => "give the answer itself, not the whole output it was found in",
            Self::Binary => "type the answer, or paste it as plain text",
        }
    }
}

impl Answer {
    /// Cleans and keeps `items`; those that are empty after cleaning are left out.
    ///
    /// # Errors
    /// When nothing is left, or it is too long, or not text.
    pub fn new<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Result<Self, Refused> {
        let mut kept = Vec::new();
        let mut bytes = 0_usize;
        let mut too_long = false;
        for item in items {
            bytes = bytes.saturating_add(item.as_ref().len());
            too_long = bytes > LIMIT;
            if too_long {
                // Counted on for the message, not looked at.
                continue;
            }
            let item = clean(item.as_ref())?;
            // `"$(command)"` is one word of several lines. In the file they become items, so they are here too.
            let lines = item.lines().map(str::trim).filter(|line| !line.is_empty());
            kept.extend(lines.map(str::to_owned));
        }
        if too_long {
            return Err(Refused::TooLong { bytes });
        }
        if kept.is_empty() {
            return Err(Refused::Empty);
        }
        Ok(Self { items: kept })
    }

    /// The same from bytes that came through a pipe.
    ///
    /// # Errors
    /// As [`Answer::new`], and when the bytes are not UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refused> {
        if bytes.len() > LIMIT {
            return Err(Refused::TooLong { bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Refused::Binary)?;
        Self::new(text.lines())
    }

    /// All of it, as one line.
    pub fn text(&self) -> String {
        self.items.join(" ")
    }

    /// All of it, item by line.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(String::as_str)
    }

    /// At most `width` characters of it, for messages.
    pub fn short(&self, width: usize) -> String {
        shorten(&self.text(), width)
    }
}

/// At most `width` characters of `text` on one line.
pub fn shorten(text: &str, width: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= width {
        return line;
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// `text` without escape sequences, with plain blanks, quotes and hyphens, trimmed, and without one pair of
/// quotes or backticks around it.
fn clean(text: &str) -> Result<String, Refused> {
    let mut clean = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_escape(&mut letters),
            '\n' | '\t' => clean.push(letter),
            // Line ends of Windows, and the byte order mark and zero-width characters of web pages.
            '\r' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' => {}
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
                clean.push(' ');
            }
            '‘' | '’' | '‚' | '‹' | '›' => clean.push('\''),
            '“' | '”' | '„' | '«' | '»' => clean.push('"'),
            '‐' | '‑' | '–' | '—' | '−' => clean.push('-'),
            _ if letter.is_control() => return Err(Refused::Binary),
            _ => clean.push(letter),
        }
    }
    let mut clean = clean.trim();
    for quote in ['"', '\'', '`'] {
        if let Some(inside) = clean
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
            && !inside.contains(quote)
        {
            clean = inside.trim();
            break;
        }
    }
    Ok(clean.to_owned())
}

/// Skips the rest of a terminal's escape sequence (ECMA-48): `[…m`, `]…BEL`, or one letter.
fn skip_escape(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match letters.peek() {
        Some('[') => {
            letters.next();
            // Parameters and intermediates are 0x20–0x3f; the byte after them ends the sequence.
            while letters
                .next_if(|letter| (' '..='?').contains(letter))
                .is_some()
            {}
            letters.next_if(|letter| ('@'..='~').contains(letter));
        }
        Some(']') => {
            while let Some(letter) = letters.next() {
                if letter == '\u{7}' {
                    break;
                }
                if letter == '\u{1b}' {
                    letters.next_if_eq(&'\\');
                    break;
                }
            }
        }
        Some(letter) if letter.is_ascii_graphic() => {
            letters.next();
        }
        _ => {}
    }
}

/// A yes or a no, in the words people use; `None` when it is neither.
pub fn yes_or_no(text: &str) -> Option<bool> {
    let first: String = text
        .trim_start()
        .chars()
        .take_while(|letter| letter.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect();
    match first.as_str() {
        "y" | "yes" | "yep" | "yeah" | "ja" | "si" | "sí" | "oui" | "sim" | "true" | "all" => {
            Some(true)
        }
        "n" | "no" | "nope" | "nein" | "non" | "não" | "false" | "none" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<String, Refused> {
        Answer::new([text]).map(|answer| answer.text())
    }

    #[test]
    fn what_comes_along_with_pasted_text_is_cleaned() {
        for (given, kept) in [
            ("\u{1b}[1;32m6.12.43\u{1b}[0m", "6.12.43"),
            ("\u{1b}]0;title\u{7}3 GiB", "3 GiB"),
            ("\u{1b}]8;;http://x\u{1b}\\3 GiB", "3 GiB"),
            ("3\u{a0}GiB", "3 GiB"),
            ("“6.12”", "6.12"),
            ("`net:flush`", "net:flush"),
            ("'yes'", "yes"),
            ("\u{feff}yes\r", "yes"),
            ("  yes  ", "yes"),
            ("readelf –n", "readelf -n"),
            ("'a' and 'b'", "'a' and 'b'"),
            ("\u{1b}", ""),
        ] {
            let expected = if kept.is_empty() {
                Err(Refused::Empty)
            } else {
                Ok(kept.to_owned())
            };
            assert_eq!(one(given), expected, "{given:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(one("a\0b"), Err(Refused::Binary));
        assert_eq!(Answer::from_bytes(b"\xff\xfe"), Err(Refused::Binary));
        assert_eq!(one(" \n "), Err(Refused::Empty));
        assert_eq!(
            one(&"x".repeat(1_000_000)),
            Err(Refused::TooLong { bytes: 1_000_000 })
        );
        assert_eq!(
            Answer::new(vec!["12345678"; 10_000]),
            Err(Refused::TooLong { bytes: 80_000 })
        );
        assert_eq!(
            Answer::from_bytes(&vec![b'x'; LIMIT + 1]),
            Err(Refused::TooLong { bytes: LIMIT + 1 })
        );
    }

    #[test]
    fn yes_and_no_in_many_words() {
        for yes in ["yes", "Yes, with sudo", "y", "JA", "true"] {
            assert_eq!(yes_or_no(yes), Some(true), "{yes}");
        }
        for no in ["no", "No.", "nein", "false", "none of them"] {
            assert_eq!(yes_or_no(no), Some(false), "{no}");
        }
        for neither in ["", "perhaps", "0", "yesterday", "note"] {
            assert_eq!(yes_or_no(neither), None, "{neither}");
        }
    }

    #[test]
    fn a_long_answer_is_shown_short() {
        let answer = Answer::new(["one", "two  three"]).unwrap();
        assert_eq!(answer.short(20), "one two three");
        assert_eq!(answer.short(8), "one two…");
    }
}
