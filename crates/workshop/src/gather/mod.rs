//! Looks at the system for a task's check. All input and output of a check is here; the judging is not.

mod task0;
pub(crate) mod task1;
#[cfg(target_os = "linux")]
pub(crate) mod task2;
#[cfg(target_os = "linux")]
pub(crate) mod task3;
#[cfg(target_os = "linux")]
mod task4;
#[cfg(target_os = "linux")]
mod task5;
pub(crate) mod tools;

use std::path::{Path, PathBuf};

use exercises::answers::Answers;
use exercises::documented::Interface;
use exercises::{Evidence, Seen, Task, evidence};

use crate::cancel::Cancel;
use crate::participant::Host;
use crate::progress::Doing;

/// Where to look, when not at what the host says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// The source tree.
    pub(crate) tree: Option<PathBuf>,
    /// The program, instead of the tree's.
    pub(crate) binary: Option<PathBuf>,
    /// The program without the participant's change, instead of the host's own node.
    pub(crate) base: Option<PathBuf>,
    /// The script, instead of the participant's.
    pub(crate) script: Option<PathBuf>,
    /// The file of answers, instead of the participant's.
    pub(crate) answers: Option<PathBuf>,
    /// Where the node's RPC interface is, as `HOST:PORT`, instead of what its own options say.
    pub(crate) rpc: Option<String>,
    /// The cookie file to log in there.
    pub(crate) cookie: Option<PathBuf>,
    /// The seed of the unit test, instead of one of our own: whoever grades knows then that the run is theirs.
    pub(crate) seed: Option<String>,
}

/// Why there is no evidence.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum NoEvidence {
    /// No look is taken for that task here.
    #[error("{task} cannot be checked on this system")]
    #[diagnostic(help("check it on a host of the workshop"))]
    NotHere {
        /// Its id.
        task: &'static str,
    },
    /// Half of a look is none.
    #[error("the check was interrupted, and does not count")]
    #[diagnostic(help("run it again when you like"))]
    Interrupted,
}

/// Everything that the check of `task` looks at.
pub(crate) fn evidence(
    task: &'static Task,
    host: &Host,
    places: &Places,
    answers: Answers,
    cancel: &Cancel,
    doing: &Doing,
) -> Result<Evidence, NoEvidence> {
    let seen = match task.id {
        "task0" => Seen::Task0(task0::look(host, cancel)),
        "task1" => Seen::Task1(task1::look(host, places, &answers, cancel, doing)),
        #[cfg(target_os = "linux")]
        "task2" => Seen::Task2(task2::look(host, places, cancel, doing)),
        #[cfg(target_os = "linux")]
        "task3" => Seen::Task3(Box::new(task3::look(host, places, &answers, cancel, doing))),
        #[cfg(target_os = "linux")]
        "task4" => Seen::Task4(task4::look(host, places, cancel, doing)),
        #[cfg(target_os = "linux")]
        "task5" => Seen::Task5(task5::look(host, places, cancel, doing)),
        task => return Err(NoEvidence::NotHere { task }),
    };
    if cancel.is_set() {
        return Err(NoEvidence::Interrupted);
    }
    Ok(Evidence {
        schema: evidence::SCHEMA,
        checker: format!("workshop {}", env!("CARGO_PKG_VERSION")),
        at: jiff::Timestamp::now(),
        host: host.word.clone(),
        answers,
        seen,
    })
}

/// Where a tree keeps the functional tests' runner, whatever its version.
pub(crate) const RUNNER: &str = "test/functional/test_runner.py";

/// Whether a tree has Bitcoin Core's functional tests.
pub(crate) fn has_functional_tests(tree: &Path) -> bool {
    tree.join(RUNNER).is_file()
}

/// The program to look at: the given one, else the tree's, else the node's own.
pub(crate) fn binary(host: &Host, places: &Places) -> Option<PathBuf> {
    if let Some(binary) = &places.binary {
        return Some(binary.clone());
    }
    let tree = host.tree(places.tree.as_deref());
    let in_tree = tree.map(|tree| tree.join(host.profile(Some(&tree)).node));
    in_tree.or_else(|| host.node_binary.clone())
}

/// The documented interface that a program follows: its own tree's when it was built in one, else the host's.
pub(crate) fn interface_of(host: &Host, program: &Path) -> Interface {
    let real = program.canonicalize();
    let tree = real.ok().and_then(|program| {
        let mut folders = program.ancestors().skip(1);
        let found = folders.find(|folder| folder.join("doc/tracing.md").is_file());
        found.map(Path::to_owned)
    });
    let tree = tree.or_else(|| host.tree(None));
    task1::interface(host, tree.as_deref())
}

fn read(path: impl AsRef<Path>) -> Result<String, String> {
    let path = path.as_ref();
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
