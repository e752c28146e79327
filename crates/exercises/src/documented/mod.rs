//! The tracepoint interface that Bitcoin Core documents: from a tree's `doc/tracing.md`, or from our own
//! table where a tree has none.

mod table;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use self::table::ROWS;
use crate::profile::Version;
use crate::tracepoint::Tracepoint;

/// What is documented, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Where it was read, for people.
    pub source: String,
    /// In the order of the document.
    pub tracepoints: Vec<Documented>,
}

/// One documented tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documented {
    /// Its name.
    pub id: Tracepoint,
    /// Its arguments in order.
    pub args: Vec<DocumentedArg>,
}

/// One documented argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentedArg {
    /// A short name in `snake_case`.
    pub name: Cow<'static, str>,
    /// Its type; none when the document's words for it are not known.
    pub kind: Option<ArgType>,
}

/// The types that Core passes to tracepoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArgType {
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 32 bits.
    Uint32,
    /// Unsigned, 64 bits.
    Uint64,
    /// 0 or 1 in one byte.
    Bool,
    /// Address of a NUL-terminated string.
    Cstr,
    /// Address of bytes.
    Bytes,
}

impl ArgType {
    /// Bytes, and whether signed, as `sys/sdt.h` passes the type on a 64-bit machine.
    pub fn layout(self) -> (u8, bool) {
        match self {
            Self::Int32 => (4, true),
            Self::Int64 => (8, true),
            Self::Uint32 => (4, false),
            Self::Uint64 | Self::Cstr | Self::Bytes => (8, false),
            Self::Bool => (1, false),
        }
    }

    /// As C writes it.
    pub fn c_type(self) -> &'static str {
        match self {
            Self::Int32 => "int32_t",
            Self::Int64 => "int64_t",
            Self::Uint32 => "uint32_t",
            Self::Uint64 => "uint64_t",
            Self::Bool => "bool",
            Self::Cstr => "char *",
            Self::Bytes => "unsigned char *",
        }
    }

    /// From the words between backticks in `doc/tracing.md`.
    fn from_words(words: &str) -> Option<Self> {
        match words.trim().to_ascii_lowercase().as_str() {
            "int32" => Some(Self::Int32),
            "int64" => Some(Self::Int64),
            "uint32" => Some(Self::Uint32),
            "uint64" => Some(Self::Uint64),
            "bool" => Some(Self::Bool),
            "pointer to c-style string" => Some(Self::Cstr),
            "pointer to unsigned chars" => Some(Self::Bytes),
            _ => None,
        }
    }
}

impl fmt::Display for ArgType {
    /// As C writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.c_type())
    }
}

impl Interface {
    /// What our own table says about a version; about the newest when it is not known.
    pub fn of_version(version: Option<Version>) -> Self {
        let source = match version {
            Some(Version { major }) => format!("the documentation of Bitcoin Core {major}"),
            None => "the documentation of Bitcoin Core".to_owned(),
        };
        let tracepoints = ROWS
            .iter()
            .filter(|row| version.is_none_or(|version| row.since <= version.major))
            .map(|row| Documented {
                id: Tracepoint::new(row.context, row.event),
                args: row
                    .args
                    .iter()
                    .map(|&(name, kind)| DocumentedArg {
                        name: name.into(),
                        kind: Some(kind),
                    })
                    .collect(),
            })
            .collect();
        Self {
            source,
            tracepoints,
        }
    }

    /// What a tree's `doc/tracing.md` says: each heading that names a tracepoint, and the numbered list below
    /// it. `None` when it names none, which no version's document does.
    pub fn from_markdown(text: &str) -> Option<Self> {
        let mut tracepoints: Vec<Documented> = Vec::new();
        let mut fenced = false;
        let mut inside = false;
        for line in text.lines() {
            let line = line.trim();
            if line.starts_with("```") || line.starts_with("~~~") {
                fenced = !fenced;
                continue;
            }
            if fenced {
                continue;
            }
            if line.starts_with('#') {
                let heading = line.trim_start_matches('#');
                let id = tracepoint_in(heading);
                inside = id.is_some();
                if let Some(id) = id {
                    tracepoints.push(Documented {
                        id,
                        args: Vec::new(),
                    });
                }
            } else if inside
                && let Some(item) = numbered(line)
                && let Some(current) = tracepoints.last_mut()
            {
                current.args.push(argument(item));
            }
        }
        for tracepoint in &mut tracepoints {
            name_as_known(tracepoint);
        }
        (!tracepoints.is_empty()).then(|| Self {
            source: "doc/tracing.md".to_owned(),
            tracepoints,
        })
    }

