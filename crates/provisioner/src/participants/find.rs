//! Finds the keys in a cleaned text: each place where a type is named, and what stands behind it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::clean::{Cleaning, Cleanings, is_quote, is_wrapper};
use super::key::{BLOB_DIGITS, BLOB_START, COMMENT_LEN, ED25519, PublicKey, read_string};
use super::refuse::{OTHER_TYPES, Refusal, known_type};

/// Fewer digits than this after the name of a type are prose that mentions it.
const FEWEST_DIGITS: usize = 20;

/// A place in the text that is meant as a key.
pub(crate) struct Candidate {
    pub(crate) key: Result<PublicKey, Refusal>,
    /// How many lines it stands on.
    pub(crate) lines: usize,
    pub(crate) done: Cleanings,
}

/// Every key that stands behind the name of a type, whatever the type.
pub(crate) fn named(text: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((start, name)) = next_type(text, at) {
        at = start + name.len();
        let before = &text[text[..start].rfind('\n').map_or(0, |at| at + 1)..start];
        let written = &text[start..at];
        if let Some((mut candidate, length)) = behind(name, written, &text[at..]) {
            look_before(before, &mut candidate);
            found.push(candidate);
            at += length;
        }
    }
    found
}

/// The next name of a key type from `from` on, as this program writes it.
fn next_type(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '@');
    text[from..].char_indices().find_map(|(offset, _)| {
        let start = from + offset;
        if text[..start].ends_with(is_name) {
            return None;
        }
        let rest = &text[start..];
        let matches = |name: &&str| {
            rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
                // `ssh-ed25519AAAA…` lost its blank.
                && (!rest[name.len()..].starts_with(is_name) || rest[name.len()..].starts_with("AAAA"))
        };
        let name = OTHER_TYPES.into_iter().chain([ED25519]).find(|name| matches(name))?;
        Some((start, name))
    })
}

/// The key behind the name of a type and how many bytes of the text it took; `None` for prose.
fn behind(name: &'static str, written: &str, rest: &str) -> Option<(Candidate, usize)> {
    let mut done = Cleanings::new();
    if written != name {
        done.insert(Cleaning::TypeSpelling);
    }
    let body = rest.trim_start();
    let gap = &rest[..rest.len() - body.len()];
    let mut lines = 1;
    if gap.contains('\n') {
        done.insert(Cleaning::Wrapped);
        lines += 1;
    } else if gap != " " {
        done.insert(Cleaning::Blanks);
    }
    let Digits {
        digits,
        length,
        joined,
    } = gather(body);
    if digits.len() < FEWEST_DIGITS && !digits.starts_with("AAAA") {
        return None;
    }
    if joined > 0 {
        done.insert(Cleaning::Wrapped);
        lines += joined;
    }
    let after = &body[length..];
    let comment = comment(after, &mut done);
    let key = read(name, &digits, after, &comment);
    let taken = gap.len() + length + after.find('\n').unwrap_or(after.len());
    Some((Candidate { key, lines, done }, taken))
}

/// The first blob that stands without the name of its type.
pub(crate) fn bare(text: &str) -> Option<Candidate> {
    text.match_indices("AAAA")
        .find_map(|(start, _)| bare_at(text, start))
}

fn bare_at(text: &str, start: usize) -> Option<Candidate> {
    let Digits {
        digits,
        length,
        joined,
    } = gather(&text[start..]);
    let blob = decode(&digits)?;
    let name = type_in(&blob)?;
    let after = &text[start + length..];
    let mut done = Cleanings::from([Cleaning::TypeAdded]);
    if joined > 0 {
        done.insert(Cleaning::Wrapped);
    }
    let comment = comment(after, &mut done);
    let mut candidate = Candidate {
        key: read(name, &digits, after, &comment),
        lines: 1 + joined,
        done,
    };
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    look_before(&text[line..start], &mut candidate);
    Some(candidate)
}

struct Digits {
    digits: String,
    /// In the text, line breaks included.
    length: usize,
    /// How many line breaks were skipped.
    joined: usize,
}

/// The base64 digits a text begins with.
///
/// Lines are joined only when that completes an ed25519 key to the digit. Without that, the word
/// below a key that was cut off might be taken for its end.
fn gather(text: &str) -> Digits {
    let run = |text: &str| {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/')))
            .unwrap_or(text.len())
    };
    let first = run(text);
    let mut digits = text[..first].to_owned();
    let mut length = first;
    let mut joined = 0;
    while digits.len() < BLOB_DIGITS && digits.starts_with("AAAA") {
        // Quoted-printable marks a wrapped line by `=`, a shell by `\`.
        let line_end = text[length..].trim_start_matches(['=', '\\', ' ', '\t']);
        let Some(next) = line_end.strip_prefix('\n') else {
            break;
        };
        let next = next.trim_start_matches([' ', '\t']);
        let piece = &next[..run(next)];
        if piece.is_empty() || is_word(piece) {
            break;
        }
        digits.push_str(piece);
        length = text.len() - next.len() + piece.len();
        joined += 1;
    }
    if digits.len() == BLOB_DIGITS {
        Digits {
            digits,
            length,
            joined,
        }
    } else {
        Digits {
            digits: text[..first].to_owned(),
            length: first,
            joined: 0,
        }
    }
}

