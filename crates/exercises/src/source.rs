//! Where a C++ source file calls tracepoints, and where it only looks so: comments, strings, `#if 0`.
//!
//! This is for judging a line that a participant names. What is in a program is never decided here; that is
//! what the notes of the program are for.

use serde::{Deserialize, Serialize};

use crate::tracepoint::{Tracepoint, is_identifier};

/// A call may stretch over that many bytes; beyond, its closing bracket is missing. Core's longest has 400.
const LONGEST_CALL: usize = 4 * 1024;
/// No file of Core has more than ten. The bound is for a file that was made to be large.
const MOST_CALLS: usize = 1_000;

/// Something that reads like a tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// `TRACEPOINT`, `TRACE6`, `TRACEPOINT_SEMAPHORE`, …
    pub word: String,
    /// Its context and event, when it has both.
    pub tracepoint: Option<Tracepoint>,
    /// The line of the macro's name, from 1.
    pub first: u32,
    /// The line of its closing bracket.
    pub last: u32,
    /// Whether the compiler sees it.
    pub kind: Kind,
}

/// What something that reads like a tracepoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A call that the compiler sees.
    Live,
    /// Inside a comment.
    Comment,
    /// Inside a string.
    Text,
    /// Between `#if 0` and `#endif`.
    Disabled,
    /// The definition of the macro, or another directive.
    Directive,
    /// `TRACEPOINT_SEMAPHORE` or `TRACEPOINT_ACTIVE`: about a tracepoint, and not its call.
    Companion,
}

/// Everything in `text` that reads like a tracepoint, in order.
pub fn calls(text: &str) -> Vec<Call> {
    let bytes = text.as_bytes();
    let mut classes = classify(bytes);
    disable(bytes, &mut classes);
    // What is not code cannot open or close a bracket.
    let code = blank(bytes, &classes, |class| {
        matches!(class, Class::Comment | Class::Text)
    });
    let mut lines = Lines::default();
    let mut found = Vec::new();
    let mut at = 0;
    while found.len() < MOST_CALLS
        && let Some(start) = next_word(bytes, at)
    {
        let end = start + word_length(&bytes[start..]);
        at = end;
        let word = &text[start..end];
        let Some(companion) = companion(word) else {
            continue;
        };
        let class = classes[start];
        // In a comment the comment's own text is what follows.
        let following = if matches!(class, Class::Comment | Class::Text) {
            bytes
        } else {
            &code
        };
        let Some((tracepoint, close)) = arguments(following, end) else {
            continue;
        };
        found.push(Call {
            word: word.to_owned(),
            tracepoint,
            first: lines.at(bytes, start),
            last: lines.at(bytes, start) + newlines(&bytes[start..close]),
            kind: match class {
                Class::Comment => Kind::Comment,
                Class::Text => Kind::Text,
                Class::Disabled => Kind::Disabled,
                Class::Directive => Kind::Directive,
                Class::Code if companion => Kind::Companion,
                Class::Code => Kind::Live,
            },
        });
    }
    found
}

/// `text` with blanks for all that the compiler never sees as code: comments, literals, directives, `#if 0`.
/// Lines keep their numbers.
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut classes = classify(bytes);
    disable(bytes, &mut classes);
    let code = blank(bytes, &classes, |class| class != Class::Code);
    String::from_utf8_lossy(&code).into_owned()
}

fn blank(bytes: &[u8], classes: &[Class], unwanted: impl Fn(Class) -> bool) -> Vec<u8> {
    bytes
        .iter()
        .zip(classes)
        .map(|(byte, class)| match byte {
            b'\n' => b'\n',
            _ if unwanted(*class) => b' ',
            _ => *byte,
        })
        .collect()
}

