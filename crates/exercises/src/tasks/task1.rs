//! Task 1: list the tracepoints of the program that was built in the tree.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answers::{Answer, shorten, yes_or_no};
use crate::closest;
use crate::evidence::{Evidence, Observed, Seen as AnySeen};
use crate::listing::{self, Listing, Way};
use crate::source::{Call, Kind};
use crate::task::{Check, How, Question, Task, Watch, Watched, run};
use crate::tracepoint::Tracepoint;
use crate::verdict::Judged;

/// The task.
pub const TASK: Task = Task {
    id: "task1",
    title: "List the tracepoints",
    brief: "Find the places where Bitcoin Core offers to be watched.",
    questions: &[
        Question {
            id: "tracepoints",
            asks: "Which tracepoints does the bitcoind in the tree have?",
            form: "CONTEXT:EVENT…",
            decides: true,
        },
        Question {
            id: "arguments",
            asks: "Which way of listing them also shows their arguments?",
            form: "COMMAND",
            decides: true,
        },
        Question {
            id: "documented",
            asks: "Are all of them documented? If not: which are not?",
            form: "YES-OR-NO CONTEXT:EVENT…",
            decides: true,
        },
        Question {
            id: "source",
            asks: "Where in the source is one of them called?",
            form: "FILE:LINE",
            decides: true,
        },
        Question {
            id: "cost",
            asks: "What do you think a tracepoint costs while nobody traces?",
            form: "TEXT",
            decides: false,
        },
    ],
    template: include_str!("../../../../templates/task/task1.md.j2"),
    starters: &[],
    hints: &[
        "Each of the three ways prints the same names in another form. gdb and readelf print context and event apart, \
         and call them provider and name; an answer has a colon between them.",
        "You need not type the list. What one of the tools prints can be piped into \
         `workshop answer task1 tracepoints -`, which looks for the names in it.",
        "An argument is written as a width in bytes, an @ and where it lies: a register, a place on the stack, a \
         constant. Look which of the outputs has such operands: 8@…, -4@….",
        "For the documentation, make two sorted files, one with the names in the program and one with those in \
         doc/tracing.md, where each has a heading of its own. `comm -3` prints what is in one of them alone.",
        "In the source, look for the macro: {{ profile.call }}. A line in a comment, in the file that defines the \
         macro, or in the tests names no tracepoint of bitcoind.",
    ],
    watch: Watch {
        files: &[Watched::Node],
        // gdb and bpftrace take up to a second of a processor.
        every: Some(Duration::from_secs(20)),
    },
    findings: |evidence: &Evidence| {
        let AnySeen::Task1(seen) = &evidence.seen else {
            return None;
        };
        Some(run(&TASK, CHECKS, seen, &evidence.answers))
    },
};

/// The built program, and what was looked up for the answers given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The program's own notes.
    pub program: Observed<Program>,
    /// What is documented for it.
    pub documented: Documentation,
    /// What the tools print that the answer names, and no others: each takes its time.
    pub ways: Vec<WaySeen>,
    /// The place that the answer names.
    pub place: Option<Place>,
}

/// A program with tracepoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The file.
    pub path: String,
    /// Its tracepoints, from its notes.
    pub tracepoints: BTreeSet<Tracepoint>,
    /// Those of them that the host's own node does not have: what the participant added for a later task.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub own: BTreeSet<Tracepoint>,
}

impl Program {
    /// Judges what was said of the program as it is now, or of how it was before the participant added to it: an
    /// answer that was right stays right after task 5.
    fn now_or_before(&self, judge: impl Fn(&Self) -> Judged) -> Judged {
        let now = judge(self);
        if self.own.is_empty() || matches!(now, Judged::Right { .. }) {
            return now;
        }
        let before = judge(&Self {
            tracepoints: self.tracepoints.difference(&self.own).cloned().collect(),
            ..self.clone()
        });
        if matches!(before, Judged::Right { .. }) {
            before
        } else {
            now
        }
    }
}

/// The documented interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documentation {
    /// Where it was read.
    pub source: String,
    /// What it names.
    pub tracepoints: BTreeSet<Tracepoint>,
}

/// What one tool printed for the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaySeen {
    /// The tool.
    pub way: Way,
    /// Its output, summed up.
    pub listing: Observed<Listing>,
}

