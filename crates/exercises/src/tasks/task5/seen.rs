//! What is looked at for task 5: the two programs' notes, whether the program is up to date, the calls in the
//! source, and the timeline of a few starts and stops.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::evidence::Observed;
use crate::source::Kind;
use crate::surroundings::Surroundings;
use crate::tracepoint::Tracepoint;

/// Everything that the verdict depends on, beside the answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The program that the participant built.
    pub program: Observed<Program>,
    /// The program without the participant's change.
    pub base: Observed<Program>,
    /// Whether the program is what the source says.
    pub build: Observed<Build>,
    /// Everything in the source that reads like a tracepoint which the base does not have.
    pub calls: Vec<NewCall>,
    /// The tracepoints in the tree's `doc/tracing.md`; none where the tree has no such file.
    pub documented: Option<BTreeSet<Tracepoint>>,
    /// What happened when the program was started and stopped.
    pub timeline: Observed<Timeline>,
    /// How things are written and built in this line of Bitcoin Core.
    pub habits: Habits,
}

/// A program and its tracepoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The file, for people.
    pub path: String,
    /// Its tracepoints, from its notes.
    pub tracepoints: BTreeSet<Tracepoint>,
}

/// Whether the program is what the source says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Build {
    /// Nothing that it is made of is newer.
    Current,
    /// Something is newer. Nothing that was tried does not compile.
    Stale {
        /// A newer file, from the top of the tree.
        newer: String,
    },
    /// Something is newer and does not compile.
    Broken {
        /// A newer file, from the top of the tree.
        newer: String,
        /// The compiler's first complaint.
        error: CompilerError,
    },
}

/// What a compiler complains about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilerError {
    /// File and line, as the compiler names them.
    pub at: String,
    /// What it says.
    pub message: String,
}

impl CompilerError {
    /// The error in what GCC or Clang printed that tells most: the first; where names are missing, the one about
    /// a tracepoint.
    pub fn telling(printed: &str) -> Option<Self> {
        let mut errors = printed.lines().filter_map(Self::of_line);
        let first = errors.next()?;
        // Without the header the macro's arguments are missed first.
        if first.undeclared().is_none() || first.no_semaphore() || first.no_macro() {
            return Some(first);
        }
        let about = errors.find(|error| error.no_semaphore() || error.no_macro());
        Some(about.unwrap_or(first))
    }

    fn of_line(line: &str) -> Option<Self> {
        let mark = [": error: ", ": fatal error: "]
            .into_iter()
            .find(|mark| line.contains(mark))?;
        let (at, message) = line.split_once(mark)?;
        Some(Self {
            at: at.trim().to_owned(),
            message: message.trim().to_owned(),
        })
    }

    /// Whether a tracepoint's semaphore is not declared.
    pub fn no_semaphore(&self) -> bool {
        self.semaphore().is_some()
    }

    /// The semaphore that is not declared, such as `node_started` of `node:started`.
    pub fn semaphore(&self) -> Option<&str> {
        self.undeclared()?.strip_suffix("_semaphore")
    }

    /// Whether the macro itself is not known.
    pub fn no_macro(&self) -> bool {
        self.undeclared()
            .is_some_and(|name| name.starts_with("TRACE"))
    }

    /// `'x' was not declared in this scope` is GCC's, `use of undeclared identifier 'x'` Clang's.
    fn undeclared(&self) -> Option<&str> {
        self.message
            .contains("declared")
            .then(|| self.message.split('\'').nth(1))?
    }
}

/// Something in the source that reads like a tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCall {
    /// The file, from the top of the tree.
    pub file: String,
    /// Its first line.
    pub first: u32,
    /// Its last line.
    pub last: u32,
    /// Whether the compiler sees it.
    pub kind: Kind,
    /// Its name.
    pub tracepoint: Tracepoint,
    /// What stands around it.
    #[serde(flatten)]
    pub around: Surroundings,
    /// Where its function is called, as far as it was looked for.
    pub callers: Vec<Line>,
}

/// A line of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// The file, from the top of the tree.
    pub file: String,
    /// From 1.
    pub line: u32,
}

/// Starts and stops of the program while its new tracepoints were traced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// In the order in which they began.
    pub runs: Vec<Run>,
    /// Events that the kernel had no room for.
    pub lost: u64,
}

/// One start of the program and what followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What was done with it.
    pub kind: RunKind,
    /// Its process.
    pub pid: u32,
    /// What happened, in order.
    pub moments: Vec<Moment>,
    /// Events that are not in `moments`, because there were too many of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<Tracepoint, u64>,
}

/// What was done with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// Started with a new data directory, stopped by SIGTERM.
    Terminated,
    /// Started with the same data directory, stopped as `bitcoin-cli stop` does.
    Stopped,
    /// Not able to start, because its port is taken.
    Refused,
    /// Started, then ended by SIGKILL.
    Killed,
}

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Microseconds since tracing began.
    pub at: u64,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The process was about to be made.
    Began,
    /// It answered `getblockchaininfo`.
    Answered,
    /// It was given work: calls, a peer, messages, a block.
    Used,
    /// It was about to be asked, or made, to end.
    Asked,
    /// It had ended.
    Ended {
        /// Whether it told its parent that all is well.
        clean: bool,
        /// How, for people.
        how: String,
    },
    /// A tracepoint fired.
    Fired(Tracepoint),
}

/// How a tracepoint is written and built in this line of Bitcoin Core, for hints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habits {
    /// The command that builds the node.
    pub build: String,
    /// Whether each tracepoint has a semaphore that must be declared.
    pub semaphores: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_error() {
        let semaphore = "\
In file included from /t/src/init.cpp:102:
/t/src/init.cpp:88:5: warning: unused [-Wunused]
/t/src/init.cpp: In function 'bool AppInitMain()':
/t/src/init.cpp:2361:16: error: 'node_started_semaphore' was not declared in this scope
 2361 |     TRACEPOINT(node, started);
/t/src/init.cpp:2400:1: error: another
";
        let error = CompilerError::telling(semaphore).unwrap();
        assert_eq!(error.at, "/t/src/init.cpp:2361:16");
        assert!(error.no_semaphore() && !error.no_macro());
        let header = "\
init.cpp:7:22: error: 'started' was not declared in this scope; did you mean 'strtod'?
init.cpp:7:5: error: 'TRACEPOINT' was not declared in this scope
";
        let error = CompilerError::telling(header).unwrap();
        assert!(error.at == "init.cpp:7:5" && error.no_macro(), "{error:?}");
        let open = "\
init.cpp:9:1: error: unterminated argument list invoking macro \"TRACEPOINT\"
init.cpp:7:5: error: 'TRACEPOINT' was not declared in this scope
";
        let error = CompilerError::telling(open).unwrap();
        assert!(error.at == "init.cpp:9:1" && !error.no_macro(), "{error:?}");
        let clang = "init.cpp:7:5: error: use of undeclared identifier 'node_x_semaphore'\n";
        assert!(CompilerError::telling(clang).unwrap().no_semaphore());
        let missing = "x.cpp:1:10: fatal error: util/trce.h: No such file or directory\n";
        let error = CompilerError::telling(missing).unwrap();
        assert!(error.at == "x.cpp:1:10" && !error.no_semaphore() && !error.no_macro());
        assert_eq!(CompilerError::telling("all is well\n"), None);
    }
}
