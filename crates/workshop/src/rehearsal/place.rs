//! Puts a solution where a participant would, and takes it back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use exercises::Task;
use exercises::profile::Profile;
use exercises::solutions::{Body, Build, Solution, solutions};

use crate::cancel::Cancel;
use crate::live::CouldNot;
use crate::live::process::{Ended, Process};
use crate::live::scratch::Scratch;
use crate::participant::{state_folder, work_folder};

/// A change of one source file is compiled and linked in ten seconds on two cores. After a change of a header that
/// everything includes it is Bitcoin Core as a whole.
const BUILD: Duration = Duration::from_secs(40 * 60);

/// Commands of a participant: some seconds of watching, or what gdb takes on a slow machine.
const COMMANDS: Duration = Duration::from_secs(120);

/// This account, for one solution after the other.
pub(super) struct Place<'a> {
    cancel: &'a Cancel,
    profile: &'static Profile,
    tree: PathBuf,
    /// Holds `bin/workshop`, which is this program, and the source files as they were.
    scratch: Scratch,
    program: PathBuf,
}

impl<'a> Place<'a> {
    pub(super) fn new(
        tree: PathBuf,
        profile: &'static Profile,
        cancel: &'a Cancel,
    ) -> Result<Self, CouldNot> {
        let failed = |error: std::io::Error| {
            CouldNot::new(
                format!("the rehearsal cannot be prepared: {error}"),
                "is the disk full? `df -h`",
            )
        };
        let program = std::env::current_exe().map_err(failed)?;
        let scratch = Scratch::new()?;
        let bin = scratch.path().join("bin");
        std::fs::create_dir(&bin).map_err(failed)?;
        std::os::unix::fs::symlink(&program, bin.join("workshop")).map_err(failed)?;
        let place = Self {
            cancel,
            profile,
            tree,
            scratch,
            program,
        };
        for file in patched_files() {
            let from = place.tree.join(&file);
            // Not every line of Bitcoin Core has each of them.
            if from.is_file() {
                copy(&from, &place.before(&file)).map_err(failed)?;
            }
        }
        Ok(place)
    }

    fn before(&self, file: &str) -> PathBuf {
        self.scratch.path().join("before").join(file)
    }

    /// Forgets what the last solution left in the account.
    pub(super) fn clear(&self) -> Result<(), CouldNot> {
        let folders = [
            work_folder(),
            state_folder().map(|state| state.join("workshop")),
        ];
        for folder in folders {
            let folder = folder.map_err(|error| CouldNot::new(error.to_string(), "set HOME"))?;
            empty(&folder).map_err(|error| {
                CouldNot::new(
                    format!("{} cannot be emptied: {error}", folder.display()),
                    "whose is it? `ls -la`",
                )
            })?;
        }
        Ok(())
    }

    /// Runs this program.
    pub(super) fn workshop(
        &self,
        arguments: &[&str],
        deadline: Duration,
    ) -> Result<Ended, CouldNot> {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        self.run(&mut command, deadline)
    }

