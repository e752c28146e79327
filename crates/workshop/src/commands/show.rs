//! `workshop show [TASK]`: the text of a task.

use exercises::Question;
use exercises::prose;
use miette::IntoDiagnostic as _;
use serde::Serialize;

use super::participant::{context, task_or_current};
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::participant::Host;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task0; without one, the task you are at.
    task: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    title: &'a str,
    text: String,
    questions: &'a [Question],
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let task = task_or_current(args.task.as_deref(), output)?;
    let context = context(&Host::here()?, None);
    let text = prose::render(task, &context).into_diagnostic()?;
    if output.json() {
        output.document(
            "show",
            &Document {
                task: task.id,
                title: task.title,
                text,
                questions: task.questions,
            },
        )?;
    } else {
        output.text(&text)?;
    }
    Ok(Outcome::Yes)
}