    /// The documented tracepoint of that name.
    pub fn get(&self, id: &Tracepoint) -> Option<&Documented> {
        self.tracepoints.iter().find(|one| one.id == *id)
    }
}

/// ``Tracepoint `net:inbound_message` `` names one; ``Context `net` `` and other headings do not.
fn tracepoint_in(heading: &str) -> Option<Tracepoint> {
    heading
        .split(|letter: char| letter.is_whitespace() || letter == '`' || letter == '*')
        .find_map(|word| word.parse().ok())
}

/// The text of a numbered item: `3. Value of the coin as …`.
fn numbered(line: &str) -> Option<&str> {
    let digits = line.find(|letter: char| !letter.is_ascii_digit())?;
    if digits == 0 {
        return None;
    }
    line[digits..].strip_prefix(['.', ')']).map(str::trim)
}

/// ``Peer ID as `int64` ``: the words before the first backtick name it, and the words inside are its type;
/// in ``Whether `CreateTransaction` succeeded as `bool` `` those inside the second pair.
fn argument(item: &str) -> DocumentedArg {
    let mut pieces = item.split('`');
    let description = pieces.next().unwrap_or_default();
    let kind = pieces.find_map(ArgType::from_words);
    let words: Vec<String> = description
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty() && !matches!(*word, "as" | "an" | "a" | "the"))
        .take(3)
        .map(str::to_ascii_lowercase)
        .collect();
    DocumentedArg {
        name: words.join("_").into(),
        kind,
    }
}

/// The document describes its arguments, our table names them; names are kept where both mean the same list.
fn name_as_known(tracepoint: &mut Documented) {
    let Some(row) = ROWS
        .iter()
        .find(|row| row.context == tracepoint.id.context && row.event == tracepoint.id.event)
    else {
        return;
    };
    for (arg, (name, kind)) in tracepoint.args.iter_mut().zip(row.args) {
        // Another type at that place: the document's list is another one from here on.
        if arg.kind.is_some_and(|documented| documented != *kind) {
            return;
        }
        arg.name = Cow::Borrowed(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let newest = Interface::of_version(None);
        assert_eq!(newest.tracepoints.len(), 20);
        for (major, count) in [
            (22, 3),
            (23, 7),
            (24, 11),
            (25, 15),
            (28, 15),
            (29, 20),
            (31, 20),
        ] {
            let interface = Interface::of_version(Some(Version { major }));
            assert_eq!(interface.tracepoints.len(), count, "{major}");
        }
        let replaced = newest.get(&Tracepoint::new("mempool", "replaced")).unwrap();
        assert_eq!(replaced.args.len(), 8);
    }

    const DOCUMENT: &str = "\
# Tracing
The tracepoint `net:not_a_heading` is text.
### Context `net`
#### Tracepoint `net:inbound_message`
Is called when a message is received.

Arguments passed:
1. Peer ID as `int64`
2. Peer Address and Port (IPv4, …) as `pointer to C-style String` (max. length 68 characters)

Note: 3. of something.
#### Tracepoint `ours:started`
1. Whether it was a very long description as` bool`
1. Whether `Something` succeeded as `bool`
2. Something else as `quaternion`
## Adding tracepoints
1. not an argument
```
#### Tracepoint `an:example`
```
";

    #[test]
    fn a_document_is_read_by_its_headings() {
        let interface = Interface::from_markdown(DOCUMENT).unwrap();
        let text: Vec<String> = interface
            .tracepoints
            .iter()
            .map(|one| {
                let args: Vec<_> = one
                    .args
                    .iter()
                    .map(|arg| {
                        let kind = arg.kind.map_or("?".to_owned(), |kind| kind.to_string());
                        format!("{kind} {}", arg.name)
                    })
                    .collect();
                format!("{}({})", one.id, args.join(", "))
            })
            .collect();
        assert_eq!(
            text,
            [
                "net:inbound_message(int64_t peer_id, char * peer_addr)",
                "ours:started(bool whether_it_was, bool whether, ? something_else)"
            ]
        );
    }

    #[test]
    fn a_document_without_tracepoints_is_none() {
        assert_eq!(Interface::from_markdown("# Tracing\nnothing\n"), None);
        assert_eq!(Interface::from_markdown(""), None);
    }
}
