//! Task 4: run the tests that guard the interface of tracepoints, and see what becomes of them without root.

mod answers;
mod functional;
mod own;
mod seen;

pub use self::seen::{Alone, Functional, Runner, Seen, Single, Status, Unprivileged, Upstream};

use crate::evidence::{Evidence, Seen as AnySeen};
use crate::task::{Check, How, Question, Task, Watch, Watched, run};

/// The task.
pub const TASK: Task = Task {
    id: "task4",
    title: "Run the interface tests",
    brief: "Run the tests that guard the tracepoints, and make one fail.",
    questions: &[
        Question {
            id: "unprivileged",
            asks: "What happens when the workshop user runs one, without root?",
            form: "TEXT",
            decides: true,
        },
        Question {
            id: "trust",
            asks: "Is it a good idea to run a script that you downloaded as root?",
            form: "TEXT",
            decides: false,
        },
    ],
    template: include_str!("../../../../../templates/task/task4.md.j2"),
    starters: &[],
    hints: &[
        "Run one of the tests twice, once with sudo and once without, and compare the last lines that both print.",
        "`echo $?` right after a command prints its exit status. 0 is success; a test that could not even begin has \
         another status than one that found something wrong.",
        "A summary says \"passed\" when nothing failed. Count how many tests really ran, and read the lines above it.",
        "Tracing needs root, and BCC the kernel's headers too: the message of a test that did not run names what it lacks.",
        "When a tracepoint is told to be wrong, look for its macro in the source of your tree, compare its name and the \
         order of its arguments with the documentation, and build again: {{ profile.build|last }}",
    ],
    watch: Watch {
        files: &[Watched::Node],
        // Each check starts nodes and runs tests.
        every: None,
    },
    findings: |evidence: &Evidence| {
        let AnySeen::Task4(seen) = &evidence.seen else {
            return None;
        };
        let checks = match &seen.upstream {
            Upstream::Absent => &[UNPRIVILEGED, OWN][..],
            Upstream::Present(_) => &[UNPRIVILEGED, SINGLY, RUNNER, OWN][..],
        };
        Some(run(&TASK, checks, seen, &evidence.answers))
    },
};

const UNPRIVILEGED: Check<Seen> = Check {
    id: "unprivileged",
    about: "a test without root",
    judge: How::Answer(answers::unprivileged),
};

const SINGLY: Check<Seen> = Check {
    id: "singly",
    about: "the tree's own tests, one by one",
    judge: How::Observation(functional::singly),
};

const RUNNER: Check<Seen> = Check {
    id: "runner",
    about: "the tree's own tests, by the runner",
    judge: How::Observation(functional::runner),
};

const OWN: Check<Seen> = Check {
    id: "interface",
    about: "workshop interface-test",
    judge: How::Observation(own::interface),
};
