//! The values an inventory is made of: sizes, processors, versions, addresses, names and dates.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::civil::Date;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::read::shown;
use crate::participants::text::{is_invisible, is_odd_blank};
use crate::suggest;

/// More than any machine a workshop is given on.
pub(crate) const MAX_CPUS: f64 = 1024.0;
/// Each host in work holds a connection and a few tasks; more only makes one link slower.
pub(crate) const MAX_PARALLEL: u64 = 256;
/// As many as there are words.
pub(crate) const MAX_SPARE: u64 = crate::names::WORDS as u64;
/// systemd, sshd, a node and one shell want about 60 threads.
pub(crate) const MIN_PIDS: u64 = 128;
/// The kernel's own limit on 64-bit machines (PID_MAX_LIMIT, include/linux/threads.h).
pub(crate) const MAX_PIDS: u64 = 1 << 22;
/// Below this a node does not start beside systemd and sshd.
pub(crate) const MIN_MEMORY: Size = Size(256 << 20);
/// The smallest automatic target of Bitcoin Core (MIN_DISK_SPACE_FOR_BLOCK_FILES, src/validation.h).
pub(crate) const MIN_PRUNE: u64 = 550;
const MAX_WORKSHOP_NAME: usize = 100;
const MAX_PERSON_NAME: usize = 64;
/// What the crate registry has.
const CRATE_VERSION: Version = Version {
    major: 31,
    minor: 99,
};
/// The releases whose hashes `nix/` knows, newest last.
const RELEASES: [Version; 4] = [
    Version {
        major: 28,
        minor: 0,
    },
    Version {
        major: 29,
        minor: 0,
    },
    Version {
        major: 30,
        minor: 0,
    },
    Version {
        major: 31,
        minor: 0,
    },
];

/// Why a value is not right, and what would be.
pub(crate) struct Bad {
    pub(crate) message: String,
    pub(crate) help: String,
}

fn bad<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Bad> {
    Err(Bad {
        message: message.into(),
        help: help.into(),
    })
}

/// A size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Size(u64);

/// The units, largest first; the binary ones first, because they are what memory is sold in.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

impl Size {
    /// A size of that many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Bad> {
        const HELP: &str = "write a number and a unit, such as 3GiB, 512MiB or 2GB";
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[number.len()..];
        let number = number.trim();
        if number.is_empty() || !number.bytes().all(|c| c.is_ascii_digit() || c == b'.') {
            return bad(format!("`{}` is not a size", shown(text)), HELP);
        }
        if unit.is_empty() {
            return bad(
                format!("`{}` has no unit", shown(text)),
                format!("write {number}MiB or {number}GiB"),
            );
        }
        let Some((_, factor)) = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        else {
            let help = match unit.to_ascii_uppercase().as_str() {
                letter @ ("K" | "M" | "G" | "T") => format!(
                    "write {number}{letter}iB (in powers of 1024) or {number}{letter}B (in powers of 1000)"
                ),
                _ => HELP.to_owned(),
            };
            return bad(format!("`{}` is not a unit of size", shown(unit)), help);
        };
        let bytes = number.parse::<f64>().map(|number| number * *factor as f64);
        match bytes {
            // Within f64's whole numbers: up to 8 PiB to the byte.
            Ok(bytes) if bytes < (1_u64 << 53) as f64 => Ok(Self(bytes.round() as u64)),
            Ok(_) => bad(
                format!("`{}` is more than any machine has", shown(text)),
                HELP,
            ),
            Err(_) => bad(format!("`{}` is not a number", shown(number)), HELP),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0 % factor == 0);
        match unit {
            Some((unit, factor)) => f.pad(&format!("{}{unit}", self.0 / factor)),
            None => f.pad(&format!("{}B", self.0)),
        }
    }
}

/// A number of processors, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpus(u32);

