//! Looks at the system for a task's check. All input and output of a check is here; the judging is not.

mod task0;
pub(crate) mod task1;
#[cfg(target_os = "linux")]
mod task4;
mod tools;

use std::path::{Path, PathBuf};

use exercises::answers::Answers;
use exercises::{Evidence, Seen, Task, evidence};

use crate::participant::Host;

/// Where to look, when not at what the host says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// The source tree.
    pub(crate) tree: Option<PathBuf>,
    /// The program, instead of the tree's.
    pub(crate) binary: Option<PathBuf>,
}

/// No look is taken for a task of that name here.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{task} cannot be checked on this system")]
#[diagnostic(help("check it on a host of the workshop"))]
pub(crate) struct NotHere {
    task: &'static str,
}

/// Everything that the check of `task` looks at.
pub(crate) fn evidence(
    task: &'static Task,
    host: &Host,
    places: &Places,
    answers: Answers,
) -> Result<Evidence, NotHere> {
    let seen = match task.id {
        "task0" => Seen::Task0(task0::look(host)),
        "task1" => Seen::Task1(task1::look(host, places, &answers)),
        #[cfg(target_os = "linux")]
        "task4" => Seen::Task4(task4::look(host, places)),
        task => return Err(NotHere { task }),
    };
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

fn read(path: impl AsRef<Path>) -> Result<String, String> {
    let path = path.as_ref();
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
