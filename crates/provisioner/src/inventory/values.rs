//! What is wrong with a value, and the small values: numbers, words, versions.

use std::fmt;

use super::read::shown;
use crate::nix::release::{self, RELEASES};
use crate::suggest;

/// Each host in work holds a connection and a few tasks; more only makes one link slower.
pub(crate) const MAX_PARALLEL: u64 = 256;
/// As many as there are words.
pub(crate) const MAX_SPARE: u64 = crate::names::WORDS as u64;
/// systemd, sshd, a node and one shell want about 60 threads.
pub(crate) const MIN_PIDS: u64 = 128;
/// The kernel's own limit on 64-bit machines (PID_MAX_LIMIT, include/linux/threads.h).
pub(crate) const MAX_PIDS: u64 = 1 << 22;
/// The smallest automatic target of Bitcoin Core (MIN_DISK_SPACE_FOR_BLOCK_FILES, src/validation.h).
pub(crate) const MIN_PRUNE: u64 = 550;
/// What the crate registry has.
const CRATE_VERSION: Version = Version {
    major: 31,
    minor: 99,
};
/// Why a value is not right, and what would be.
pub(crate) struct Bad {
    pub(crate) message: String,
    pub(crate) help: String,
}

/// A value that is not right.
pub(crate) fn bad<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Bad> {
    Err(Bad {
        message: message.into(),
        help: help.into(),
    })
}

/// `true` or `false`.
pub(crate) fn flag(text: &str) -> Result<bool, Bad> {
    let known = [("true", true), ("false", false)];
    word(text, "true or false", &known, &[])
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
        let known = || RELEASES.iter().map(|release| release.version);
        let Some(text) = text else {
            return Ok(RELEASES[RELEASES.len() - 1].version);
        };
        if let Some(version) = known().find(|version| Self::is(*version, text)) {
            return Ok(version);
        }
        let list = release::known();
        let major = text
            .trim_start_matches('v')
            .split('.')
            .next()
            .and_then(|major| major.parse::<u16>().ok());
        match major {
            Some(major) if major < RELEASES[0].version.major => bad(
                format!(
                    "release `{}` cannot be built: v28 and older use autotools, and hosts build with CMake",
                    shown(text)
                ),
                format!("write one of {list}"),
            ),
            _ => bad(
                format!("release `{}` is not known", shown(text)),
                match known().rfind(|version| Some(version.major) == major) {
                    Some(version) => format!("did you mean {version}? Known are {list}"),
                    None => format!(
                        "known are {list}; a newer one can be unpacked and named by its folder, `source: {{path: DIR}}`"
                    ),
                },
            ),
        }
    }

    /// Also `v31.0`, as the tag is called.
    fn is(version: Self, text: &str) -> bool {
        text.strip_prefix('v').unwrap_or(text) == version.to_string()
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        RELEASES
            .iter()
            .map(|release| release.version)
            .chain([CRATE_VERSION])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}", self.major, self.minor))
    }
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
