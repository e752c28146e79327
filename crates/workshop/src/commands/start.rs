//! `workshop start [TASK]`: puts the files that a task begins with in their place, never over somebody's work.

use std::path::PathBuf;

use exercises::{Task, prose};
use miette::IntoDiagnostic as _;
use serde::Serialize;

use super::participant::{context, task_or_current};
use crate::cli::{Outcome, Result};
use crate::output::{Output, wrapped};
use crate::participant::lock::Lock;
use crate::participant::work::{self, Put};
use crate::participant::{Host, progress, shown, work_folder};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task3; without one, the task you are at.
    task: Option<String>,

    /// Begin a file anew that you have changed. What is there is kept beside it, with a number in its name.
    #[arg(long)]
    again: bool,

    /// The source tree, instead of the host's.
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    title: &'a str,
    files: Vec<Placed>,
    next: Vec<String>,
}

#[derive(Serialize)]
struct Placed {
    path: PathBuf,
    state: &'static str,
    copy: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let task = task_or_current(args.task.as_deref(), output)?;
    let context = context(&Host::here()?, args.tree.as_deref());
    let lock = Lock::take()?;
    let mut files = Vec::new();
    let mut text = String::new();
    for starter in task.starters {
        let path = work_folder()?.join(starter.name);
        let content = prose::starter(starter, task, &context).into_diagnostic()?;
        let put = work::put(&path, &content, args.again, &lock)?;
        let says = format!("{}: {}", shown(&path), describe(&put, task));
        text.push_str(&wrapped(&says, "", "  ", Some(80)));
        text.push('\n');
        files.push(placed(path, put));
    }
    drop(lock);
    progress::note(output, |progress| {
        progress.touch(task.id, jiff::Timestamp::now());
    });
    let next = next(task);
    if output.json() {
        output.document(
            "start",
            &Document {
                task: task.id,
                title: task.title,
                files,
                next: next.map(|(_, command)| command).to_vec(),
            },
        )?;
        return Ok(Outcome::Yes);
    }
    if task.starters.is_empty() {
        text.push_str(&format!(
            "{} begins without a file: its text is all there is\n",
            task.id
        ));
    }
    for (when, command) in next {
        text.push_str(&format!("{when:<14} {command}\n"));
    }
    output.text(&text)?;
    Ok(Outcome::Yes)
}

fn next(task: &Task) -> [(&'static str, String); 3] {
    [
        ("read it", format!("workshop show {}", task.id)),
        ("get help", format!("workshop hint {}", task.id)),
        ("see how it is", format!("workshop check {}", task.id)),
    ]
}

fn describe(put: &Put, task: &Task) -> String {
    match put {
        Put::Written => "written".to_owned(),
        Put::Unchanged => "there already, unchanged".to_owned(),
        Put::Kept => format!(
            "has your work, and stays as it is. `workshop start {} --again` begins anew and keeps a copy beside it",
            task.id
        ),
        Put::Replaced { copy } => format!("written anew; what was there is {}", shown(copy)),
    }
}

fn placed(path: PathBuf, put: Put) -> Placed {
    let (state, copy) = match put {
        Put::Written => ("written", None),
        Put::Unchanged => ("unchanged", None),
        Put::Kept => ("kept", None),
        Put::Replaced { copy } => ("replaced", Some(copy)),
    };
    Placed { path, state, copy }
}
