//! What a participant has achieved, folded from the verdicts of their checks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::verdict::State;

/// The format of the file.
pub const SCHEMA: u32 = 1;

/// All tasks that were checked at least once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// By the task's id; tasks this program does not know are kept.
    pub tasks: BTreeMap<String, Record>,
}

/// One task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was begun: by a starter, an answer, a hint or a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When something was last done for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<Timestamp>,
    /// How many of its hints were told.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hints: usize,
    /// How often it was checked. A check that could not look is none.
    #[serde(default)]
    pub attempts: u32,
    /// When it passed for the first time. Never taken away: a later check may judge a changed system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_passed: Option<Timestamp>,
    /// The latest check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Last>,
}

/// A longer file is no progress: of six tasks it is 2 KB.
pub const LARGEST: usize = 1 << 20;

/// Why a file is no progress.
#[derive(Debug, thiserror::Error)]
pub enum BadProgress {
    /// Longer than [`LARGEST`].
    #[error("is larger than any progress")]
    TooLarge,
    /// Another format.
    #[error("has format {found}, which this version cannot read")]
    Schema {
        /// What the file says.
        found: u64,
    },
    /// Not what the format says.
    #[error("is damaged in line {line}")]
    Damaged {
        /// Counted from 1.
        line: usize,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// How far a participant is with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Nothing was done for it.
    NotStarted,
    /// Begun, and not checked yet.
    Started,
    /// Checked, and not passed yet.
    Attempted,
    /// Passed at least once.
    Passed,
}

/// The latest check of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// When.
    pub at: Timestamp,
    /// With what result.
    pub verdict: State,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            tasks: BTreeMap::new(),
        }
    }
}

impl Record {
    /// How far it is.
    pub fn stage(&self) -> Stage {
        if self.first_passed.is_some() {
            Stage::Passed
        } else if self.last.is_some() {
            Stage::Attempted
        } else if self.started.is_some() {
            Stage::Started
        } else {
            Stage::NotStarted
        }
    }
}

impl Progress {
    /// Reads a saved file, whoever wrote it.
    ///
    /// # Errors
    /// [`BadProgress`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, BadProgress> {
        #[derive(Deserialize)]
        struct Header {
            schema: u64,
        }
        if bytes.len() > LARGEST {
            return Err(BadProgress::TooLarge);
        }
        let damaged = |error: serde_json::Error| BadProgress::Damaged { line: error.line() };
        // The version first: a newer file may have fields that this program would call damaged.
        let Header { schema } = serde_json::from_slice(bytes).map_err(damaged)?;
        if schema != u64::from(SCHEMA) {
            return Err(BadProgress::Schema { found: schema });
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }

    /// Notes that something was done for the task, which is begun then.
    pub fn touch(&mut self, task: &str, at: Timestamp) -> &mut Record {
        let record = self.tasks.entry(task.to_owned()).or_default();
        record.started.get_or_insert(at);
        record.touched = Some(at);
        record
    }

    /// Notes one more told hint, of `of` that there are; how many were told now.
    pub fn hint(&mut self, task: &str, of: usize, at: Timestamp) -> usize {
        let record = self.touch(task, at);
        record.hints = record.hints.saturating_add(1).min(of);
        record.hints
    }

    /// Adds one check.
    pub fn record(&mut self, task: &str, verdict: State, at: Timestamp) {
        let record = self.touch(task, at);
        record.last = Some(Last { at, verdict });
        if verdict != State::CouldNotCheck {
            record.attempts = record.attempts.saturating_add(1);
        }
        if verdict == State::Passed && record.first_passed.is_none() {
            record.first_passed = Some(at);
        }
    }

    /// Forgets all about a task but that it passed; what was known of it.
    pub fn forget(&mut self, task: &str) -> Option<Record> {
        let record = self.tasks.remove(task)?;
        if record.first_passed.is_some() {
            let kept = Record {
                first_passed: record.first_passed,
                ..Record::default()
            };
            self.tasks.insert(task.to_owned(), kept);
        }
        Some(record)
    }

    /// What is known of a task.
    pub fn of(&self, task: &str) -> Record {
        self.tasks.get(task).cloned().unwrap_or_default()
    }

    /// Whether the task has ever passed.
    pub fn passed(&self, task: &str) -> bool {
        self.of(task).stage() == Stage::Passed
    }

