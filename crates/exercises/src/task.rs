//! A task as data: what it asks, what it looks at, and the functions that judge.

use std::time::Duration;

use serde::Serialize;

use crate::answers::{Answer, Answers};
use crate::evidence::{Evidence, Seen};
use crate::verdict::{Finding, Judged, Outcome, Verdict};

/// One exercise of the workshop. `S` is what evidence of it holds: [`Seen`] for the tasks of this crate, a type
/// of their own for tasks elsewhere.
#[derive(Debug)]
pub struct Task<S = Seen> {
    /// As typed: `task1`.
    pub id: &'static str,
    /// As read.
    pub title: &'static str,
    /// What it is about, in one sentence: on cards and in lists.
    pub brief: &'static str,
    /// What the participant answers, in the order of the text.
    pub questions: &'static [Question],
    /// The prose: `templates/task/<id>.md.j2`.
    pub template: &'static str,
    /// Files that the participant begins with: `workshop start` puts them into ~/workshop.
    pub starters: &'static [Starter],
    /// What `workshop hint` tells, from a first push to the last before the solution, which is none of them.
    /// Templates, as the prose is.
    pub hints: &'static [&'static str],
    /// When `workshop watch` looks again.
    pub watch: Watch,
    /// The findings from evidence of this task; `None` for evidence of another.
    pub findings: fn(&Evidence<S>) -> Option<Vec<Finding>>,
}

impl<S> Task<S> {
    /// The question of that id.
    pub fn question(&self, id: &str) -> Option<&'static Question> {
        self.questions.iter().find(|question| question.id == id)
    }

    /// Judges evidence. That of another task has no findings, and without findings nothing passes.
    pub fn judge(&self, evidence: &Evidence<S>) -> Verdict {
        Verdict::new(self.id, (self.findings)(evidence).unwrap_or_default())
    }
}

/// A file to begin with. As it is, its task does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starter {
    /// Its name in ~/workshop: `task3.bt`.
    pub name: &'static str,
    /// Its text: `templates/start/<name>.j2`.
    pub template: &'static str,
}

/// When `workshop watch` looks again: the answers, the starters and these files have changed, or time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// What else the check looks at.
    pub files: &'static [Watched],
    /// How long after a check the next is due, though nothing changed that is watched. None where a check is
    /// costly: it starts nodes or tests.
    pub every: Option<Duration>,
}

/// A file that a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// The tree's bitcoind.
    Node,
    /// The tree's unit tests.
    UnitTests,
}

/// Something the participant finds out and answers.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Question {
    /// As typed: `kernel`.
    pub id: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// An answer's form in the `workshop answer` command.
    pub form: &'static str,
    /// Whether the answer decides. Those that do not are kept for the discussion.
    pub decides: bool,
}

/// One row of a task's table of checks; `S` is what the task's gatherer saw.
pub struct Check<S> {
    /// Unique within the task; a question's check has the question's id.
    pub id: &'static str,
    /// What is judged, as a phrase.
    pub about: &'static str,
    /// How.
    pub judge: How<S>,
}

/// What a check looks at.
pub enum How<S> {
    /// The answer to the question of the check's id. Without an answer the function is not asked.
    Answer(fn(&Answer, &S) -> Judged),
    /// What was seen, alone.
    Observation(fn(&S) -> Judged),
}

/// Runs a table of checks of `task` over what was seen and answered.
pub fn run<T, S>(task: &Task<T>, checks: &[Check<S>], seen: &S, answers: &Answers) -> Vec<Finding> {
    checks
        .iter()
        .map(|check| {
            let (question, judged) = match check.judge {
                How::Observation(judge) => (None, judge(seen)),
                How::Answer(judge) => {
                    let judged = match answers.get(check.id) {
                        Some(answer) => judge(answer, seen),
                        None => not_answered(task, check.id),
                    };
                    (Some(check.id.to_owned()), judged)
                }
            };
            finding(check.id, question, check.about, judged)
        })
        .collect()
}

fn not_answered<T>(task: &Task<T>, question: &str) -> Judged {
    let form = task
        .question(question)
        .map_or("…", |question| question.form);
    Judged::wrong(
        "not answered yet",
        format!("workshop answer {} {question} {form}", task.id),
    )
}

fn finding(id: &str, question: Option<String>, about: &str, judged: Judged) -> Finding {
    let (result, seen, hint, remark) = match judged {
        Judged::Right { seen, remark } => (Outcome::Right, seen, None, remark),
        Judged::Wrong { seen, hint } => (Outcome::Wrong, seen, Some(hint), None),
        Judged::Unknown { why, remedy } => (Outcome::Unknown, why, Some(remedy), None),
    };
    Finding {
        id: id.to_owned(),
        question,
        about: about.to_owned(),
        result,
        seen,
        hint,
        remark,
    }
}
