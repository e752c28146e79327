//! What task 4 looks at: the interface tests of the tree and of our own, as root and without.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use exercises::Observed;
use exercises::tasks::task4::{Functional, Seen, Unprivileged, Upstream};

use super::{Places, RUNNER, has_functional_tests};
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::functional::{FunctionalTests, PYTHON, alone};
use crate::live::interface::InterfaceTest;
use crate::live::process::Process;
use crate::live::regtest::participant;
use crate::live::root;
use crate::participant::Host;
use crate::progress::Doing;

/// What the tests are called.
const PREFIX: &str = "interface_usdt_";
/// A test that must not run says so in half a second, and ours at its first probe.
const REFUSAL: Duration = Duration::from_secs(120);

pub(super) fn look(host: &Host, places: &Places, cancel: &Cancel, doing: &Doing) -> Seen {
    let tree = host.tree(places.tree.as_deref());
    let tree = tree.filter(|tree| has_functional_tests(tree));
    let tests = tree.map(|tree| functional_tests(host, &tree));
    let request = InterfaceTest::of(host, places, cancel);
    doing.say("makes every tracepoint of a node fire (workshop interface-test)");
    let interface = request
        .clone()
        .and_then(|request| root::observe(&request, cancel));
    let (upstream, unprivileged) = match &tests {
        Some(tests) => {
            doing.say("runs the tree's interface tests");
            let functional = observed(as_root(tests, cancel));
            doing.say("runs a test without root");
            (Upstream::Present(functional), without_root(tests, cancel))
        }
        None => (
            Upstream::Absent,
            request.and_then(|request| own_without_root(&request, cancel)),
        ),
    };
    Seen {
        upstream,
        interface: observed(interface),
        unprivileged: observed(unprivileged),
    }
}

fn functional_tests(host: &Host, tree: &Path) -> FunctionalTests {
    let profile = host.profile(Some(tree));
    // The tests run in a folder of their own.
    let absolute = |path: &str| {
        let path = tree.join(path);
        std::path::absolute(&path).unwrap_or(path)
    };
    FunctionalTests {
        folder: absolute(profile.functional_tests),
        tests: listed(tree),
        program: absolute(profile.node),
        kernel_source: std::env::var("BCC_KERNEL_SOURCE").ok(),
    }
}

/// The interface tests that the runner lists, and those that are there though it does not.
fn listed(tree: &Path) -> Vec<String> {
    let runner = std::fs::read_to_string(tree.join(RUNNER)).unwrap_or_default();
    let quoted = runner.split(['\'', '"']).map(str::to_owned);
    let files = std::fs::read_dir(tree.join("test/functional"));
    let files = files.into_iter().flatten().filter_map(Result::ok);
    let there = files.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let tests: BTreeSet<String> = quoted
        .chain(there)
        .filter(|name| {
            let middle = name
                .strip_prefix(PREFIX)
                .and_then(|rest| rest.strip_suffix(".py"));
            middle.is_some_and(|middle| middle.bytes().all(|byte| byte.is_ascii_lowercase()))
        })
        .collect();
    tests.into_iter().collect()
}

fn as_root(tests: &FunctionalTests, cancel: &Cancel) -> Result<Functional, CouldNot> {
    let runner = tests.folder.join("test_runner.py");
    if !runner.is_file() {
        return Err(CouldNot::new(
            format!("there is no {}", runner.display()),
            "configure the tree: cmake -B build",
        ));
    }
    root::observe(tests, cancel)
}

/// One of the tree's own tests, as the participant.
fn without_root(tests: &FunctionalTests, cancel: &Cancel) -> Result<Unprivileged, CouldNot> {
    // The first is as good as any other: none of them gets as far as what it tests.
    let Some(test) = tests.tests.first() else {
        return Err(CouldNot::new(
            "the tree has no interface tests among its functional tests",
            "is it a version before 23?",
        ));
    };
    let mut command = Command::new(PYTHON);
    command
        .arg(tests.folder.join(test))
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = as_the_participant(command, &tests.folder)?.wait(REFUSAL, cancel)?;
    Ok(Unprivileged::Upstream(alone(ended)))
}

/// Our own test, as the participant.
fn own_without_root(request: &InterfaceTest, cancel: &Cancel) -> Result<Unprivileged, CouldNot> {
    let mut command = Command::new(this_program()?);
    command
        .args(["interface-test", "--no-sudo"])
        .arg(&request.program);
    let ended = as_the_participant(command, &request.program)?.wait(REFUSAL, cancel)?;
    let refused = (ended.status.code() == Some(2)).then(|| {
        let mut lines = ended.stderr.lines();
        let error = lines.find_map(|line| line.strip_prefix("error: "));
        error.unwrap_or("it does not say why").to_owned()
    });
    Ok(Unprivileged::Own { refused })
}

/// Starts a program as the participant, who may be somebody else than we are: whoever owns `theirs`.
fn as_the_participant(mut command: Command, theirs: &Path) -> Result<Process, CouldNot> {
    if rustix::process::geteuid().is_root() {
        let owner = || {
            let owner = std::fs::metadata(theirs).ok()?;
            (owner.uid() != 0).then(|| (owner.uid(), owner.gid()))
        };
        let (user, group) = participant().or_else(owner).ok_or_else(|| {
            CouldNot::new(
                "root cannot see what happens without root",
                "run the check as the workshop user",
            )
        })?;
        command.gid(group).uid(user);
    }
    Process::spawn(&mut command)
}

fn this_program() -> Result<PathBuf, CouldNot> {
    std::env::current_exe().map_err(|error| {
        CouldNot::new(
            format!("this program cannot be found: {error}"),
            "run the check again",
        )
    })
}

fn observed<T>(result: Result<T, CouldNot>) -> Observed<T> {
    result.map_or_else(Observed::from, Observed::Known)
}
