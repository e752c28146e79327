//! What is wrong with a text that is no YAML, and where.

use std::ops::Range;

use serde_saphyr::Error;

use super::tree;
use crate::participants::text::printable;

/// A text that no tree can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYaml {
    /// The bytes at which the parser gave up; empty where it only knows a line and a column.
    pub span: Range<usize>,
    /// The parser's reason, without the place.
    pub what: String,
    /// What to do about it, for the slips that are common.
    pub way_out: Option<&'static str>,
}

impl NotYaml {
    /// From the error of [`tree::parse`] for `text`.
    pub fn of(error: &Error, text: &str) -> Self {
        let error = error.without_snippet();
        let span = error.location().map_or(0..0, |location| {
            let bytes = tree::bytes_of(location, text);
            if bytes.is_empty() {
                let at = offset(text, location.line(), location.column());
                at..at
            } else {
                bytes
            }
        });
        let shown = printable(&error.to_string());
        let what = shown.split(" at line ").next().unwrap_or(&shown).to_owned();
        Self {
            span,
            way_out: way_out(&what),
            what,
        }
    }
}

fn way_out(what: &str) -> Option<&'static str> {
    let table = [
        ("tab", "indent with blanks: YAML takes no tabs there"),
        (
            "mapping values are not allowed",
            "a value that holds `: ` needs quotes, and fields within a value need braces: `source: {path: DIR}`",
        ),
        ("anchor", "a value that begins with `*` or `&` needs quotes"),
        ("unclosed quote", "close the quote at the end of the value"),
        (
            "unclosed bracket",
            "close the bracket at the end of the list or of the fields",
        ),
        (
            "unexpected character",
            "remove the character, or put the value in quotes",
        ),
    ];
    table
        .into_iter()
        .find(|(symptom, _)| what.contains(symptom))
        .map(|(_, help)| help)
}

/// The byte at a line and a column, both from 1 and the column in characters.
fn offset(text: &str, line: u64, column: u64) -> usize {
    let line = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let mut start = 0;
    for _ in 0..line {
        match text[start..].find('\n') {
            Some(at) => start += at + 1,
            None => return text.len(),
        }
    }
    let rest = text[start..].split('\n').next().unwrap_or_default();
    let within = rest
        .char_indices()
        .nth(column)
        .map_or(rest.len(), |(at, _)| at);
    start + within
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_the_parsers_in_bytes() {
        for (text, at, what) in [
            ("a:\n  b: [6.12\n", 8, "unclosed bracket '['"),
            ("é: 1\nö: }\n", 10, "misplaced bracket"),
            (
                "a: b: c\n",
                4,
                "mapping values are not allowed in this context",
            ),
        ] {
            let broken = NotYaml::of(&tree::parse(text).unwrap_err(), text);
            assert_eq!(
                (broken.span.start, broken.what.as_str()),
                (at, what),
                "{text}"
            );
        }
    }
}
