//! How much of a machine a host may use: sizes and processors.

use std::fmt;

use serde::Serialize;

use super::read::shown;
use super::values::{Bad, bad};

/// More than any machine a workshop is given on.
pub(crate) const MAX_CPUS: f64 = 1024.0;
/// Below this a node does not start beside systemd and sshd.
pub(crate) const MIN_MEMORY: Size = Size(256 << 20);

/// Below this ext4 has no room for a journal and a host's own files.
pub(crate) const MIN_DISK: Size = Size(64 << 20);
/// What a participant's host wants beside the node's blocks. A first provisioning leaves 0.4 GiB of
/// its own (409 MiB by `df`); the rest is an estimate for builds of one's own and a rehearsal's copies.
pub(crate) const FRESH_DISK: Size = Size(3 << 30);

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
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor));
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
}