    /// The task somebody is at, of those in `tasks` that have not passed: the one that something was done for last,
    /// else the first.
    pub fn at<'a>(&self, tasks: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let open: Vec<&str> = tasks
            .into_iter()
            .filter(|task| !self.passed(task))
            .collect();
        let latest = open
            .iter()
            .filter_map(|task| Some((self.of(task).touched?, *task)))
            .max_by_key(|(at, _)| *at)
            .map(|(_, task)| task);
        latest.or(open.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_never_taken_away() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut progress = Progress::default();
        progress.record("task0", State::NotPassed, at(1));
        assert!(!progress.passed("task0"));
        progress.record("task0", State::Passed, at(2));
        progress.record("task0", State::CouldNotCheck, at(3));
        progress.record("task0", State::NotPassed, at(4));
        let record = progress.of("task0");
        assert_eq!((record.started, record.attempts), (Some(at(1)), 3));
        assert_eq!(record.first_passed, Some(at(2)));
        assert_eq!(record.last.map(|last| last.verdict), Some(State::NotPassed));
        assert!(progress.passed("task0") && !progress.passed("task1"));
        // Nor by beginning anew.
        assert_eq!(progress.forget("task0"), Some(record));
        let anew = Record {
            first_passed: Some(at(2)),
            ..Record::default()
        };
        assert_eq!(progress.of("task0"), anew);
        assert_eq!(progress.forget("task1"), None);
    }

    #[test]
    fn stages_follow_what_was_done() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut progress = Progress::default();
        let stage = |progress: &Progress| progress.of("task0").stage();
        assert_eq!(stage(&progress), Stage::NotStarted);
        progress.touch("task0", at(1));
        progress.touch("task0", at(2));
        assert_eq!(progress.of("task0").started, Some(at(1)));
        assert_eq!(stage(&progress), Stage::Started);
        progress.record("task0", State::CouldNotCheck, at(3));
        assert_eq!(stage(&progress), Stage::Attempted);
        progress.record("task0", State::Passed, at(4));
        assert_eq!(stage(&progress), Stage::Passed);
        progress.forget("task0");
        assert_eq!(stage(&progress), Stage::Passed);
    }

    #[test]
    fn hints_are_told_one_by_one_and_end() {
        let at = Timestamp::UNIX_EPOCH;
        let mut progress = Progress::default();
        let told: Vec<usize> = (0..4).map(|_| progress.hint("task1", 3, at)).collect();
        assert_eq!(told, [1, 2, 3, 3]);
        // A newer program may have fewer hints.
        assert_eq!(progress.hint("task1", 2, at), 2);
        assert_eq!(progress.of("task1").stage(), Stage::Started);
    }

    #[test]
    fn one_is_at_the_task_that_something_was_done_for_last() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let tasks = ["task0", "task1", "task2"];
        let mut progress = Progress::default();
        assert_eq!(progress.at(tasks), Some("task0"));
        progress.record("task0", State::Passed, at(1));
        assert_eq!(progress.at(tasks), Some("task1"));
        // Somebody who skips one is not sent back.
        progress.touch("task2", at(2));
        assert_eq!(progress.at(tasks), Some("task2"));
        progress.touch("task1", at(3));
        progress.touch("task2", at(4));
        assert_eq!(progress.at(tasks), Some("task2"));
        progress.record("task1", State::NotPassed, at(5));
        assert_eq!(progress.at(tasks), Some("task1"));
        progress.record("task1", State::Passed, at(6));
        assert_eq!(progress.at(tasks), Some("task2"));
        progress.record("task2", State::Passed, at(7));
        assert_eq!(progress.at(tasks), None);
    }

    #[test]
    fn an_older_file_is_read() {
        let text = r#"{"schema": 1, "tasks": {"task0": {"attempts": 2,
            "last": {"at": "2026-11-25T10:00:00Z", "verdict": "not-passed"}}}}"#;
        let progress: Progress = serde_json::from_str(text).unwrap();
        assert_eq!(progress.of("task0").attempts, 2);
        assert_eq!(progress.of("task0").stage(), Stage::Attempted);
    }

    #[test]
    fn what_is_no_progress_is_said() {
        for (text, why) in [
            ("", "is damaged in line 1"),
            ("[]", "is damaged in line 1"),
            ("{\"schema\": 1}", "is damaged in line 1"),
            (
                r#"{"schema": 2}"#,
                "has format 2, which this version cannot read",
            ),
            (&"[".repeat(100_000), "is damaged in line 1"),
            (&" ".repeat(LARGEST + 1), "is larger than any progress"),
        ] {
            let error = Progress::from_json(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), why);
        }
    }
}
