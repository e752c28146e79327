//! `workshop hint [TASK]`: one more hint each time.

use exercises::prose;
use miette::IntoDiagnostic as _;
use serde::Serialize;

use super::participant::{context, task_or_current};
use crate::cli::{Outcome, Result};
use crate::output::{Output, wrapped};
use crate::participant::lock::Lock;
use crate::participant::{Host, progress};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task1; without one, the task you are at.
    task: Option<String>,

    /// The hints that you have had, and no new one.
    #[arg(long)]
    seen: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    /// Those told now; the last of them is number `seen`.
    hints: &'a [String],
    seen: usize,
    of: usize,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let task = task_or_current(args.task.as_deref(), output)?;
    let of = task.hints.len();
    let now = jiff::Timestamp::now();
    let (before, seen) = if args.seen {
        let seen = progress::read(output)?.of(task.id).hints.min(of);
        (0, seen)
    } else {
        progress::change(&Lock::take()?, output, |progress| {
            let before = progress.of(task.id).hints.min(of);
            (before, progress.hint(task.id, of, now))
        })?
    };
    let hints = prose::hints(task, seen, &context(&Host::here()?, None)).into_diagnostic()?;
    // When there is no new one, all that were had are more use than none.
    let told = if before < seen {
        &hints[before..]
    } else {
        &hints[..]
    };
    if output.json() {
        let document = Document {
            task: task.id,
            hints: told,
            seen,
            of,
        };
        output.document("hint", &document)?;
        return Ok(Outcome::Yes);
    }
    let mut text = String::new();
    for (number, hint) in (seen + 1 - told.len()..).zip(told) {
        let number = format!("{number} of {of}: ");
        text.push_str(&wrapped(hint, &number, "  ", Some(80)));
        text.push('\n');
    }
    output.text(&text)?;
    output.remark(what_next(task.id, seen, of, args.seen));
    Ok(Outcome::Yes)
}

fn what_next(task: &str, seen: usize, of: usize, only_seen: bool) -> String {
    match of - seen {
        0 if of == 0 => format!("{task} has no hints; ask your instructor"),
        0 => "no more hints: your instructor knows more, and `workshop check` says what is missing"
            .to_owned(),
        left if only_seen => format!("{seen} seen, {left} left: workshop hint {task}"),
        left => format!("{left} left"),
    }
}