/// A place in the source tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The answer names no file and line.
    NotAPlace,
    /// There is no tree to look in.
    NoTree {
        /// Why not.
        why: String,
    },
    /// The file is outside of the tree.
    Outside {
        /// As given.
        file: String,
    },
    /// There is no such file.
    Missing {
        /// As given.
        file: String,
    },
    /// It is no C++ source: documentation, a script, a directory.
    NotSource {
        /// From the top of the tree.
        file: String,
    },
    /// The file could not be read.
    Unreadable {
        /// From the top of the tree.
        file: String,
        /// Why not.
        why: String,
    },
    /// A source file.
    Source {
        /// From the top of the tree.
        file: String,
        /// The line asked about, from 1.
        line: u32,
        /// How many lines it has.
        lines: u32,
        /// All that reads like a tracepoint in it.
        calls: Vec<Call>,
    },
}

const CHECKS: &[Check<Seen>] = &[
    Check {
        id: "tracepoints",
        about: "the tracepoints of the program",
        judge: How::Answer(tracepoints),
    },
    Check {
        id: "arguments",
        about: "a way that shows arguments",
        judge: How::Answer(arguments),
    },
    Check {
        id: "documented",
        about: "whether all are documented",
        judge: How::Answer(documented),
    },
    Check {
        id: "source",
        about: "one of them in the source",
        judge: How::Answer(source),
    },
];

fn tracepoints(answer: &Answer, seen: &Seen) -> Judged {
    let one = |program: &Program| {
        let text = answer.lines().collect::<Vec<_>>().join("\n");
        let given: BTreeSet<Tracepoint> = listing::named_in(&text).into_iter().collect();
        let strange = strange_words(&text);
        let missing: Vec<_> = program.tracepoints.difference(&given).collect();
        let extra: Vec<_> = given.difference(&program.tracepoints).collect();
        let seen_text = format!(
            "{} of {} named{}",
            program.tracepoints.len() - missing.len(),
            program.tracepoints.len(),
            if extra.is_empty() {
                String::new()
            } else {
                format!(", {} more that are not there", extra.len())
            }
        );
        if missing.is_empty() && extra.is_empty() && strange.is_empty() {
            return Judged::right(seen_text);
        }
        let mut hints = Vec::new();
        if !missing.is_empty() {
            hints.push(format!("missing: {}", initials(&missing)));
        }
        if !extra.is_empty() {
            hints.push(not_there(&extra, program, &seen.documented));
        }
        if !strange.is_empty() {
            hints.push(format!(
                "not of the form context:event: {}",
                list(strange.iter())
            ));
        }
        Judged::wrong(seen_text, hints.join("; "))
    };
    seen.program.judge(|program| program.now_or_before(one))
}

/// Words that were meant as names and are none. The output of a tool has words of its own and is let pass.
fn strange_words(text: &str) -> Vec<String> {
    let pasted = [
        "stap ",
        "NT_STAPSDT",
        "Provider:",
        "usdt:",
        "[sema",
        "location #",
    ];
    if pasted.iter().any(|mark| text.contains(mark)) {
        return Vec::new();
    }
    text.lines()
        .flat_map(listing::words)
        .filter(|word| word.contains([':', '_', '.', '/']) && listing::in_word(word).is_none())
        .map(|word| shorten(word, 40))
        .collect()
}

/// `3 (2 × net:…, 1 × utxocache:f…)`: which context to look at, and letters only when few are left.
fn initials(missing: &[&Tracepoint]) -> String {
    /// When that few are missing, their first letters help to find them in a long list.
    const FEW: usize = 3;
    let parts: Vec<String> = if missing.len() <= FEW {
        missing
            .iter()
            .map(|one| {
                let first: String = one.event.chars().take(1).collect();
                format!("{}:{first}…", one.context)
            })
            .collect()
    } else {
        let contexts: BTreeSet<&str> = missing.iter().map(|one| one.context.as_str()).collect();
        contexts
            .into_iter()
            .map(|context| {
                let count = missing.iter().filter(|one| one.context == context).count();
                format!("{count} in {context}")
            })
            .collect()
    };
    format!("{} ({})", missing.len(), parts.join(", "))
}

