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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How often it was checked. A check that could not look is none.
    pub attempts: u32,
    /// When it passed for the first time. Never taken away: a later check may judge a changed system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_passed: Option<Timestamp>,
    /// The latest check.
    pub last: Last,
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

impl Progress {
    /// Adds one check.
    pub fn record(&mut self, task: &str, verdict: State, at: Timestamp) {
        let last = Last { at, verdict };
        let record = self.tasks.entry(task.to_owned()).or_insert(Record {
            attempts: 0,
            first_passed: None,
            last,
        });
        record.last = last;
        if verdict != State::CouldNotCheck {
            record.attempts = record.attempts.saturating_add(1);
        }
        if verdict == State::Passed && record.first_passed.is_none() {
            record.first_passed = Some(at);
        }
    }

    /// Whether the task has ever passed.
    pub fn passed(&self, task: &str) -> bool {
        self.tasks
            .get(task)
            .is_some_and(|record| record.first_passed.is_some())
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
        let record = &progress.tasks["task0"];
        assert_eq!(record.attempts, 3);
        assert_eq!(record.first_passed, Some(at(2)));
        assert_eq!(record.last.verdict, State::NotPassed);
        assert!(progress.passed("task0") && !progress.passed("task1"));
    }
}