impl Cpus {
    /// In thousandths of a processor.
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Bad> {
        const HELP: &str = "write how many processors a host may use, such as 2 or 0.5";
        let Some(cpus) = text.parse::<f64>().ok().filter(|cpus| cpus.is_finite()) else {
            return bad(
                format!("`{}` is not a number of processors", shown(text)),
                HELP,
            );
        };
        if !(0.1..=MAX_CPUS).contains(&cpus) {
            return bad(
                format!(
                    "{} processors: between 0.1 and {MAX_CPUS} are possible",
                    shown(text)
                ),
                HELP,
            );
        }
        // In range, so below 2^21.
        Ok(Self((cpus * 1000.0).round() as u32))
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&(f64::from(self.0) / 1000.0).to_string())
    }
}

/// A version of Bitcoin Core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number of the line.
    pub major: u16,
    /// 99 is a development tree.
    pub minor: u16,
}

impl Version {
    pub(crate) fn of_crate(text: Option<&str>) -> Result<Self, Bad> {
        match text {
            None => Ok(CRATE_VERSION),
            Some(text) if Self::is(CRATE_VERSION, text) => Ok(CRATE_VERSION),
            Some(text) => bad(
                format!("the crate registry has no version `{}`", shown(text)),
                format!("it has {CRATE_VERSION}; releases come with `source: release`"),
            ),
        }
    }

    pub(crate) fn of_release(text: Option<&str>) -> Result<Self, Bad> {
        let Some(text) = text else {
            return Ok(RELEASES[RELEASES.len() - 1]);
        };
        if let Some(version) = RELEASES
            .into_iter()
            .find(|version| Self::is(*version, text))
        {
            return Ok(version);
        }
        let known = RELEASES.map(|version| version.to_string()).join(", ");
        let major = text
            .trim_start_matches('v')
            .split('.')
            .next()
            .unwrap_or_default();
        let near = RELEASES
            .iter()
            .find(|version| version.major.to_string() == major);
        bad(
            format!("release `{}` is not known", shown(text)),
            match near {
                Some(version) => format!("did you mean {version}? Known are {known}"),
                None => format!("known are {known}"),
            },
        )
    }

    /// Also `v31.0`, as the tag is called.
    fn is(version: Self, text: &str) -> bool {
        text.strip_prefix('v').unwrap_or(text) == version.to_string()
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        RELEASES.into_iter().chain([CRATE_VERSION])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.major, self.minor))
    }
}

/// A host, or a host and a port, for `addnode=` in bitcoin.conf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct NodeAddress(String);