fn not_there(extra: &[&Tracepoint], program: &Program, documented: &Documentation) -> String {
    let named = list(extra.iter());
    let every = |test: &dyn Fn(&Tracepoint) -> bool| extra.iter().all(|one| test(one));
    let why = if every(&|one| one.context == "test") {
        "test:* is in test_bitcoin; which program did you list?".to_owned()
    } else if every(&|one| {
        matches!(
            one.context.as_str(),
            "libc" | "rtld" | "libstdcxx" | "libgcc"
        )
    }) {
        "those belong to system libraries, which gdb lists too once the program runs".to_owned()
    } else if every(&|one| documented.tracepoints.contains(one)) {
        "documented, and not in this program: list the program itself".to_owned()
    } else if every(&|one| {
        program
            .tracepoints
            .iter()
            .any(|right| right.to_string().eq_ignore_ascii_case(&one.to_string()))
    }) {
        "names are written in lower case".to_owned()
    } else {
        let known: Vec<String> = program
            .tracepoints
            .iter()
            .map(ToString::to_string)
            .collect();
        match extra
            .iter()
            .find(|one| closest(&one.to_string(), known.iter().map(String::as_str)).is_some())
        {
            Some(slip) => format!("is {slip} mistyped?"),
            None => "which program did you list?".to_owned(),
        }
    };
    format!("not in the program: {named} ({why})")
}