/// Whether the word is a macro about tracepoints, and if so whether it only accompanies a call.
fn companion(word: &str) -> Option<bool> {
    match word {
        "TRACEPOINT" => Some(false),
        "TRACEPOINT_SEMAPHORE" | "TRACEPOINT_ACTIVE" => Some(true),
        // TRACE and TRACE1 to TRACE12, until v28.
        _ => {
            let number = word.strip_prefix("TRACE")?;
            let known = number.is_empty()
                || (number
                    .parse::<u8>()
                    .is_ok_and(|number| (1..=12).contains(&number))
                    && !number.starts_with(['0', '+']));
            known.then_some(false)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Code,
    Comment,
    Text,
    Disabled,
    Directive,
}

/// Tells code from comments and literals, byte by byte.
fn classify(bytes: &[u8]) -> Vec<Class> {
    let mut classes = vec![Class::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (class, length) = match rest {
            [b'/', b'/', ..] => (Class::Comment, line_comment(rest)),
            [b'/', b'*', ..] => (Class::Comment, until(rest, 2, b"*/")),
            [b'R', b'"', ..] if at == 0 || !is_word(bytes[at - 1]) || is_prefix(bytes, at) => {
                (Class::Text, raw_string(rest))
            }
            [b'"', ..] => (Class::Text, quoted(rest, b'"')),
            // 1'000'000 is a number; anything else in single quotes is a character.
            [b'\'', ..] if at > 0 && bytes[at - 1].is_ascii_hexdigit() => (Class::Code, 1),
            [b'\'', ..] => (Class::Text, quoted(rest, b'\'')),
            _ => (Class::Code, 1),
        };
        let end = (at + length.max(1)).min(bytes.len());
        classes[at..end].fill(class);
        at = end;
    }
    classes
}

/// `u8R"…"`, `LR"…"` and their like: the letters before `R` are the literal's.
fn is_prefix(bytes: &[u8], at: usize) -> bool {
    ["u8", "u", "U", "L"].iter().any(|prefix| {
        bytes[..at].ends_with(prefix.as_bytes())
            && at
                .checked_sub(prefix.len() + 1)
                .is_none_or(|before| !is_word(bytes[before]))
    })
}

/// Up to the end of the line, and on when the line ends in a backslash.
fn line_comment(rest: &[u8]) -> usize {
    let mut at = 0;
    while at < rest.len() {
        if rest[at] == b'\n' && !matches!(rest[..at], [.., b'\\'] | [.., b'\\', b'\r']) {
            return at;
        }
        at += 1;
    }
    at
}

/// The length up to and with `mark`; all of it when the mark never comes.
fn until(rest: &[u8], from: usize, mark: &[u8]) -> usize {
    rest.get(from..)
        .and_then(|tail| tail.windows(mark.len()).position(|window| window == mark))
        .map_or(rest.len(), |found| from + found + mark.len())
}

fn raw_string(rest: &[u8]) -> usize {
    // R"delimiter( … )delimiter", with at most 16 characters of delimiter.
    let Some(open) = rest.iter().take(2 + 17).position(|byte| *byte == b'(') else {
        return 2;
    };
    let mut close = Vec::with_capacity(18);
    close.push(b')');
    close.extend(&rest[2..open]);
    close.push(b'"');
    until(rest, open, &close)
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 1,
            // Unclosed: an apostrophe in an #error line, perhaps. It ends with its line.
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Marks directives, and what the preprocessor never lets through: `#if 0` up to its `#else` or `#endif`.
fn disable(bytes: &[u8], classes: &mut [Class]) {
    // One entry for each `#if`: whether its present branch is dead, and whether an earlier one surely lived.
    let mut open: Vec<(bool, bool)> = Vec::new();
    let mut start = 0;
    let mut continued = false;
    while start < bytes.len() {
        let end = bytes[start..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(bytes.len(), |length| start + length + 1);
        let line = code_of(&bytes[start..end], &classes[start..end]);
        let line = line.trim();
        let directive = continued || line.starts_with('#');
        if directive && !continued {
            branch(&mut open, line[1..].trim_start());
        }
        continued = directive && line.ends_with('\\');
        let dead = open.iter().any(|(dead, _)| *dead);
        for class in &mut classes[start..end] {
            if *class == Class::Code {
                *class = match (directive, dead) {
                    (true, _) => Class::Directive,
                    (_, true) => Class::Disabled,
                    _ => Class::Code,
                };
            }
        }
        start = end;
    }
}

fn code_of(line: &[u8], classes: &[Class]) -> String {
    line.iter()
        .zip(classes)
        .filter(|(_, class)| **class == Class::Code)
        .map(|(byte, _)| char::from(*byte))
        .collect()
}

fn branch(open: &mut Vec<(bool, bool)>, directive: &str) {
    let (word, condition) = directive
        .split_once(|letter: char| !letter.is_ascii_alphabetic())
        .map_or((directive, ""), |(word, _)| {
            (word, &directive[word.len()..])
        });
    let condition = condition
        .trim()
        .trim_start_matches('(')
        .trim_end_matches(')')
        .trim();
    let constant = match condition {
        "0" | "false" => Some(false),
        "1" | "true" => Some(true),
        _ => None,
    };
    match word {
        "if" => open.push((constant == Some(false), constant == Some(true))),
        // What depends on the build's configuration counts as alive: the program's notes decide.
        "ifdef" | "ifndef" => open.push((false, false)),
        "elif" => {
            if let Some((dead, lived)) = open.last_mut() {
                *dead = *lived || constant == Some(false);
                *lived |= constant == Some(true);
            }
        }
        "else" => {
            if let Some((dead, lived)) = open.last_mut() {
                *dead = *lived;
            }
        }
        "endif" => {
            open.pop();
        }
        _ => {}
    }
}

/// The first two arguments, when they are names, and the place after the closing bracket; `None` when no
/// bracket opens.
fn arguments(code: &[u8], after: usize) -> Option<(Option<Tracepoint>, usize)> {
    let open = after
        + code[after..]
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())?;
    if code[open] != b'(' {
        return None;
    }
    let window = &code[open..code.len().min(open + LONGEST_CALL)];
    let mut depth = 0_u32;
    let mut close = 1;
    for (at, byte) in window.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            close = at + 1;
            break;
        }
    }
    let inside = String::from_utf8_lossy(&window[1..close.max(2) - 1]);
    let mut parts = inside.splitn(3, ',').map(str::trim);
    let context = parts.next().unwrap_or_default();
    let event = parts.next().unwrap_or_default();
    let tracepoint =
        (is_identifier(context) && is_identifier(event)).then(|| Tracepoint::new(context, event));
    Some((tracepoint, open + close))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The next place from `at` where a word begins with `TRACE`.
fn next_word(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        at += bytes
            .get(at..)?
            .windows(5)
            .position(|window| window == b"TRACE")?;
        if at == 0 || !is_word(bytes[at - 1]) {
            return Some(at);
        }
        at += 5;
    }
}

fn word_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_word(**byte)).count()
}