    fn run(&self, command: &mut Command, deadline: Duration) -> Result<Ended, CouldNot> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let first = self.scratch.path().join("bin");
        let all = std::iter::once(first).chain(std::env::split_paths(&path));
        // What cannot be joined was no path before either.
        if let Ok(all) = std::env::join_paths(all) {
            command.env("PATH", all);
        }
        Process::spawn(command)?.wait(deadline, self.cancel)
    }

    fn shell(&self, script: &str, deadline: Duration) -> Result<Ended, CouldNot> {
        let mut command = Command::new("sh");
        command.args(["-euc", script]);
        if let Some(home) = std::env::home_dir() {
            command.current_dir(home);
        }
        self.run(&mut command, deadline)
    }

    /// Puts a task's starter in place.
    pub(super) fn starter(&self, task: &Task) -> Result<(), String> {
        let started = self.workshop(&["start", task.id], COMMANDS);
        succeeded("workshop start", started)
    }

    /// Puts a solution in place, with its answers.
    pub(super) fn put(&self, task: &Task, solution: &Solution) -> Result<(), String> {
        for (question, answer) in &solution.answers {
            let text = answer.text();
            let answered = self.workshop(&["answer", task.id, question, &text], COMMANDS);
            succeeded("workshop answer", answered)?;
        }
        let body = solution
            .filled(task, self.profile)
            .map_err(|error| error.to_string())?;
        match solution.kind {
            Body::Commands => succeeded("its commands", self.shell(&body, COMMANDS)),
            Body::Script => {
                let name = task
                    .starters
                    .first()
                    .map_or("script", |starter| starter.name);
                let path = work_folder().map_err(|error| error.to_string())?.join(name);
                copy_text(&path, &body).map_err(|error| format!("{}: {error}", path.display()))
            }
            Body::Patch => self.patch(&body, solution.build),
        }
    }

    fn patch(&self, patch: &str, build: Build) -> Result<(), String> {
        let file = self.scratch.path().join("patch");
        copy_text(&file, patch).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut apply = Command::new("git");
        // A tree may be a part of somebody's repository; the patch is about its files alone.
        apply
            .arg("apply")
            .arg(&file)
            .current_dir(&self.tree)
            .env("GIT_CEILING_DIRECTORIES", &self.tree);
        succeeded("git apply", self.run(&mut apply, COMMANDS))?;
        let built = match build {
            Build::Skipped => return Ok(()),
            Build::Succeeds | Build::Fails => self.build(),
        };
        match (build, built) {
            (Build::Fails, Ok(ended)) if !ended.status.success() => Ok(()),
            (Build::Fails, Ok(_)) => Err("it was built, and should not compile".to_owned()),
            (_, built) => succeeded(self.profile.build_node, built),
        }
    }

    fn build(&self) -> Result<Ended, CouldNot> {
        let line = format!("cd \"$TREE\" && {}", self.profile.build_node);
        let mut command = Command::new("sh");
        command.args(["-euc", &line]).env("TREE", &self.tree);
        self.run(&mut command, BUILD)
    }

    /// Takes a patch back. The files' times are those of now, or what was built of the patch would be taken for theirs.
    pub(super) fn take_back(&self, solution: &Solution) -> Result<(), String> {
        for file in files_of(solution.body) {
            let (from, to) = (self.before(file), self.tree.join(file));
            let done = if from.exists() {
                copy(&from, &to)
            } else {
                std::fs::remove_file(&to)
            };
            done.map_err(|error| format!("{} cannot be taken back: {error}", to.display()))?;
        }
        Ok(())
    }
}

/// An account where somebody has worked is left alone.
pub(super) fn somebody_s_work() -> Option<PathBuf> {
    let places = [
        work_folder(),
        state_folder().map(|state| state.join("workshop")),
    ];
    places
        .into_iter()
        .filter_map(Result::ok)
        .find(|place| std::fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_some()))
}

fn succeeded(what: &str, ended: Result<Ended, CouldNot>) -> Result<(), String> {
    match ended {
        Ok(ended) if ended.status.success() => Ok(()),
        Ok(ended) => {
            let lines: Vec<_> = ended.stdout.lines().chain(ended.stderr.lines()).collect();
            let last = lines[lines.len().saturating_sub(5)..].join(" / ");
            Err(format!("{what} ended with {}: {last}", ended.status))
        }
        Err(could_not) => Err(could_not.why),
    }
}

/// Every file that some patch changes.
fn patched_files() -> BTreeSet<String> {
    let of_tasks = exercises::TASKS
        .iter()
        .flat_map(|task| solutions(task.id).unwrap_or_default());
    of_tasks
        .filter(|solution| solution.kind == Body::Patch)
        .flat_map(|solution| files_of(solution.body))
        .map(str::to_owned)
        .collect()
}

fn files_of(patch: &'static str) -> impl Iterator<Item = &'static str> {
    patch.lines().filter_map(|line| line.strip_prefix("+++ b/"))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).map(|_| ())
}

fn copy_text(to: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(to, text)
}

/// What a folder holds is removed; the folder itself may be a mount.
fn empty(folder: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