/// At most five, and how many more.
fn list<T: std::fmt::Display>(items: impl ExactSizeIterator<Item = T>) -> String {
    const SHOWN: usize = 5;
    let more = items.len().saturating_sub(SHOWN);
    let mut text = items
        .take(SHOWN)
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn arguments(answer: &Answer, seen: &Seen) -> Judged {
    let said = format!("you said “{}”", answer.short(60));
    let named = listing::ways_named(&answer.text());
    if named.is_empty() {
        return Judged::wrong(
            said,
            "name the tool, as it is typed: readelf, gdb, bpftrace or tplist",
        );
    }
    if let Observed::Unknown { .. } = seen.program {
        // Without a program no tool was run; that is the reason, and not the tools.
        return seen.program.judge(|_| Judged::right(said));
    }
    let mut unknown = None;
    for way in &named {
        let Some(tried) = seen.ways.iter().find(|tried| tried.way == *way) else {
            unknown = Some(Judged::Unknown {
                why: format!("{} was not tried", way.name()),
                remedy: "run the check again".to_owned(),
            });
            continue;
        };
        let judged = tried.listing.judge(|listing| way_shows(*way, listing));
        match judged {
            Judged::Right { .. } => {}
            // One way that does not show them makes the answer wrong, whatever the others do.
            Judged::Wrong { .. } => return judged,
            Judged::Unknown { .. } => unknown = Some(judged),
        }
    }
    unknown.unwrap_or_else(|| {
        let names: Vec<_> = named.iter().map(|way| way.name()).collect();
        Judged::right(format!("{} shows them here", names.join(" and ")))
    })
}

fn documented(answer: &Answer, seen: &Seen) -> Judged {
    let one = |program: &Program| {
        let text = answer.lines().collect::<Vec<_>>().join("\n");
        let said = format!("you said “{}”", answer.short(60));
        let undocumented: BTreeSet<_> = program
            .tracepoints
            .difference(&seen.documented.tracepoints)
            .cloned()
            .collect();
        let named: BTreeSet<_> = listing::named_in(&text).into_iter().collect();
        // A list of names alone says "these are not".
        let yes = match yes_or_no(&text) {
            Some(yes) => yes,
            None if !named.is_empty() => false,
            None => return Judged::wrong(said, "answer yes, or no and which are not"),
        };
        let source = &seen.documented.source;
        match (yes, undocumented.is_empty()) {
            (true, true) if named.is_subset(&program.tracepoints) => Judged::right(said),
            (true, true) => Judged::wrong(said, "you name some that are not in the program"),
            (true, false) => Judged::wrong(
                said,
                format!("not all: look for each one's heading in {source}"),
            ),
            (false, true) => Judged::wrong(
                said,
                match named.iter().find(|one| program.tracepoints.contains(*one)) {
                    Some(one) => format!("{one} is documented: see {source}"),
                    None => format!("we found every one of the program's in {source}"),
                },
            ),
            (false, false) if named == undocumented => Judged::right(said),
            (false, false) if named.is_empty() => {
                Judged::wrong(said, "right so far; which are not?")
            }
            (false, false) => {
                let wrongly = named.difference(&undocumented).count();
                let missing = undocumented.difference(&named).count();
                let mut hints = Vec::new();
                if missing > 0 {
                    hints.push(format!("{missing} more are not documented"));
                }
                if wrongly > 0 {
                    hints.push(format!(
                        "{wrongly} of those you name are documented or not in the program"
                    ));
                }
                Judged::wrong(said, hints.join("; "))
            }
        }
    };
    seen.program.judge(|program| program.now_or_before(one))
}

fn source(answer: &Answer, seen: &Seen) -> Judged {
    let said = format!("you said “{}”", answer.short(60));
    let wrong = |hint: &str| Judged::wrong(said.clone(), hint);
    let (file, line, lines, calls) = match &seen.place {
        None => {
            return Judged::Unknown {
                why: "the place was not looked up".to_owned(),
                remedy: "run the check again".to_owned(),
            };
        }
        Some(Place::NoTree { why }) => {
            return Judged::Unknown {
                why: why.clone(),
                remedy: "name the source tree: workshop check task1 --tree DIR".to_owned(),
            };
        }
        Some(Place::Unreadable { file, why }) => {
            return Judged::Unknown {
                why: format!("{file} could not be read: {why}"),
                remedy: "make it readable, or name another place".to_owned(),
            };
        }
        Some(Place::NotAPlace) => return wrong("give file and line, such as src/init.cpp:123"),
        Some(Place::Outside { .. }) => return wrong("that file is not in the source tree"),
        Some(Place::Missing { .. }) => return wrong("the source tree has no such file"),
        Some(Place::NotSource { .. }) => {
            return wrong("that is not C++ source; the call itself is in a .cpp or .h file");
        }
        Some(Place::Source {
            file,
            line,
            lines,
            calls,
        }) => (file, *line, *lines, calls),
    };
    if line > lines {
        return wrong(&format!("{file} ends with line {lines}"));
    }
    let here: Vec<&Call> = calls
        .iter()
        .filter(|call| (call.first..=call.last).contains(&line))
        .collect();
    let live: Vec<&Tracepoint> = here
        .iter()
        .filter(|call| call.kind == Kind::Live)
        .filter_map(|call| call.tracepoint.as_ref())
        .collect();
    if live.is_empty() {
        return wrong(&why_no_call(line, &here, calls));
    }
    seen.program.judge(|program| {
        match live.iter().find(|one| program.tracepoints.contains(**one)) {
            Some(one) => Judged::right(format!("{file}:{line} calls {one}")),
            None if live.iter().all(|one| one.context == "test") => {
                wrong("test:* is for Bitcoin Core's own tests and not in bitcoind")
            }
            None => wrong(&format!(
                "{} is called there, and is not in the program: another part of Bitcoin Core is built \
                 without it",
                list(live.iter())
            )),
        }
    })
}

fn why_no_call(line: u32, here: &[&Call], calls: &[Call]) -> String {
    /// So many lines away somebody has probably read the number off the wrong line.
    const NEAR: u32 = 3;
    match here.first().map(|call| call.kind) {
        Some(Kind::Comment) => "that is a comment".to_owned(),
        Some(Kind::Text) => "that is inside a string".to_owned(),
        Some(Kind::Disabled) => "the preprocessor removes that line (#if 0)".to_owned(),
        Some(Kind::Directive) => "that defines the macro; find where it is used".to_owned(),
        Some(Kind::Companion) => {
            "that is about a tracepoint's semaphore; find where the tracepoint is called".to_owned()
        }
        // A call whose first arguments are no names: a macro of a macro.
        Some(Kind::Live) => "that call names no context and event".to_owned(),
        None => {
            let near = calls
                .iter()
                .filter(|call| call.kind == Kind::Live)
                .find(|call| call.first <= line + NEAR && line <= call.last + NEAR);
            match near {
                Some(call) if call.first > line => "close: a few lines further down".to_owned(),
                Some(_) => "close: a few lines further up".to_owned(),
                None => "no tracepoint is called on that line".to_owned(),
            }
        }
    }
}

fn way_shows(way: Way, listing: &Listing) -> Judged {
    let name = way.name();
    if listing.tracepoints == 0 {
        return Judged::Unknown {
            why: format!("{name} listed none of the tracepoints when we ran it"),
            remedy: "name another way, or ask the instructor".to_owned(),
        };
    }
    if listing.argument_lines == 0 {
        // What each prints in their place is taken for them.
        let instead = match way {
            Way::Gdb => {
                "its addresses say where a tracepoint and its semaphore are, not what it passes on"
            }
            Way::Bpftrace | Way::BpftraceVerbose => {
                "it prints names to attach to, and nothing about them"
            }
            Way::Readelf | Way::EuReadelf | Way::Tplist => {
                "it had nothing to show for this program"
            }
        };
        return Judged::wrong(
            format!("{name} listed {} and no arguments", listing.tracepoints),
            format!("{instead}; look for operands such as 8@… in another of the ways"),
        );
    }
    Judged::right(format!("{name} shows them here"))
}