fn newlines(bytes: &[u8]) -> u32 {
    let count = bytes.iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Counts lines once, although it is asked for one place after the other.
#[derive(Default)]
struct Lines {
    place: usize,
    before: u32,
}

impl Lines {
    fn at(&mut self, bytes: &[u8], place: usize) -> u32 {
        self.before += newlines(&bytes[self.place..place]);
        self.place = place;
        self.before + 1
    }
}

/// A place in a source tree as people write it: `src/net.cpp:570`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as given.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl Location {
    /// From `file:line`, also with a column or the line's text behind it (`rg --column`), `file#L570`,
    /// `file +570` or `file line 570`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(['.', ',', ';']);
        for mark in [":", "#L", " line ", " +", ", line ", "("] {
            let mut from = 0;
            while let Some(found) = text[from..].find(mark) {
                let at = from + found;
                from = at + mark.len();
                let digits = &text[from..];
                let digits = digits.trim_start();
                let end = digits
                    .find(|letter: char| !letter.is_ascii_digit())
                    .unwrap_or(digits.len());
                let file = text[..at].trim();
                if let Ok(line) = digits[..end].parse::<u32>()
                    && line > 0
                    && !file.is_empty()
                {
                    return Some(Self {
                        file: file.to_owned(),
                        line,
                    });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> Vec<String> {
        calls(text)
            .into_iter()
            .map(|call| {
                let name = call
                    .tracepoint
                    .map_or("-".to_owned(), |one| one.to_string());
                format!(
                    "{}-{} {} {:?} {name}",
                    call.first, call.last, call.word, call.kind
                )
            })
            .collect()
    }

    #[test]
    fn calls_of_both_lines_of_core() {
        let text = "\
TRACEPOINT_SEMAPHORE(net, inbound_message);
void f() {
    TRACEPOINT(net, inbound_message,
        peer.id(), // the )
        f(\")\"),
        size
    );
    TRACE6(net, outbound_message, a, b(c), d, e, f, g);
    if (TRACEPOINT_ACTIVE(net, x)) TRACEPOINT /* odd */ ( net , x ) ;
    TRACE(validation, none);
}
";
        assert_eq!(
            show(text),
            [
                "1-1 TRACEPOINT_SEMAPHORE Companion net:inbound_message",
                "3-7 TRACEPOINT Live net:inbound_message",
                "8-8 TRACE6 Live net:outbound_message",
                "9-9 TRACEPOINT_ACTIVE Companion net:x",
                "9-9 TRACEPOINT Live net:x",
                "10-10 TRACE Live validation:none",
            ]
        );
    }

    #[test]
    fn what_only_looks_like_a_call() {
        let text = r##"
// TRACEPOINT(a, line_comment)
/* TRACEPOINT(a, block,
   x) */
const char* s = "TRACEPOINT(a, text)";
const char* r = R"x(" TRACEPOINT(a, raw) )x";
// goes on \
TRACEPOINT(a, continued)
#define TRACEPOINT(context, event, ...) \
    do { TRACEPOINT(a, inner) } while (0)
MY_TRACEPOINT(a, other); TRACEPOINTS(a, other); TRACE13(a, b); TRACEX(a, b);
int TRACEPOINT = 1;
int n = 1'000'000; TRACEPOINT(a, after_number);
char c = '"'; TRACEPOINT(a, after_quote);
char d = '\''; TRACEPOINT(a, after_escape);
"##;
        assert_eq!(
            show(text),
            [
                "2-2 TRACEPOINT Comment a:line_comment",
                "3-4 TRACEPOINT Comment a:block",
                "5-5 TRACEPOINT Text a:text",
                "6-6 TRACEPOINT Text a:raw",
                "8-8 TRACEPOINT Comment a:continued",
                "9-9 TRACEPOINT Directive context:event",
                "10-10 TRACEPOINT Directive a:inner",
                "13-13 TRACEPOINT Live a:after_number",
                "14-14 TRACEPOINT Live a:after_quote",
                "15-15 TRACEPOINT Live a:after_escape",
            ]
        );
    }

    #[test]
    fn the_preprocessor_is_followed() {
        let text = "\
#if 0
TRACEPOINT(a, dead);
#ifdef X
TRACEPOINT(a, dead_inside);
#endif
#else
TRACEPOINT(a, alive);
#endif
#if (1)
TRACEPOINT(a, alive_too);
#elif defined(Y)
TRACEPOINT(a, never);
#else
TRACEPOINT(a, never_either);
#endif
#  if false // TRACEPOINT(a, comment)
TRACEPOINT(a, dead_again);
#elif Z
TRACEPOINT(a, perhaps);
#endif
#ifdef ENABLE_TRACING
TRACEPOINT(a, configured);
#endif
";
        let kinds: Vec<_> = calls(text)
            .into_iter()
            .map(|call| {
                (
                    call.tracepoint.map(|one| one.event).unwrap_or_default(),
                    call.kind,
                )
            })
            .collect();
        let kinds: Vec<_> = kinds
            .iter()
            .map(|(event, kind)| (event.as_str(), *kind))
            .collect();
        assert_eq!(
            kinds,
            [
                ("dead", Kind::Disabled),
                ("dead_inside", Kind::Disabled),
                ("alive", Kind::Live),
                ("alive_too", Kind::Live),
                ("never", Kind::Disabled),
                ("never_either", Kind::Disabled),
                ("comment", Kind::Comment),
                ("dead_again", Kind::Disabled),
                ("perhaps", Kind::Live),
                ("configured", Kind::Live),
            ]
        );
    }

    #[test]
    fn damaged_source_is_no_reason_to_fail() {
        for text in [
            "TRACEPOINT(",
            "TRACEPOINT(a",
            "TRACEPOINT(a,b",
            "TRACEPOINT",
            "/*",
            "\"",
            "R\"",
            "R\"(",
            "'",
            "#",
            "#if",
            "#else",
            "\\",
            "TRACEPOINT())",
            "é TRACEPOINT(a,b) é",
        ] {
            let _ = calls(text);
        }
        assert_eq!(calls(&"TRACEPOINT(a,".repeat(20_000)).len(), MOST_CALLS);
    }

    proptest::proptest! {
        #[test]
        fn no_source_panics(text in "[TRACEPOINT(),/*\"'#if01\\\\\n a-z]{0,200}") {
            let _ = calls(&text);
        }

        #[test]
        fn no_location_panics(text in ".{0,60}") {
            let _ = Location::parse(&text);
        }
    }

    #[test]
    fn places_in_many_words() {
        for text in [
            "src/net.cpp:570",
            "src/net.cpp:570:9",
            "src/net.cpp:570:        TRACEPOINT(net, closed_connection,",
            "src/net.cpp#L570",
            "src/net.cpp +570",
            "src/net.cpp line 570",
            "src/net.cpp, line 570",
            "src/net.cpp: 570.",
            "src/net.cpp(570)",
        ] {
            let location = Location::parse(text).unwrap();
            assert_eq!(location.line, 570, "{text}");
            assert!(location.file.starts_with("src/net.cpp"), "{text}");
        }
        for text in [
            "",
            "src/net.cpp",
            ":570",
            "src/net.cpp:0",
            "src/net.cpp:x",
            "570",
            "src/net.cpp:99999999999",
        ] {
            assert_eq!(Location::parse(text), None, "{text}");
        }
    }
}
