//! Task 5: add a tracepoint for the start of Bitcoin Core and one for its shutdown.

mod advice;
mod answers;
mod misses;
mod moments;
mod notes;
mod pattern;
mod places;
pub mod seen;

pub use self::seen::Seen;

use crate::evidence::{Evidence, Seen as AnySeen};
use crate::task::{Check, How, Question, Starter, Task, Watch, Watched, run};

/// The task.
pub const TASK: Task = Task {
    id: "task5",
    title: "Add tracepoints",
    brief: "Put two tracepoints of your own into Bitcoin Core, and see them fire.",
    questions: &[
        Question {
            id: "names",
            asks: "What did you call the two tracepoints?",
            form: "CONTEXT:EVENT CONTEXT:EVENT",
            decides: true,
        },
        Question {
            id: "place",
            asks: "Where in the source did you put each?",
            form: "FILE:LINE FILE:LINE",
            decides: true,
        },
        Question {
            id: "unclean",
            asks: "Does the one for the shutdown fire when the stop is not clean?",
            form: "YES-OR-NO",
            decides: true,
        },
        Question {
            id: "use",
            asks: "Who could use these two, and for what?",
            form: "TEXT",
            decides: false,
        },
    ],
    template: include_str!("../../../../../templates/task/task5.md.j2"),
    starters: &[Starter {
        name: "task5.bt",
        template: include_str!("../../../../../templates/start/task5.bt.j2"),
    }],
    hints: &[
        "Look at src/init.cpp as the story of a node's life: a few long functions whose names say when they are \
         called. Two of them are about the very moments that this task is about.",
        "Read what the node writes into its log while you start and stop it, and look for those messages in \
         src/init.cpp. The last message of the start and the first of the stop have good neighbours.",
        "A start can fail in many places, and the function returns early then. A tracepoint that says that the start \
         is complete stands where none of these returns can be met any more.",
        "An existing tracepoint is the best example: `rg -n TRACEPOINT src/net.cpp` shows all lines that one needs, and \
         the #include at the top of the file.",
        "Seen from outside: `{{ profile.build_node }}` compiles, `workshop tracepoints {{ profile.node }}` lists both, and \
         the script from `workshop start task5` prints one line when a node has started and one when it stops.",
    ],
    watch: Watch {
        files: &[Watched::Node],
        // Each check starts and stops nodes.
        every: None,
    },
    findings: |evidence: &Evidence| {
        let AnySeen::Task5(seen) = &evidence.seen else {
            return None;
        };
        Some(run(&TASK, CHECKS, seen, &evidence.answers))
    },
};

const CHECKS: &[Check<Seen>] = &[
    Check {
        id: "built",
        about: "the program is built from the source",
        judge: How::Observation(notes::built),
    },
    Check {
        id: "kept",
        about: "the tracepoints that were there before",
        judge: How::Observation(notes::kept),
    },
    Check {
        id: "added",
        about: "new tracepoints",
        judge: How::Observation(notes::added),
    },
    Check {
        id: "started",
        about: "one for the start",
        judge: How::Observation(moments::started),
    },
    Check {
        id: "stopped",
        about: "one for the shutdown",
        judge: How::Observation(moments::stopped),
    },
    Check {
        id: "names",
        about: "their names",
        judge: How::Answer(answers::names),
    },
    Check {
        id: "place",
        about: "their places in the source",
        judge: How::Answer(answers::place),
    },
    Check {
        id: "unclean",
        about: "the shutdown that is not clean",
        judge: How::Answer(answers::unclean),
    },
];
