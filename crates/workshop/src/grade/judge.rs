//! From what a host printed to verdicts, on the instructor's side.

use std::panic::AssertUnwindSafe;

use exercises::progress::{Progress, Stage};
use exercises::verdict::{Finding, Outcome, State};
use exercises::{Evidence, Observed, Seen, Task, judge};
use provisioner::Failure;
use serde::Serialize;

use super::line::Line;
use crate::room;
use crate::room::progress::HostSays;

/// Longer texts of a host are cut.
const LONGEST: usize = 2000;

/// One task on one host.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Graded {
    pub(crate) task: &'static str,
    /// What follows from the evidence.
    pub(crate) verified: State,
    /// The first thing that is not as it should be; none when all is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What the host says; none when its progress cannot be read.
    pub(crate) host_says: Option<Stage>,
    /// How the two contradict each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) differs: Option<String>,
    pub(crate) findings: Vec<Finding>,
}

impl Graded {
    /// A task that could not be looked at, for the host's sake.
    pub(super) fn nothing(task: &'static Task, failure: &Failure) -> Self {
        Self {
            task: task.id,
            verified: State::CouldNotCheck,
            reason: Some(room::line(failure.line(), 400)),
            host_says: None,
            differs: None,
            findings: vec![],
        }
    }
}

/// Judges the lines of one host. There is a verdict for each of `tasks`, whatever the host printed.
pub(super) fn grade(
    output: &[u8],
    tasks: &[&'static Task],
    word: &str,
    seed: &str,
    says: &HostSays,
) -> Vec<Graded> {
    let lines: Vec<Line> = output
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    tasks
        .iter()
        .map(|task| {
            let (verified, reason, findings) = verdict(task, &lines, word, seed);
            let host_says = match says {
                HostSays::Progress(progress) => Some(stage(progress, task)),
                HostSays::Unreadable(_) => None,
            };
            let differs = differs(host_says, verified, reason.as_deref());
            Graded {
                task: task.id,
                verified,
                reason,
                host_says,
                differs,
                findings,
            }
        })
        .collect()
}

fn stage(progress: &Progress, task: &Task) -> Stage {
    progress.of(task.id).stage()
}

type Verified = (State, Option<String>, Vec<Finding>);

fn verdict(task: &'static Task, lines: &[Line], word: &str, seed: &str) -> Verified {
    let nothing = |why: &str| (State::CouldNotCheck, Some(room::line(why, 400)), vec![]);
    // The first line about a task counts; a host that prints several gets no choice.
    let line = lines.iter().find(|line| match line {
        Line::Evidence(evidence) => evidence.seen.task() == task.id,
        Line::Nothing { task: of, .. } => of == task.id,
    });
    match line {
        None => nothing("the host sent no evidence of it"),
        Some(Line::Nothing { why, .. }) => nothing(why),
        Some(Line::Evidence(evidence)) => match foreign(evidence, word, seed) {
            Some(why) => nothing(&why),
            None => judged(evidence),
        },
    }
}

/// Why it is no evidence of this look.
fn foreign(evidence: &Evidence, word: &str, seed: &str) -> Option<String> {
    if evidence.schema != exercises::evidence::SCHEMA {
        return Some(format!("evidence of format {}", evidence.schema));
    }
    if evidence.host.as_deref() != Some(word) {
        let host = evidence.host.as_deref().unwrap_or("no host");
        return Some(format!("the evidence is of {host}"));
    }
    if let Seen::Task3(seen) = &evidence.seen
        && let Observed::Known(run) = &seen.run
        && run.seed != seed
    {
        return Some("the evidence is of a run with another seed than this grade's".to_owned());
    }
    None
}

fn judged(evidence: &Evidence) -> Verified {
    // The judges are for evidence of our own making; this one was made where somebody else is root.
    let judged = std::panic::catch_unwind(AssertUnwindSafe(|| judge(evidence)));
    let Ok(verdict) = judged else {
        let why = "the evidence contradicts itself: no verdict".to_owned();
        return (State::CouldNotCheck, Some(why), vec![]);
    };
    let findings: Vec<Finding> = verdict.findings.into_iter().map(clean).collect();
    let first = |result| findings.iter().find(|finding| finding.result == result);
    let reason = first(Outcome::Wrong)
        .or_else(|| first(Outcome::Unknown))
        .map(|finding| room::line(&format!("{}: {}", finding.about, finding.seen), 400));
    (verdict.verdict, reason, findings)
}

/// What was seen is a host's text.
fn clean(finding: Finding) -> Finding {
    let text = |text: String| room::line(&text, LONGEST);
    Finding {
        seen: text(finding.seen),
        hint: finding.hint.map(text),
        remark: finding.remark.map(text),
        ..finding
    }
}

/// Where the host's word and ours are not the same. What could not be checked contradicts nobody but a pass.
fn differs(host: Option<Stage>, verified: State, reason: Option<&str>) -> Option<String> {
    let says = |state| match state {
        State::Passed => "passed",
        State::NotPassed => "not passed",
        State::CouldNotCheck => "could not check",
    };
    match (host?, verified) {
        (Stage::Passed, State::Passed) => None,
        (Stage::Passed, other) => Some(format!(
            "host says passed, verified says {}: {}",
            says(other),
            reason.unwrap_or("no reason")
        )),
        (Stage::Attempted, State::Passed) => {
            Some("host says not passed, verified says passed".to_owned())
        }
        (Stage::NotStarted | Stage::Started, State::Passed) => {
            Some("host says not checked yet, verified says passed".to_owned())
        }
        (Stage::Attempted | Stage::NotStarted | Stage::Started, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use exercises::tasks::task0;

    use super::*;

    const TASK0: &[&Task] = &[&task0::TASK];

    /// Real evidence of a task 0 that passes, with a change.
    fn line(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let text = include_str!("../../../exercises/tests/fixtures/task0.solved.json");
        let mut evidence: serde_json::Value = serde_json::from_str(text).unwrap();
        evidence["host"] = "zoo".into();
        change(&mut evidence);
        serde_json::to_vec(&serde_json::json!({ "evidence": evidence })).unwrap()
    }

    fn one(output: &[u8], progress: &str) -> Graded {
        let says = match Progress::from_json(progress.as_bytes()) {
            Ok(progress) => HostSays::Progress(progress),
            Err(why) => HostSays::Unreadable(why),
        };
        grade(output, TASK0, "zoo", "5eed", &says).remove(0)
    }

    const PASSED: &str =
        r#"{"schema": 1, "tasks": {"task0": {"first_passed": "2026-11-25T10:00:00Z"}}}"#;
    const NOTHING: &str = r#"{"schema": 1, "tasks": {}}"#;

    #[test]
    fn what_is_right_is_verified() {
        let graded = one(&line(|_| {}), PASSED);
        assert_eq!((graded.verified, graded.differs), (State::Passed, None));
        let graded = one(&line(|_| {}), NOTHING);
        assert_eq!(
            graded.differs.as_deref(),
            Some("host says not checked yet, verified says passed")
        );
    }

    #[test]
    fn a_forged_progress_file_changes_no_verdict() {
        let wrong = line(|evidence| evidence["answers"]["kernel"] = serde_json::json!(["0.1"]));
        let graded = one(&wrong, PASSED);
        assert_eq!(graded.verified, State::NotPassed);
        let differs = graded.differs.unwrap();
        assert!(
            differs.starts_with("host says passed, verified says not passed: "),
            "{differs}"
        );
        let graded = one(&wrong, "\u{1b}[2J");
        assert_eq!(
            (graded.verified, graded.host_says),
            (State::NotPassed, None)
        );
    }

    #[test]
    fn what_is_no_evidence_of_this_look_passes_nothing() {
        let other_host = line(|evidence| evidence["host"] = "able".into());
        let newer = line(|evidence| evidence["schema"] = 2.into());
        let verdict = br#"{"task": "task0", "verdict": "passed", "findings": []}"#;
        let says_why = br#"{"nothing": {"task": "task0", "why": "\u001b[2Jno answers"}}"#;
        for (output, why) in [
            (other_host.as_slice(), "the evidence is of able"),
            (&newer, "evidence of format 2"),
            (verdict, "the host sent no evidence of it"),
            (says_why, "\u{FFFD}[2Jno answers"),
            (b"", "the host sent no evidence of it"),
            (b"\xff\xfe{{{{", "the host sent no evidence of it"),
        ] {
            let graded = one(output, PASSED);
            assert_eq!(graded.verified, State::CouldNotCheck);
            assert_eq!(graded.reason.as_deref(), Some(why));
            assert!(graded.differs.is_some());
        }
    }

    #[test]
    fn the_first_line_about_a_task_counts() {
        let mut output =
            line(|evidence| evidence["answers"]["kernel"] = serde_json::json!(["0.1"]));
        output.push(b'\n');
        output.extend(line(|_| {}));
        assert_eq!(one(&output, NOTHING).verified, State::NotPassed);
    }
}
