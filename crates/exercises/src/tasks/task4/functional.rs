//! The judge of the tree's own tests: passed is what ran and passed, and nothing else.

use super::seen::{Functional, Seen, Status, Upstream};
use crate::evidence::Observed;
use crate::verdict::Judged;

/// What keeps these tests from running, as they or BCC say it, and what to do about it.
const LACKS: [(&str, &str, &str); 7] = [
    (
        "no permissions to use bpf",
        "root",
        "it has to run as root: is `sudo -n id -u` 0?",
    ),
    (
        "bcc python module not available",
        "BCC for this Python",
        "use /usr/bin/python3, which has the package python3-bpfcc",
    ),
    (
        "kernel headers",
        "the kernel's headers",
        "install the headers of this kernel, or name their folder in BCC_KERNEL_SOURCE",
    ),
    (
        "/lib/modules/",
        "the kernel's headers",
        "install the headers of this kernel, or name their folder in BCC_KERNEL_SOURCE",
    ),
    (
        "wallet has not been compiled",
        "a wallet in the program",
        "build with one: cmake -B build -DENABLE_WALLET=ON, or ./configure without --disable-wallet",
    ),
    (
        "not been built with usdt",
        "tracepoints in the program",
        "build with them: see the text of task1",
    ),
    ("not on a linux system", "Linux", "run it on the server"),
];

/// Judges the tests that were run one by one.
pub(super) fn singly(seen: &Seen) -> Judged {
    judge(seen, |tests| {
        let mut unknown = None;
        for test in &tests.singly {
            let name = &test.name;
            let ended = match &test.ended {
                Observed::Known(ended) => ended,
                Observed::Unknown { why, remedy } => {
                    unknown = Some((format!("{name}: {why}"), remedy.clone()));
                    continue;
                }
            };
            match ended.status() {
                Some(Status::Passed) => {}
                Some(Status::Skipped) => {
                    let reason = ended.skipped_for().unwrap_or("it does not say why");
                    return skipped(name, reason);
                }
                _ => return failed(name, &ended.said),
            }
        }
        match unknown {
            Some((why, remedy)) => Judged::Unknown { why, remedy },
            None => Judged::right(format!(
                "{} of {} ran and passed",
                tests.singly.len(),
                tests.singly.len()
            )),
        }
    })
}

/// Judges the run of all of them.
pub(super) fn runner(seen: &Seen) -> Judged {
    judge(seen, |tests| {
        tests.runner.judge(|runner| {
            let count = |status| {
                runner
                    .tests
                    .iter()
                    .filter(|(_, one)| *one == status)
                    .count()
            };
            let says = format!(
                "the runner says: {} passed, {} skipped, {} failed",
                count(Status::Passed),
                count(Status::Skipped),
                count(Status::Failed)
            );
            let failed = runner.tests.iter().find(|(_, one)| *one == Status::Failed);
            if let Some((name, _)) = failed {
                return Judged::wrong(says, format!("run {name} by itself to see why"));
            }
            let skipped = runner.tests.iter().find(|(_, one)| *one == Status::Skipped);
            if let Some((name, _)) = skipped {
                let reason = runner.skipped_for(name).unwrap_or("it does not say why");
                let exit = match runner.code {
                    Some(0) => " The runner calls that a success all the same",
                    _ => "",
                };
                return Judged::wrong(
                    says,
                    format!("{name} was skipped: {reason}. {}.{exit}", way_out(reason).1),
                );
            }
            let missing = tests
                .singly
                .iter()
                .find(|test| !runner.tests.iter().any(|(name, _)| *name == test.name));
            match (missing, runner.code) {
                (Some(test), _) => Judged::wrong(
                    says,
                    format!(
                        "it did not run {}: is it in the list of test_runner.py?",
                        test.name
                    ),
                ),
                (None, Some(0)) => Judged::right(says),
                (None, _) => Judged::wrong(says, format!("it failed: {}", last_line(&runner.said))),
            }
        })
    })
}

fn judge(seen: &Seen, judge: impl FnOnce(&Functional) -> Judged) -> Judged {
    match &seen.upstream {
        Upstream::Present(tests) => tests.judge(|tests| {
            if tests.singly.is_empty() {
                return Judged::Unknown {
                    why: "the tree has no interface tests among its functional tests".to_owned(),
                    remedy: "is it a version before 23?".to_owned(),
                };
            }
            judge(tests)
        }),
        // Not in the table of checks then.
        Upstream::Absent => Judged::Unknown {
            why: "the tree has no functional tests".to_owned(),
            remedy: "workshop interface-test".to_owned(),
        },
    }
}

fn skipped(name: &str, reason: &str) -> Judged {
    let (lacks, way_out) = way_out(reason);
    Judged::wrong(
        format!("{name} was skipped, for want of {lacks}: {reason}"),
        format!("skipped is not passed; {way_out}"),
    )
}

fn failed(name: &str, said: &str) -> Judged {
    let lower = said.to_lowercase();
    // BCC fails where others would skip.
    if let Some((_, lacks, way_out)) = LACKS.iter().find(|(says, ..)| lower.contains(says)) {
        return Judged::wrong(
            format!("{name} failed, for want of {lacks}"),
            (*way_out).to_owned(),
        );
    }
    Judged::wrong(
        format!("{name} failed: {}", last_line(said)),
        format!("run {name} by itself, as root, and read what it expected"),
    )
}

fn way_out(reason: &str) -> (&'static str, &'static str) {
    let lower = reason.to_lowercase();
    LACKS.iter().find(|(says, ..)| lower.contains(says)).map_or(
        ("something", "run it by itself to see what it wants"),
        |(_, lacks, way_out)| (lacks, way_out),
    )
}

/// The line that says most: the last that names an error, else the last.
fn last_line(said: &str) -> &str {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().rfind(|line| line.contains("Error"));
    error
        .or_else(|| lines().next_back())
        .unwrap_or("it said nothing")
}
