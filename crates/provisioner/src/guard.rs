//! What a host's guard goes by, and what it leaves behind: the two files that both sides read.
//!
//! The guard itself is `workshop guard` on the host.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::inventory;
use crate::participants::text::printable;

/// The guard's unit.
pub const UNIT: &str = "workshop-guard.service";
/// What it goes by, written by `workshop provision`.
pub const CONFIG: &str = "/etc/workshop/guard.json";
/// Its folder, relative to the root: the local provider reads it from outside.
pub const FOLDER: &str = "var/lib/workshop-guard";
/// In the folder: why the host is about to be powered off.
pub const POWER_OFF: &str = "power-off.json";
/// In the folder: why it was powered off before this boot.
pub const BEFORE: &str = "before.json";
/// Why the deadline's timer powered a host off, in the same file.
pub const AFTER_DEADLINE: &str = "its deadline has come";
/// A larger one is none of ours.
pub const MAX_NOTE: usize = 4096;
/// A reason is a line.
const MAX_REASON: usize = 400;

/// What a guard goes by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of this format.
    pub schema: u32,
    /// Processors the host may use; else those it sees.
    pub cpus: Option<f64>,
    /// Bytes of memory the host may use; else what it sees.
    pub memory_bytes: Option<u64>,
    /// Processor time.
    pub cpu: Option<Share>,
    /// Memory of processes.
    pub memory: Option<Share>,
    /// Bytes of files, without the node's.
    pub disk_bytes: Option<u64>,
    /// Whether the file system below the overlay is the host's alone: then it knows what is used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_disk: bool,
    /// What it sends.
    pub egress: Option<Volume>,
    /// From the warning to the stop, and from the stop to the power-off.
    pub grace_seconds: u64,
}

/// A share of the host, on average over a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Of the whole.
    pub percent: u64,
    /// Over how long.
    pub seconds: u64,
}

/// Bytes within a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// How many.
    pub bytes: u64,
    /// Within how long.
    pub seconds: u64,
}

impl Config {
    /// The version we write.
    pub const SCHEMA: u32 = 1;

    /// What the inventory says, for a host that may use this much.
    pub fn new(guard: &inventory::Guard, cpus: Option<f64>, memory_bytes: Option<u64>) -> Self {
        let share = |one: inventory::Sustained| Share {
            percent: one.percent,
            seconds: one.window.as_secs(),
        };
        Self {
            schema: Self::SCHEMA,
            cpus,
            memory_bytes,
            cpu: guard.cpu.map(share),
            memory: guard.memory.map(share),
            disk_bytes: guard.disk.map(inventory::Size::as_bytes),
            own_disk: false,
            egress: guard.egress.map(|one| Volume {
                bytes: one.size.as_bytes(),
                seconds: one.window.as_secs(),
            }),
            grace_seconds: guard.grace.as_secs(),
        }
    }

    /// From the warning to the stop, and from the stop to the power-off.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

/// Why a host was powered off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The version of this format.
    pub schema: u32,
    /// When.
    pub at: jiff::Timestamp,
    /// Why, in one line.
    pub reason: String,
}

impl Note {
    /// Who powered the host off, and why.
    pub fn told(&self) -> String {
        if self.reason == AFTER_DEADLINE {
            return format!("powered itself off: {AFTER_DEADLINE}");
        }
        format!("powered off by its guard: {}", self.reason)
    }

    /// The note in a file that may come from a hostile host: bounded, and harmless to look at. `None` where
    /// it is no note.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_NOTE {
            return None;
        }
        let note: Self = serde_json::from_slice(bytes).ok()?;
        let line = note.reason.replace(['\n', '\r', '\t'], " ");
        let reason: String = printable(&line).chars().take(MAX_REASON).collect();
        Some(Self { reason, ..note })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_from_a_host_is_bounded_and_printable() {
        let note = |reason: &str| {
            let text = serde_json::json!({
                "schema": 1, "at": "2027-02-20T10:00:00Z", "reason": reason, "more": true,
            });
            Note::read(text.to_string().as_bytes()).map(|note| note.reason)
        };
        assert_eq!(note("cpu: 97 %").as_deref(), Some("cpu: 97 %"));
        assert_eq!(
            note("a\u{1b}[2Jb\nverified").as_deref(),
            Some("a[2Jb verified")
        );
        assert_eq!(note(&"x".repeat(3000)).map(|it| it.len()), Some(MAX_REASON));
        assert_eq!(note(&"x".repeat(MAX_NOTE)), None);
        assert_eq!(Note::read(b"[1]"), None);
    }
}
