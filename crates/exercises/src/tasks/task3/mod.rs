//! Task 3: trace a unit test with a bpftrace script of one's own, next to probes of ours in the same run.

mod answers;
mod histograms;
mod numbers;
mod running;
mod seen;
mod values;

pub use seen::{Counts, Ended, Hooked, Run, Script, Seen, Side, Traced, Truth};

use crate::evidence::{Evidence, Seen as AnySeen};
use crate::task::{Check, How, Question, Starter, Task, Watch, Watched, run};
use crate::tracepoint::Tracepoint;
use crate::verdict::Outcome;

/// The task.
pub const TASK: Task = Task {
    id: "task3",
    title: "Trace a unit test",
    brief: "Write a script that counts coins while a unit test runs.",
    questions: &[
        Question {
            id: "binary",
            asks: "Which program is it that goes through the tracepoints?",
            form: "FILE",
            decides: true,
        },
        Question {
            id: "argument",
            asks: "What is the fourth argument of utxocache:add?",
            form: "TEXT",
            decides: true,
        },
        Question {
            id: "counts",
            asks: "How many UTXOs were added in a run, and how many spent?",
            form: "ADDED SPENT",
            decides: true,
        },
        Question {
            id: "values",
            asks: "Which values are the most common?",
            form: "FROM-TO UNIT",
            decides: true,
        },
        Question {
            id: "difference",
            asks: "Are as many spent as were added? How can that be?",
            form: "TEXT",
            decides: false,
        },
    ],
    template: include_str!("../../../../../templates/task/task3.md.j2"),
    starters: &[Starter {
        name: "task3.bt",
        template: include_str!("../../../../../templates/start/task3.bt.j2"),
    }],
    hints: &[
        "Run the script as it is and the test beside it. Nothing is printed, because nothing is kept: what stands between \
         the braces of a probe happens each time that the tracepoint is passed, and there is nothing yet.",
        "A map such as @name keeps something from one time to the next, and bpftrace prints it at the end. It can be \
         counted up, or it can be given count() each time.",
        "A second map in the same braces can be given hist() of an argument. Which argument is the value? `workshop \
         tracepoints` shows names and types of all of them, and bpftrace counts from arg0.",
        "A histogram with a single bar hides everything in it. The values are in satoshi, and there are 100 million of \
         them in a bitcoin: divide inside the brackets.",
        "Count where the test runs: {{ profile.unit_tests }} has the tracepoints, and so has {{ profile.node }}, in which \
         they stay silent. `sudo bpftrace -l 'usdt:./{{ profile.unit_tests }}:utxocache:*'` lists them.",
    ],
    watch: Watch {
        files: &[Watched::UnitTests],
        // Each check runs the unit test.
        every: None,
    },
    findings: |evidence: &Evidence| {
        let AnySeen::Task3(seen) = &evidence.seen else {
            return None;
        };
        let mut findings = run(&TASK, CHECKS, seen, &evidence.answers);
        // What a script printed that did not run as it should is no news.
        if findings
            .iter()
            .any(|one| one.id == SCRIPT && one.result != Outcome::Right)
        {
            findings.retain(|one| !matches!(one.id.as_str(), NUMBERS | HISTOGRAMS));
        }
        Some(findings)
    },
};

const SCRIPT: &str = "script";
const NUMBERS: &str = "numbers";
const HISTOGRAMS: &str = "histograms";

const CHECKS: &[Check<Seen>] = &[
    Check {
        id: SCRIPT,
        about: "the script in a run of the test",
        judge: How::Observation(running::script),
    },
    Check {
        id: NUMBERS,
        about: "the numbers it printed",
        judge: How::Observation(|seen| seen.traced(numbers::numbers)),
    },
    Check {
        id: HISTOGRAMS,
        about: "its histograms of the values",
        judge: How::Observation(|seen| seen.traced(histograms::histograms)),
    },
    Check {
        id: "binary",
        about: "the program",
        judge: How::Answer(answers::binary),
    },
    Check {
        id: "argument",
        about: "the fourth argument",
        judge: How::Answer(answers::argument),
    },
    Check {
        id: "counts",
        about: "how many were added and spent",
        judge: How::Answer(answers::counts),
    },
    Check {
        id: "values",
        about: "the most common values",
        judge: How::Answer(values::values),
    },
];

/// The two things that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Added,
    Spent,
}

impl Role {
    const BOTH: [Self; 2] = [Self::Added, Self::Spent];

    fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Spent => "spent",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Added => Self::Spent,
            Self::Spent => Self::Added,
        }
    }

    fn tracepoint(self) -> Tracepoint {
        match self {
            Self::Added => Tracepoint::new("utxocache", "add"),
            Self::Spent => Tracepoint::new("utxocache", "spent"),
        }
    }

    fn of(self, truth: &Truth) -> &Side {
        match self {
            Self::Added => &truth.added,
            Self::Spent => &truth.spent,
        }
    }

    /// What a label says that it is; none when it says neither or both. Names are free: only a name that says
    /// the opposite is wrong.
    fn named_by(label: &str) -> Option<Self> {
        // Of a path the file's name, so that nobody's home folder counts.
        let label = label.rsplit('/').next().unwrap_or(label).to_lowercase();
        match (label.contains("add"), label.contains("spen")) {
            (true, false) => Some(Self::Added),
            (false, true) => Some(Self::Spent),
            _ => None,
        }
    }
}

/// `13785` as `13,785`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Several hints as one, each once.
fn together(hints: impl IntoIterator<Item = String>) -> String {
    let mut kept: Vec<String> = Vec::new();
    for hint in hints {
        if !kept.contains(&hint) {
            kept.push(hint);
        }
    }
    kept.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (13_785_001, "13,785,001"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn only_a_label_that_says_one_of_both_names_it() {
        for (label, role) in [
            ("@added", Some(Role::Added)),
            (
                "@[usdt:/home/addy/test_bitcoin:utxocache:spent]",
                Some(Role::Spent),
            ),
            ("UTXOs spent: 5", Some(Role::Spent)),
            ("@a", None),
            ("added 5, spent 6", None),
        ] {
            assert_eq!(Role::named_by(label), role, "{label}");
        }
    }
}
