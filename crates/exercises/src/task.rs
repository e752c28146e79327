//! A task as data: what it asks, what it looks at, and the functions that judge.

use serde::Serialize;

use crate::answers::{Answer, Answers};
use crate::evidence::Evidence;
use crate::verdict::{Finding, Judged, Outcome};

/// One exercise of the workshop.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// As typed: `task1`.
    pub id: &'static str,
    /// As read.
    pub title: &'static str,
    /// What the participant answers, in the order of the text.
    pub questions: &'static [Question],
    /// The prose: `templates/task/<id>.md.j2`.
    pub template: &'static str,
    /// The findings from evidence of this task; `None` for evidence of another.
    pub findings: fn(&Evidence) -> Option<Vec<Finding>>,
}

impl Task {
    /// The question of that id.
    pub fn question(&self, id: &str) -> Option<&'static Question> {
        self.questions.iter().find(|question| question.id == id)
    }
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

/// Runs a table of checks.
pub(crate) fn run<S>(
    task: &Task,
    checks: &[Check<S>],
    seen: &S,
    answers: &Answers,
) -> Vec<Finding> {
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

fn not_answered(task: &Task, question: &str) -> Judged {
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
