//! `workshop reset TASK`: begins a task anew. What is taken away is kept in a folder.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use exercises::Task;
use exercises::answers::yes_or_no;
use exercises::progress::Record;
use miette::IntoDiagnostic as _;
use serde::Serialize;

use super::participant::task_or_current;
use crate::cli::{Outcome, Result};
use crate::output::{Output, wrapped};
use crate::participant::answers::Store;
use crate::participant::lock::Lock;
use crate::participant::work::new_folder;
use crate::participant::{progress, shown, work_folder};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task1.
    task: String,

    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    /// Where everything is now; none when there was nothing.
    kept: Option<&'a Path>,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Refused {
    #[error("a reset needs a yes, and nobody can be asked here")]
    #[diagnostic(help("add --yes"))]
    NobodyToAsk,
    #[error("nothing was reset")]
    No,
}

/// What there is of a task.
struct Found {
    answers: usize,
    record: Record,
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let task = task_or_current(Some(&args.task), output)?;
    let found = find(task, output)?;
    if found.is_nothing() {
        if output.json() {
            let kept = None;
            output.document(
                "reset",
                &Document {
                    task: task.id,
                    kept,
                },
            )?;
        } else {
            output.text(&format!("there is nothing of {} to forget\n", task.id))?;
        }
        return Ok(Outcome::Yes);
    }
    if !args.yes {
        confirm(task, &found, output)?;
    }
    let kept = reset(task, &found.files, output)?;
    if output.json() {
        let kept = Some(kept.as_path());
        output.document(
            "reset",
            &Document {
                task: task.id,
                kept,
            },
        )?;
        return Ok(Outcome::Yes);
    }
    let mut text = format!(
        "{} begins anew; what there was is in {}\n",
        task.id,
        shown(&kept)
    );
    if found.record.first_passed.is_some() {
        text.push_str("that it has passed stays known\n");
    }
    output.text(&text)?;
    Ok(Outcome::Yes)
}

fn find(task: &'static Task, output: &Output) -> miette::Result<Found> {
    let mut files = Vec::new();
    for starter in task.starters {
        let path = work_folder()?.join(starter.name);
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(Found {
        answers: Store::open(None)?.of(task)?.len(),
        record: progress::read(output)?.of(task.id),
        files,
    })
}

impl Found {
    fn is_nothing(&self) -> bool {
        let passed = Record {
            first_passed: self.record.first_passed,
            ..Record::default()
        };
        self.answers == 0 && self.files.is_empty() && self.record == passed
    }
}

fn confirm(task: &Task, found: &Found, output: &Output) -> miette::Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(Refused::NobodyToAsk.into());
    }
    let mut parts = vec![format!("{} answers", found.answers)];
    parts.push(format!("{} attempts", found.record.attempts));
    parts.push(format!("{} seen hints", found.record.hints));
    parts.extend(found.files.iter().map(|path| shown(path)));
    let question = format!(
        "This puts aside what there is of {}: {}. Your tree is left as it is. Go on? [y/N]",
        task.id,
        parts.join(", ")
    );
    output.remark(wrapped(&question, "", "", Some(80)));
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .into_diagnostic()?;
    if yes_or_no(&line) == Some(true) {
        Ok(())
    } else {
        Err(Refused::No.into())
    }
}

/// Moves everything into a new folder. Killed in between, nothing is lost: the copy of each part is there before
/// the part goes.
fn reset(task: &'static Task, files: &[PathBuf], output: &Output) -> miette::Result<PathBuf> {
    let lock = Lock::take()?;
    let mut store = Store::open(None)?;
    let parted = store.without(task)?;
    let folder = new_folder(&work_folder()?.join("kept"), task.id)?;
    if let Some(parted) = parted {
        lock.write(&folder.join("answers.yaml"), &parted.taken)?;
        store.part(parted, &lock)?;
    }
    let record = progress::read(output)?.of(task.id);
    let text = serde_json::to_string_pretty(&record).into_diagnostic()?;
    lock.write(&folder.join("progress.json"), &(text + "\n"))?;
    for path in files {
        let name = path.file_name().unwrap_or_default();
        fs_err::rename(path, folder.join(name)).into_diagnostic()?;
    }
    progress::change(&lock, output, |progress| {
        progress.forget(task.id);
    })?;
    Ok(folder)
}
