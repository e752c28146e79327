//! What is done to a key that arrived in a mail, a chat or a Windows file before it is read, and said.

use std::collections::BTreeSet;
use std::fmt;

use super::text::{is_invisible, is_odd_blank};

/// A harmless thing that was put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cleaning {
    /// Windows PowerShell's `>` writes UTF-16.
    Utf16,
    /// A byte order mark at the start.
    ByteOrderMark,
    /// `\r\n` or `\r`.
    LineEnds,
    /// `>` before each line.
    MailQuotes,
    /// Quotes, backticks or brackets around the key.
    Quotes,
    /// Blanks where none belong, or blanks that are not the ASCII one.
    Blanks,
    /// Zero-width and direction marks.
    Invisible,
    /// One key on several lines.
    Wrapped,
    /// Lines without a key.
    OtherLines,
    /// Keys that would be refused, beside the one that is taken.
    OtherKeys,
    /// Words before the key on its line.
    WordsBefore,
    /// `Ssh-ed25519`, or another kind of hyphen.
    TypeSpelling,
    /// The base64 text stood alone.
    TypeAdded,
    /// The same key more than once.
    Repeated,
    /// The block that PuTTYgen and ssh.com save.
    FromRfc4716,
    /// The block that OpenSSL writes.
    FromPem,
    /// Control characters or broken UTF-8 in the comment.
    Comment,
    /// More than 100 characters of comment.
    CommentLength,
}

impl fmt::Display for Cleaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf16 => "converted from UTF-16",
            Self::ByteOrderMark => "byte order mark removed",
            Self::LineEnds => "line ends of another system put right",
            Self::MailQuotes => "the mail's `>` removed",
            Self::Quotes => "quotes around it removed",
            Self::Blanks => "blanks put right",
            Self::Invisible => "invisible characters removed",
            Self::Wrapped => "wrapped lines joined",
            Self::OtherLines => "other lines left out",
            Self::OtherKeys => "keys of other types left out",
            Self::WordsBefore => "words before it left out",
            Self::TypeSpelling => "spelling of `ssh-ed25519` put right",
            Self::TypeAdded => "`ssh-ed25519` put before it",
            Self::Repeated => "the same key again left out",
            Self::FromRfc4716 => "converted from an RFC 4716 block",
            Self::FromPem => "converted from a PEM block",
            Self::Comment => "characters that cannot be shown removed from its comment",
            Self::CommentLength => "its comment shortened",
        })
    }
}

/// What was put right so far, each thing once.
pub(crate) type Cleanings = BTreeSet<Cleaning>;

/// The text of a file, whatever a text editor saved it as; `None` for what is no text.
pub(crate) fn decode(bytes: &[u8], done: &mut Cleanings) -> Option<String> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        char::decode_utf16(rest.as_chunks::<2>().0.iter().map(|pair| unit(*pair)))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => {
            done.insert(Cleaning::Utf16);
            utf16(rest, u16::from_le_bytes)
        }
        [0xfe, 0xff, rest @ ..] => {
            done.insert(Cleaning::Utf16);
            utf16(rest, u16::from_be_bytes)
        }
        // A comment in Latin-1 is no reason to refuse a key, which is ASCII.
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    (!text.contains('\0')).then_some(text)
}

/// Makes lines plain: one kind of line end, one kind of blank, nothing invisible, no mail quotes, and
/// the type's name on one line in its own spelling.
pub(crate) fn plain(text: &str, done: &mut Cleanings) -> String {
    let mut plain = text.to_owned();
    if let Some(rest) = plain.strip_prefix('\u{feff}') {
        plain = rest.to_owned();
        done.insert(Cleaning::ByteOrderMark);
    }
    if plain.contains('\r') {
        plain = plain.replace("\r\n", "\n").replace('\r', "\n");
        done.insert(Cleaning::LineEnds);
    }
    if plain.contains(is_odd_blank) {
        plain = plain.replace(is_odd_blank, " ");
        done.insert(Cleaning::Blanks);
    }
    if plain.contains(is_invisible) {
        plain = plain.replace(is_invisible, "");
        done.insert(Cleaning::Invisible);
    }
    if plain.lines().any(|line| line.trim_start().starts_with('>')) {
        let unquoted = |line: &str| {
            let rest = line.trim_start().trim_start_matches(['>', ' ']);
            if line.trim_start().starts_with('>') {
                rest.to_owned()
            } else {
                line.to_owned()
            }
        };
        plain = plain.lines().map(unquoted).collect::<Vec<_>>().join("\n") + "\n";
        done.insert(Cleaning::MailQuotes);
    }
    // Word processors put another hyphen, and mail clients break lines at one.
    for hyphen in [
        '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2212}',
    ] {
        let odd = format!("ssh{hyphen}ed25519");
        if plain.contains(&odd) {
            plain = plain.replace(&odd, "ssh-ed25519");
            done.insert(Cleaning::TypeSpelling);
        }
    }
    if plain.contains("ssh-\ned25519") {
        plain = plain.replace("ssh-\ned25519", "ssh-ed25519");
        done.insert(Cleaning::Wrapped);
    }
    plain
}

/// Quotes of several languages and what follows one in a list.
pub(crate) fn is_quote(c: char) -> bool {
    matches!(
        c,
        '`' | '"' | '\'' | '“' | '”' | '„' | '‘' | '’' | '‚' | '«' | '»' | ',' | ';'
    )
}

/// What people and programs put around a key: quotes, Markdown, lists, markup.
pub(crate) fn is_wrapper(c: char) -> bool {
    is_quote(c) || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}')
}
