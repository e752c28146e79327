//! The name of a tracepoint as Bitcoin Core's documentation writes it: `context:event`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `context:event`, such as `net:inbound_message`. Kept as text in every file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tracepoint {
    /// The first half, such as `net`.
    pub context: String,
    /// The second half, such as `inbound_message`.
    pub event: String,
}

/// The text is not `context:event`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not of the form context:event")]
pub struct NotATracepoint {
    /// What was given.
    pub text: String,
}

impl Tracepoint {
    /// From its halves.
    pub fn new(context: impl Into<String>, event: impl Into<String>) -> Self {
        Self {
            context: context.into(),
            event: event.into(),
        }
    }
}

impl fmt::Display for Tracepoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.context, self.event))
    }
}

impl FromStr for Tracepoint {
    type Err = NotATracepoint;

    fn from_str(text: &str) -> Result<Self, NotATracepoint> {
        match text.split_once(':') {
            Some((context, event)) if is_identifier(context) && is_identifier(event) => {
                Ok(Self::new(context, event))
            }
            _ => Err(NotATracepoint {
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Tracepoint {
    type Error = NotATracepoint;

    fn try_from(text: String) -> Result<Self, NotATracepoint> {
        text.parse()
    }
}

impl From<Tracepoint> for String {
    fn from(tracepoint: Tracepoint) -> Self {
        tracepoint.to_string()
    }
}

/// Whether C would take it as a name. Neither half of a tracepoint can be anything else.
pub(crate) fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_c_names() {
        assert_eq!(
            "net:inbound_message".parse(),
            Ok(Tracepoint::new("net", "inbound_message"))
        );
        for wrong in ["net", "net:", ":x", "a:b:c", "4:2", "net:in-bound", "a: b"] {
            assert!(wrong.parse::<Tracepoint>().is_err(), "{wrong}");
        }
    }
}