impl NodeAddress {
    /// As bitcoin.conf wants it: nothing in it but letters, digits, and `.`, `-`, `:`, `[`, `]`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Bad> {
        const HELP: &str = "write a name or an address, with a port if it is not the chain's own: node.example.org, 192.0.2.7:48333, [2001:db8::7]:48333";
        let refused = |why: &str| {
            bad(
                format!("`{}` is not an address of a node: {why}", shown(text)),
                HELP,
            )
        };
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self(text.to_owned()));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let Some((host, port)) = rest.split_once(']') else {
                    return refused("`[` without `]`");
                };
                if host.parse::<Ipv6Addr>().is_err() {
                    return refused("no IPv6 address stands between the brackets");
                }
                match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if port.is_empty() => (host, None),
                    None => return refused("something else than a port follows `]`"),
                }
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if let Some(port) = port {
            let is_number = !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit());
            if !is_number
                || port.parse::<u16>().is_ok_and(|port| port == 0)
                || port.parse::<u16>().is_err()
            {
                return refused("the port is not a number from 1 to 65535");
            }
        }
        if !text.starts_with('[') {
            // An address of digits that is none would otherwise pass as a name.
            let is_numeric = host.bytes().all(|c| c.is_ascii_digit() || c == b'.');
            if is_numeric && host.parse::<Ipv4Addr>().is_err() {
                return refused("an IPv4 address has four numbers up to 255");
            }
            if !is_numeric && !is_host_name(host) {
                return refused(
                    "a name is labels of letters, digits and `-`, with dots between them",
                );
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// RFC 1123, section 2.1: labels of at most 63, 253 characters in all.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// A whole number from a range.
pub(crate) fn integer(text: &str, name: &str, min: u64, max: u64) -> Result<u64, Bad> {
    let help = format!("write a whole number from {min} to {max}");
    match text.parse::<i128>() {
        Ok(number) if number < i128::from(min) || number > i128::from(max) => bad(
            format!("`{name}` is {}, which is out of range", shown(text)),
            help,
        ),
        Ok(number) => Ok(u64::try_from(number).unwrap_or(max)),
        // More digits than even that type holds.
        Err(_) if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) => {
            bad(format!("`{name}` is out of range"), help)
        }
        Err(_) => bad(format!("`{}` is not a whole number", shown(text)), help),
    }
}

/// The pruning target of Bitcoin Core (`-prune` in src/init.cpp).
pub(crate) fn prune(text: &str) -> Result<u64, Bad> {
    let help = format!(
        "write the MiB of blocks to keep, {MIN_PRUNE} or more; 0 keeps every block, 1 leaves pruning to RPC"
    );
    let Ok(prune) = text.parse::<u64>() else {
        return bad(format!("`{}` is not a number of MiB", shown(text)), help);
    };
    match prune {
        2..MIN_PRUNE => bad(
            format!(
                "prune is {prune}: Bitcoin Core does not start with fewer than {MIN_PRUNE} MiB"
            ),
            help,
        ),
        10_000_001.. => bad(
            format!("prune is {prune}, more than 10 TiB of blocks"),
            help,
        ),
        _ => Ok(prune),
    }
}

pub(crate) fn date(text: &str) -> Result<Date, Bad> {
    const HELP: &str = "write year-month-day: 2027-02-20";
    // jiff would take 20270220 and a time of day as well; one form is enough for people to read.
    if text.len() == 10 && text.bytes().filter(|c| *c == b'-').count() == 2 {
        return text.parse().or_else(|_| {
            bad(
                format!("`{}` is not a day of the calendar", shown(text)),
                HELP,
            )
        });
    }
    bad(format!("`{}` is not a date", shown(text)), HELP)
}

pub(crate) fn moment(text: &str) -> Result<jiff::ZonedDateTime, Bad> {
    // With a zone's name in brackets, if somebody prefers it.
    if let Ok(moment) = text.parse::<jiff::ZonedDateTime>() {
        return Ok(moment);
    }
    let parser = jiff::fmt::temporal::DateTimeParser::new();
    let help = "write date, time and the offset from UTC: 2027-02-21T20:00:00+01:00";
    let Ok(pieces) = parser.parse_pieces(text) else {
        return bad(format!("`{}` is not a moment in time", shown(text)), help);
    };
    let Some(time) = pieces.time() else {
        return bad(
            format!("`{}` has no time of day", shown(text)),
            format!(
                "write when the servers may go, such as {}T20:00:00+01:00",
                pieces.date()
            ),
        );
    };
    let Some(offset) = pieces.to_numeric_offset() else {
        return bad(
            format!("`{}` does not say in which time zone", shown(text)),
            format!(
                "add the offset from UTC, such as {}T{time}+01:00",
                pieces.date()
            ),
        );
    };
    offset
        .to_timestamp(pieces.date().to_datetime(time))
        .map(|moment| moment.to_zoned_datetime(jiff::tz::TimeZone::fixed(offset)))
        .or_else(|_| bad(format!("`{}` is out of range", shown(text)), help))
}

/// One of a few words; `other` has words that are known and yet not right, with their own message.
pub(crate) fn word<T: Copy>(
    text: &str,
    what: &str,
    known: &[(&str, T)],
    other: &[(&str, &str, &str)],
) -> Result<T, Bad> {
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    if let Some((_, message, help)) = other
        .iter()
        .find(|(word, ..)| word.eq_ignore_ascii_case(text))
    {
        return bad(*message, *help);
    }
    let words: Vec<String> = known.iter().map(|(word, _)| format!("`{word}`")).collect();
    let help = match suggest::nearest(text, known.iter().map(|(word, _)| *word)) {
        Some(word) => format!("did you mean `{word}`?"),
        None if words.len() == 1 => format!("write {}", words[0]),
        None => format!("write one of {}", words.join(", ")),
    };
    bad(format!("`{}` is not {what}", shown(text)), help)
}

pub(crate) fn workshop_name(text: &str) -> Result<String, Bad> {
    name(text, MAX_WORKSHOP_NAME)
}

pub(crate) fn person_name(text: &str) -> Result<String, Bad> {
    name(text, MAX_PERSON_NAME)
}

/// A name as people write it: one line, visible, composed, with single blanks.
fn name(text: &str, max: usize) -> Result<String, Bad> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return bad("the name is empty", "write a name");
    }
    if let Some(c) = trimmed.chars().find(|c| c.is_control() || is_invisible(*c)) {
        return bad(
            format!(
                "the name `{}` holds a character that cannot be seen (U+{:04X})",
                shown(trimmed),
                u32::from(c)
            ),
            "write it anew, on one line",
        );
    }
    if !trimmed.chars().any(char::is_alphanumeric) {
        return bad(
            format!("the name `{}` has no letter", shown(trimmed)),
            "write a name",
        );
    }
    let composed: String = trimmed.nfc().collect();
    let name = composed
        .split(|c: char| c == ' ' || is_odd_blank(c))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let length = name.chars().count();
    if length > max {
        return bad(
            format!("the name has {length} characters; at most {max} fit"),
            "shorten it",
        );
    }
    Ok(name)
}

