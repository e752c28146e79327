//! What a check found: one finding per question and observation, and what follows from them together.

use serde::{Deserialize, Serialize};

use crate::answers::shorten;

/// The judge's answer for a whole task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The task's id.
    pub task: String,
    /// What follows from all findings.
    pub verdict: State,
    /// One for each thing that decides, in the task's order.
    pub findings: Vec<Finding>,
}

/// The three states of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Everything was seen and is right.
    Passed,
    /// Something was seen and is not right, whatever else could not be seen.
    NotPassed,
    /// Nothing is wrong, but something could not be seen. Never a pass.
    CouldNotCheck,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Unique within the task.
    pub id: String,
    /// The question it judges; none for what was observed on the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// What was judged, as a phrase.
    pub about: String,
    /// How it came out.
    pub result: Outcome,
    /// What was seen.
    pub seen: String,
    /// The smallest help that leads on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Advice on what is right. It never decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// How one finding came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    Right,
    /// Not as it should be.
    Wrong,
    /// It could not be seen.
    Unknown,
}

/// What a judge function says; the task's table adds what it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// As it should be.
    Right {
        /// What was seen.
        seen: String,
        /// Advice that changes nothing about it.
        remark: Option<String>,
    },
    /// Not as it should be.
    Wrong {
        /// What was seen.
        seen: String,
        /// The smallest help that leads on.
        hint: String,
    },
    /// It could not be seen.
    Unknown {
        /// Why not.
        why: String,
        /// What would change that.
        remedy: String,
    },
}

impl Judged {
    /// As it should be.
    pub fn right(seen: impl Into<String>) -> Self {
        Self::Right {
            seen: seen.into(),
            remark: None,
        }
    }

    /// The same with advice, when it is right. What is wrong has its hint, and no more than that.
    #[must_use]
    pub fn with_remark(self, advice: impl Into<Option<String>>) -> Self {
        match self {
            Self::Right { seen, .. } => Self::Right {
                seen,
                remark: advice.into(),
            },
            other => other,
        }
    }

    /// Not as it should be.
    pub fn wrong(seen: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Wrong {
            seen: seen.into(),
            hint: hint.into(),
        }
    }
}

impl Verdict {
    /// Sums up findings. A task without findings is none that was checked.
    pub fn new(task: impl Into<String>, findings: Vec<Finding>) -> Self {
        let any = |result| findings.iter().any(|finding| finding.result == result);
        let verdict = if any(Outcome::Wrong) {
            State::NotPassed
        } else if any(Outcome::Unknown) || findings.is_empty() {
            State::CouldNotCheck
        } else {
            State::Passed
        };
        Self {
            task: task.into(),
            verdict,
            findings,
        }
    }

    /// Why it is no pass, in a line of at most 160 characters: the first finding that is wrong, else the first that
    /// nobody could see.
    pub fn reason(&self) -> Option<String> {
        let first = |result| {
            self.findings
                .iter()
                .find(|finding| finding.result == result)
        };
        let finding = first(Outcome::Wrong).or_else(|| first(Outcome::Unknown))?;
        Some(shorten(
            &format!("{}: {}", finding.about, finding.seen),
            160,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(results: &[Outcome]) -> State {
        let findings = results
            .iter()
            .map(|result| Finding {
                id: "x".into(),
                question: None,
                about: "x".into(),
                result: *result,
                seen: String::new(),
                hint: None,
                remark: None,
            })
            .collect();
        Verdict::new("task9", findings).verdict
    }

    #[test]
    fn the_first_that_is_wrong_is_the_reason() {
        let verdict = |results: &[(&str, Outcome)]| {
            let finding = |(about, result): &(&str, Outcome)| Finding {
                id: "x".into(),
                question: None,
                about: (*about).into(),
                result: *result,
                seen: "so\nand so".into(),
                hint: None,
                remark: None,
            };
            Verdict::new("task9", results.iter().map(finding).collect()).reason()
        };
        use Outcome::{Right, Unknown, Wrong};
        assert_eq!(verdict(&[("a", Right)]), None);
        assert_eq!(
            verdict(&[("a", Unknown), ("b", Wrong), ("c", Wrong)]).as_deref(),
            Some("b: so and so")
        );
        assert_eq!(
            verdict(&[("a", Right), ("b", Unknown)]).as_deref(),
            Some("b: so and so")
        );
    }

    #[test]
    fn nothing_passes_because_something_was_missing() {
        use Outcome::{Right, Unknown, Wrong};
        assert_eq!(verdict(&[Right, Right]), State::Passed);
        assert_eq!(verdict(&[Right, Unknown]), State::CouldNotCheck);
        assert_eq!(verdict(&[Unknown, Wrong]), State::NotPassed);
        assert_eq!(verdict(&[]), State::CouldNotCheck);
    }
}