/// Whether this is rather a word of a language than the end of a key.
fn is_word(piece: &str) -> bool {
    piece.chars().skip(1).all(|c| c.is_ascii_lowercase())
}

fn decode(digits: &str) -> Option<Vec<u8>> {
    // Of a key that was cut off, the whole bytes are still worth a look: they name its type.
    let lenient = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let whole = if digits.len() % 4 == 1 {
        digits.len() - 1
    } else {
        digits.len()
    };
    lenient.decode(&digits[..whole]).ok()
}

/// The type that a blob names.
fn type_in(mut blob: &[u8]) -> Option<&'static str> {
    let name = std::str::from_utf8(read_string(&mut blob)?).ok()?;
    if name == ED25519 {
        Some(ED25519)
    } else {
        known_type(name)
    }
}

/// The key, or why it is none: first by its type, then by its length, then by what is in it.
fn read(
    says: &'static str,
    digits: &str,
    after: &str,
    comment: &str,
) -> Result<PublicKey, Refusal> {
    let blob = decode(digits).ok_or(Refusal::Damaged)?;
    match type_in(&blob) {
        // rsa-sha2-256 names a signature; the key's own type is ssh-rsa.
        Some("ssh-rsa") if says.starts_with("rsa-sha2-") => return Err(Refusal::Rsa),
        Some(holds) if holds != says => return Err(Refusal::TypeMismatch { says, holds }),
        _ if says != ED25519 => return Err(Refusal::of_type(says)),
        Some(_) => {}
        None if BLOB_START.starts_with(digits) => return Err(Refusal::Truncated),
        None if digits.starts_with("AAAA") => return Err(Refusal::UnknownType),
        None => return Err(Refusal::Damaged),
    }
    // The digits stop where something stands that is neither a digit, a blank nor a quote.
    let is_end = |c: char| c.is_whitespace() || is_wrapper(c) || c == '\\';
    if !after.is_empty() && !after.starts_with(is_end) {
        return Err(if after.starts_with('=') && digits.len() < BLOB_DIGITS {
            Refusal::Truncated
        } else {
            Refusal::Damaged
        });
    }
    if digits.starts_with(BLOB_START) {
        if digits.len() < BLOB_DIGITS {
            return Err(Refusal::Truncated);
        }
        if digits.len() > BLOB_DIGITS {
            return Err(Refusal::TooLong);
        }
    }
    PublicKey::from_blob(&blob, comment)
}

/// What stands between the key and the end of its line.
fn comment(after: &str, done: &mut Cleanings) -> String {
    let line = after.split('\n').next().unwrap_or_default();
    // A tag that closes is markup of the page it was copied from.
    let text = line.split("</").next().unwrap_or_default().trim();
    let trimmed = text.trim_matches(is_quote).trim();
    if trimmed != line.trim() {
        done.insert(Cleaning::Quotes);
    }
    if trimmed.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
        done.insert(Cleaning::Comment);
    }
    if trimmed.chars().count() > COMMENT_LEN {
        done.insert(Cleaning::CommentLength);
    }
    trimmed.replace(char::REPLACEMENT_CHARACTER, "")
}

/// Judges what stands before a key on its line.
fn look_before(before: &str, candidate: &mut Candidate) {
    let words = before
        .trim()
        .trim_matches(|c: char| {
            is_wrapper(c) || c.is_whitespace() || matches!(c, '-' | '*' | '#' | '•')
        })
        .trim();
    if words != before.trim() {
        candidate.done.insert(Cleaning::Quotes);
    }
    if words.is_empty() {
        return;
    }
    if is_options(words) {
        candidate.key = Err(Refusal::Options);
    } else if is_host(before.trim()) {
        candidate.key = Err(Refusal::HostKey);
    } else {
        candidate.done.insert(Cleaning::WordsBefore);
    }
}

/// The options of sshd(8), section "AUTHORIZED_KEYS FILE FORMAT".
const OPTIONS: [&str; 24] = [
    "agent-forwarding",
    "cert-authority",
    "command",
    "environment",
    "expiry-time",
    "from",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "permitlisten",
    "permitopen",
    "port-forwarding",
    "principals",
    "pty",
    "restrict",
    "tunnel",
    "user-rc",
    "verify-required",
    "x11-forwarding",
    "zos-key-ring-label",
    "no-zos-key-ring-label",
];

fn is_options(words: &str) -> bool {
    let name = words.split(['=', ',', ' ']).next().unwrap_or_default();
    let follows = words[name.len()..].chars().next();
    OPTIONS.iter().any(|option| name.eq_ignore_ascii_case(option))
        // "from Ada: ssh-ed25519 …" is prose.
        && (matches!(follows, Some('=' | ',')) || words == name && name != "from" && name != "command")
}

/// Whether this is the first field of a known_hosts line: a marker, a hash, or a host's name or address.
fn is_host(words: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or_default();
    if matches!(first, "@cert-authority" | "@revoked") || first.starts_with("|1|") {
        return true;
    }
    let is_host =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ',' | ':' | '[' | ']');
    first == words
        && words.contains('.')
        && !words.ends_with([':', '.'])
        && words.chars().all(is_host)
}