/// The initials that were written, upper case.
pub(crate) fn initials(text: &str) -> Result<String, Bad> {
    let text = text.trim();
    let letters = text.chars().count();
    if !(1..=4).contains(&letters) || !text.chars().all(char::is_alphabetic) {
        return bad(
            format!("`{}` are no initials", shown(text)),
            "write one to four letters, without dots or blanks, such as AL",
        );
    }
    Ok(text.nfc().flat_map(char::to_uppercase).collect())
}

/// Initials from a name: the first letter of up to four words, or the first two of a single word.
pub(crate) fn initials_of(name: &str) -> Result<String, Bad> {
    let first = |word: &str| word.chars().find(|c| c.is_alphabetic());
    let words: Vec<char> = name.split([' ', '-']).filter_map(first).collect();
    let letters: Vec<char> = match words.len() {
        0 => {
            return bad(
                format!("no initials can be made from the name `{}`", shown(name)),
                "add `initials:` with one to four letters",
            );
        }
        1 => name.chars().filter(|c| c.is_alphabetic()).take(2).collect(),
        _ => words.into_iter().take(4).collect(),
    };
    Ok(letters.into_iter().flat_map(char::to_uppercase).collect())
}

/// The form in which two names that people take for one another are equal: no case, no blanks or
/// hyphens, compatibility forms resolved, and the Cyrillic and Greek letters that look Latin replaced.
pub(crate) fn lookalike(name: &str) -> String {
    name.nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .map(|c| match c {
            'а' | 'α' => 'a',
            'с' => 'c',
            'е' | 'ε' => 'e',
            'һ' => 'h',
            'і' | 'ι' | 'ı' => 'i',
            'ј' => 'j',
            'к' | 'κ' => 'k',
            'ο' | 'о' => 'o',
            'р' | 'ρ' => 'p',
            'ѕ' => 's',
            'т' | 'τ' => 't',
            'υ' | 'у' | 'γ' => 'y',
            'ν' => 'v',
            'х' | 'χ' => 'x',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let table = [
            "3GiB", "512MiB", "2GB", "1.5 GiB", "1gib", "1024B", "0.5kB", "0B",
        ]
        .map(|text| {
            let size = Size::parse(text).unwrap_or_else(|bad| panic!("{}", bad.message));
            format!("{text} = {} = {size}", size.as_bytes())
        });
        insta::assert_snapshot!(table.join("\n"), @"
        3GiB = 3221225472 = 3GiB
        512MiB = 536870912 = 512MiB
        2GB = 2000000000 = 2GB
        1.5 GiB = 1610612736 = 1536MiB
        1gib = 1073741824 = 1GiB
        1024B = 1024 = 1KiB
        0.5kB = 500 = 500B
        0B = 0 = 0B
        ");
        for text in [
            "",
            "3",
            "3G",
            "GiB",
            "3 gigs",
            "-1GiB",
            "1e3GiB",
            "1.2.3MB",
            "9999999TiB",
            "3GiB\n",
        ] {
            assert!(Size::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_go_into_a_configuration_file_and_carry_nothing_else_there() {
        for text in [
            "node.example.org",
            "node.example.org:48333",
            "192.0.2.7",
            "192.0.2.7:1",
            "2001:db8::7",
            "[2001:db8::7]",
            "[2001:db8::7]:48333",
            "localhost",
            "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion:48333",
        ] {
            assert!(NodeAddress::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            ":48333",
            "a b",
            "a\nrpcuser=x",
            "a=b",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "host:1:2",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "-a.org",
            "a..b",
            "[::1",
            "[a]:1",
            "[::1]1",
            "ho_st",
            "#x",
            "http://a.org",
            "\u{1b}[2J",
        ] {
            assert!(NodeAddress::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn initials_from_names() {
        let table = [
            "Ada Lovelace",
            "Satoshi",
            "0xB10C",
            "Jean-Luc Picard",
            "Ana de la Vega y Soto",
            "Łukasz Żak",
            "X Æ A-12",
            "伊藤 博文",
        ]
        .map(|name| {
            format!(
                "{name}: {}",
                initials_of(name).unwrap_or_else(|bad| bad.message)
            )
        });
        insta::assert_snapshot!(table.join("\n"), @"
        Ada Lovelace: AL
        Satoshi: SA
        0xB10C: XB
        Jean-Luc Picard: JLP
        Ana de la Vega y Soto: ADLV
        Łukasz Żak: ŁŻ
        X Æ A-12: XÆA
        伊藤 博文: 伊博
        ");
    }

    #[test]
    fn names_that_look_alike() {
        for (one, two) in [
            ("Ada Lovelace", "ada  LOVELACE"),
            ("Ada Lovelace", "Аda Lovelace"),
            ("José", "Jose\u{301}"),
            ("Ｇrace", "Grace"),
        ] {
            assert_eq!(lookalike(one), lookalike(two), "{one} {two}");
        }
        assert_ne!(lookalike("Ada"), lookalike("Ida"));
    }

    #[test]
    fn moments_keep_their_offset() {
        let text = |moment: Result<jiff::ZonedDateTime, Bad>| match moment {
            Ok(moment) => moment.to_string(),
            Err(bad) => format!("{}. {}", bad.message, bad.help),
        };
        let table = [
            "2027-02-21T20:00:00+01:00",
            "2027-02-21 20:00+01",
            "2027-02-21T20:00Z",
            "2027-02-21",
            "2027-02-21T20:00",
            "2027-02-30T20:00Z",
            "tomorrow",
        ]
        .map(|written| text(moment(written)));
        insta::assert_snapshot!(table.join("\n"), @"
        2027-02-21T20:00:00+01:00[+01:00]
        2027-02-21T20:00:00+01:00[+01:00]
        2027-02-21T20:00:00+00:00[UTC]
        `2027-02-21` has no time of day. write when the servers may go, such as 2027-02-21T20:00:00+01:00
        `2027-02-21T20:00` does not say in which time zone. add the offset from UTC, such as 2027-02-21T20:00:00+01:00
        `2027-02-30T20:00Z` is not a moment in time. write date, time and the offset from UTC: 2027-02-21T20:00:00+01:00
        `tomorrow` is not a moment in time. write date, time and the offset from UTC: 2027-02-21T20:00:00+01:00
        ");
    }
}
