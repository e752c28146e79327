//! Bitcoin Core's own interface tests, as root: one by one, and by their runner.
//!
//! They start nodes of their own, which must not outlive us. Each test therefore has a process namespace of its
//! own: the kernel ends what is in it when its first process ends, and that one ends with us.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use exercises::Observed;
use exercises::tasks::task4::{Alone, Functional, Runner, Single, Status};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::CouldNot;
use super::cancel::Cancel;
use super::private::Private;
use super::process::{Ended, Process};
use super::root::Observation;
use super::scratch::Scratch;

/// The system's own: another one has no bcc.
pub(crate) const PYTHON: &str = "/usr/bin/python3";
/// The longest takes 40 s on two busy cores.
const SINGLE: Duration = Duration::from_secs(600);
/// All of them, side by side.
const ALL: Duration = Duration::from_secs(1200);
/// A test that is interrupted stops its nodes.
const GENTLY: Duration = Duration::from_secs(5);
/// What the runner does when nothing else is said.
const MOST_JOBS: usize = 4;
/// Of what a test prints, the last lines say how it ended; a failure shows where it came from.
const LINES: usize = 40;
/// Tests choose their ports by this; the runner gives its own the first ones.
const PORT_SEED: usize = 40;

/// What is asked of root.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FunctionalTests {
    /// Where they are run.
    pub(crate) folder: PathBuf,
    /// Their files.
    pub(crate) tests: Vec<String>,
    /// The program that they test.
    pub(crate) program: PathBuf,
    /// BCC's `BCC_KERNEL_SOURCE`, which sudo does not pass on.
    pub(crate) kernel_source: Option<String>,
}

impl Observation for FunctionalTests {
    const NAME: &'static str = "functional-tests";
    type Seen = Functional;

    fn look(&self, cancel: &Cancel) -> Result<Functional, CouldNot> {
        let scratch = Scratch::new()?;
        // BCC's uprobes on the participant's own program would be in the way of other tracers.
        let program = Private::copy(&self.program)?;
        let own = Self {
            program: program.path().to_owned(),
            ..self.clone()
        };
        // What a killed test leaves goes with this folder.
        own.run(scratch.path(), cancel)
    }
}

impl FunctionalTests {
    fn run(&self, folder: &Path, cancel: &Cancel) -> Result<Functional, CouldNot> {
        let jobs = jobs();
        let mut singly = Vec::new();
        for (batch, tests) in (0..).zip(self.tests.chunks(jobs)) {
            // Started side by side, and waited for in order.
            let running: Vec<_> = (0..)
                .zip(tests)
                .map(|(at, name)| self.single(name, folder, batch * jobs + at))
                .collect();
            for (name, process) in tests.iter().zip(running) {
                let ended = process.and_then(|process| finish(process, SINGLE, cancel));
                singly.push(Single {
                    name: name.clone(),
                    ended: observed(ended.map(alone)),
                });
            }
        }
        // These tests wait for events as long as an idle machine needs: what failed in company gets another try.
        for (seed, test) in (self.tests.len()..).zip(&mut singly) {
            if matches!(&test.ended, Observed::Known(alone) if alone.status() == Some(Status::Failed))
            {
                let process = self.single(&test.name, folder, seed);
                let ended = process.and_then(|process| finish(process, SINGLE, cancel));
                test.ended = observed(ended.map(alone));
            }
        }
        let mut runner = self.runner(folder, jobs, cancel);
        if matches!(&runner, Ok(runner) if runner.any(Status::Failed)) {
            runner = self.runner(folder, 1, cancel);
        }
        if cancel.is_set() {
            return Err(CouldNot::cancelled());
        }
        Ok(Functional {
            singly,
            runner: observed(runner),
        })
    }

    fn single(&self, name: &str, folder: &Path, at: usize) -> Result<Process, CouldNot> {
        let mut command = self.python(name, folder);
        let folder = folder.join(format!("{at}-{name}"));
        command
            .arg(format!("--tmpdir={}", folder.display()))
            .arg(format!("--cachedir={}.cache", folder.display()))
            .arg(format!("--portseed={}", PORT_SEED + at));
        Process::spawn(&mut command)
    }

    fn runner(&self, folder: &Path, jobs: usize, cancel: &Cancel) -> Result<Runner, CouldNot> {
        let mut command = self.python("test_runner.py", folder);
        command
            .arg(format!("--tmpdirprefix={}", folder.display()))
            .arg(format!("--jobs={jobs}"))
            .args(&self.tests);
        let ended = finish(Process::spawn(&mut command)?, ALL, cancel)?;
        if ended.cut {
            // The table is what it prints last.
            return Err(CouldNot::new(
                "the runner printed so much that its table was lost",
                "run it yourself, as the text of task4 says",
            ));
        }
        Ok(Runner {
            code: ended.status.code(),
            tests: Runner::table(&ended.stdout),
            said: said(&ended),
        })
    }

    fn python(&self, name: &str, folder: &Path) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .arg(PYTHON)
            .arg(self.folder.join(name))
            .current_dir(&self.folder)
            // The runner marks what passed with a letter that not every locale has.
            .env("LC_ALL", "C.UTF-8")
            // Files of root's do not belong into the participant's tree.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("BITCOIND", &self.program)
            .env("TMPDIR", folder);
        if let Some(folder) = &self.kernel_source {
            command.env("BCC_KERNEL_SOURCE", folder);
        }
        command
    }
}

/// As many as the runner runs side by side, on a machine that has the processors for it.
fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(MOST_JOBS))
}

/// Waits for its end. Who has to end early is asked to first: of a tracer that is killed the kernel may fail to
/// remove the uprobes.
fn finish(mut process: Process, deadline: Duration, cancel: &Cancel) -> Result<Ended, CouldNot> {
    let ended = process.until(deadline, cancel, |one| one.ended().is_some());
    if ended != Ok(true) {
        process.signal(Signal::INT);
        let end = Instant::now() + GENTLY;
        while process.ended().is_none() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    ended?;
    process.wait(Duration::ZERO, cancel)
}

/// How a test ended, and what it said last.
pub(crate) fn alone(ended: Ended) -> Alone {
    Alone {
        code: ended.status.code(),
        said: said(&ended),
    }
}

fn observed<T>(result: Result<T, CouldNot>) -> Observed<T> {
    result.map_or_else(Observed::from, Observed::Known)
}

fn said(ended: &Ended) -> String {
    let all = ended.stdout.lines().chain(ended.stderr.lines());
    let lines: Vec<&str> = all.filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(LINES);
    let text = lines[from..].join("\n");
    // For a terminal, whatever the test printed.
    text.chars()
        .map(|letter| match letter {
            '\n' => '\n',
            letter if letter.is_control() => '·',
            letter => letter,
        })
        .collect()
}
