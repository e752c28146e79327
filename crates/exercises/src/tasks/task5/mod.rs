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

/// What `workshop hint` tells, from a first push to the last before the solution.
pub const HINTS: &[&str] = &[
    "In src/init.cpp, follow what a node says in its log: which function prints “Done loading”, and which one \
     “Shutdown in progress”?",
    "The function that starts a node has more than a hundred ways to give up. Only behind the last of them has \
     Bitcoin Core started. Shutting down is one function, which every clean end comes by, also after a start \
     that failed.",
    "Compare with src/net.cpp: it includes util/trace.h{% if profile.semaphores %}, declares each semaphore \
     once, outside of all functions{% endif %}, and calls the macro where something happens.",
    "Is one of yours missing in `workshop tracepoints`? What can never be reached is left out by the compiler. Is \
     it there and never fires? Then nothing comes by there; follow the calls from main() in src/bitcoind.cpp.",
];

/// The script that `workshop start` puts into ~/workshop.
pub const STARTER: &str = include_str!("../../../../../templates/start/task5.bt.j2");

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::PROFILES;
    use crate::prose::{self, Context};

    #[test]
    fn hints_and_starter_can_be_made() {
        for profile in PROFILES {
            let context = Context {
                word: None,
                tree: "~/bitcoin".into(),
                profile,
                functional_tests: false,
            };
            let text = |template| prose::render(&Task { template, ..TASK }, &context).unwrap();
            for hint in HINTS {
                let hint = text(hint);
                assert!(hint.len() > 40 && !hint.contains('\n'), "{hint}");
            }
            let starter = text(STARTER);
            assert_eq!(starter.matches("CONTEXT:EVENT\n").count(), 2, "{starter}");
            assert!(starter.contains(profile.node));
            assert!(starter.lines().all(|line| line.len() <= 80), "{starter}");
        }
    }
}
