//! The judge of the answers of task 4.

use super::seen::{Alone, Seen, Status, Unprivileged};
use crate::answers::Answer;
use crate::verdict::Judged;

/// What people write for a test that did not run.
const SKIPPED: [&str; 4] = ["skip", "77", "not run", "did not even"];
/// What they write when something said that it must not or cannot.
const REFUSED: [&str; 15] = [
    "could not",
    "couldn",
    "cannot",
    "can't",
    "can’t",
    "can not",
    "refuse",
    "not permitted",
    "permission",
    "denied",
    "cap_bpf",
    "capabilit",
    "needs root",
    "not allowed",
    "exit 2",
];
/// Why.
const PERMISSION: [&str; 4] = ["permission", "bpf", "root", "privilege"];
const PASSED: [&str; 5] = ["pass", "works", "succe", "runs fine", "nothing special"];
const FAILED: [&str; 3] = ["fail", "error", "crash"];

/// Judges what is said about a test without root.
pub(super) fn unprivileged(answer: &Answer, seen: &Seen) -> Judged {
    let said = format!("you said “{}”", answer.short(60));
    let text = answer.text().to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    seen.unprivileged.judge(|seen| match seen {
        Unprivileged::Upstream(alone) => upstream(&said, says, alone),
        Unprivileged::Own { refused: Some(why) } => {
            if says(&REFUSED) {
                Judged::right(format!("{said}; it told us: {why}"))
            } else if says(&["skip"]) {
                Judged::wrong(
                    said,
                    "other tests do that; read this one's last lines again, and its exit status",
                )
            } else if says(&PASSED) {
                Judged::wrong(
                    said,
                    "did it run without root? workshop interface-test --no-sudo",
                )
            } else {
                Judged::wrong(
                    said,
                    "run it: workshop interface-test --no-sudo; what does it say?",
                )
            }
        }
        Unprivileged::Own { refused: None } => {
            if says(&PASSED) {
                Judged::right(said)
            } else {
                Judged::wrong(
                    said,
                    "here it runs: try workshop interface-test --no-sudo again",
                )
            }
        }
    })
}

fn upstream(said: &str, says: impl Fn(&[&str]) -> bool, alone: &Alone) -> Judged {
    let (named, denied) = match alone.status() {
        Some(Status::Skipped) => (says(&SKIPPED), says(&["not skip", "n't skip"])),
        Some(Status::Passed) => (says(&PASSED), false),
        Some(Status::Failed) => (says(&FAILED), false),
        None => {
            return Judged::Unknown {
                why: format!(
                    "without root the test ended in a way that we do not understand ({:?})",
                    alone.code
                ),
                remedy: "run one yourself, and tell the instructor what it prints".to_owned(),
            };
        }
    };
    if named && !denied {
        let reason = alone
            .skipped_for()
            .map(|reason| format!("; it told us: {reason}"));
        return Judged::right(format!("{said}{}", reason.unwrap_or_default()));
    }
    let hint = if says(&PASSED) {
        "does it say so itself? Read its last line, and its exit status: echo $?"
    } else if says(&FAILED) {
        "a failure has the exit status 1; which one has this: echo $? right after it"
    } else if says(&PERMISSION) {
        "that is why; and what does the test call this, a failure or something else?"
    } else {
        "run one without sudo and read its last lines"
    };
    Judged::wrong(said, hint)
}
