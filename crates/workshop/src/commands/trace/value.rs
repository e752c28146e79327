//! An argument's value as people and programs read it.

use std::borrow::Cow;
use std::fmt;

use probe::{Event, GroupKey};
use serde::{Serialize, Serializer};

use super::names::{Form, Named};

/// A value that knows how it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Number(i128),
    Bool(bool),
    Text(Cow<'a, str>),
    /// In the order in which they are shown.
    Hex(Vec<u8>),
    /// Its memory was not there, or its operand is not decodable.
    Unreadable,
}

impl<'a> Shown<'a> {
    /// An argument of an event, and whether there is more of it than came along.
    pub(super) fn of_event(event: &Event<'a>, named: Named) -> (Self, bool) {
        let at = usize::from(named.arg);
        if named.form.is_number() || named.form == Form::Address {
            let value = event.value(at).map(probe::Value::get);
            return (Self::number(named.form, value), false);
        }
        let Some(bytes) = event.bytes(at) else {
            return (Self::Unreadable, false);
        };
        (Self::of_bytes(named.form, bytes), event.is_cut(at))
    }

    /// What events were grouped by.
    pub(super) fn of_key(key: &'a GroupKey, form: Form) -> Self {
        match key {
            GroupKey::Integer(value) => Self::number(form, Some(*value)),
            GroupKey::Text(bytes) | GroupKey::Bytes(bytes) => Self::of_bytes(form, bytes),
            GroupKey::Unreadable => Self::Unreadable,
        }
    }

    fn number(form: Form, value: Option<i128>) -> Self {
        match (form, value) {
            (_, None) => Self::Unreadable,
            // Anything else in a bool is worth seeing.
            (Form::Bool, Some(value @ (0 | 1))) => Self::Bool(value == 1),
            (_, Some(value)) => Self::Number(value),
        }
    }

    fn of_bytes(form: Form, bytes: &'a [u8]) -> Self {
        match form {
            Form::Text => Self::Text(String::from_utf8_lossy(bytes)),
            Form::Hash => Self::Hex(bytes.iter().rev().copied().collect()),
            _ => Self::Hex(bytes.to_vec()),
        }
    }
}

impl fmt::Display for Shown<'_> {
    /// Without a space in it, so that a line of values can be taken apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => f.pad(&value.to_string()),
            Self::Bool(value) => f.pad(if *value { "true" } else { "false" }),
            Self::Text(text) => f.pad(&quoted(text)),
            Self::Hex(bytes) => f.pad(&hex(bytes)),
            Self::Unreadable => f.pad("?"),
        }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(value) => number(*value, serializer),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Hex(bytes) => serializer.serialize_str(&hex(bytes)),
            Self::Unreadable => serializer.serialize_none(),
        }
    }
}

/// As a JSON number, whatever its size.
pub(super) fn number<S: Serializer>(value: i128, serializer: S) -> Result<S::Ok, S::Error> {
    // 64 bits go through serde's own buffers, 128 do not.
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => serializer.serialize_i64(value),
        (_, Ok(value)) => serializer.serialize_u64(value),
        _ => serializer.serialize_i128(value),
    }
}

/// As it is where that cannot be misread; else in quotes, without anything that moves a terminal's cursor.
pub(super) fn quoted(text: &str) -> Cow<'_, str> {
    let plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | '=');
    if !text.is_empty() && text != "?" && text.chars().all(plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("\"{}\"", text.escape_debug()))
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown() {
        let shown = |form, key: GroupKey| {
            let value = Shown::of_key(&key, form);
            format!("{value} {}", serde_json::to_string(&value).unwrap())
        };
        let text = |text: &str| GroupKey::Text(text.as_bytes().to_vec());
        assert_eq!(shown(Form::Integer, GroupKey::Integer(-5)), "-5 -5");
        assert_eq!(
            shown(Form::Integer, GroupKey::Integer(u64::MAX.into())),
            "18446744073709551615 18446744073709551615"
        );
        assert_eq!(shown(Form::Bool, GroupKey::Integer(1)), "true true");
        assert_eq!(shown(Form::Bool, GroupKey::Integer(2)), "2 2");
        assert_eq!(shown(Form::Text, text("inv")), "inv \"inv\"");
        assert_eq!(
            shown(Form::Text, text("127.0.0.1:8333")),
            "127.0.0.1:8333 \"127.0.0.1:8333\""
        );
        assert_eq!(
            shown(Form::Text, text("a b\u{1b}[2J")),
            r#""a b\u{1b}[2J" "a b\u001b[2J""#
        );
        assert_eq!(shown(Form::Text, text("")), "\"\" \"\"");
        assert_eq!(shown(Form::Text, text("?")), "\"?\" \"?\"");
        assert_eq!(
            shown(Form::Hash, GroupKey::Bytes(vec![1, 2, 255])),
            "ff0201 \"ff0201\""
        );
        let bytes = Form::Bytes {
            most: 3,
            length_arg: None,
        };
        assert_eq!(
            shown(bytes, GroupKey::Bytes(vec![1, 2, 255])),
            "0102ff \"0102ff\""
        );
        assert_eq!(shown(Form::Hash, GroupKey::Unreadable), "? null");
        let huge = serde_json::to_string(&Shown::Number(1 << 100)).unwrap();
        assert_eq!(huge, (1_i128 << 100).to_string());
    }
}
