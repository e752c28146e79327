//! `workshop show TASK`: the text of a task.

use exercises::Question;
use exercises::prose::{self, Context};
use miette::IntoDiagnostic as _;
use serde::Serialize;

use super::participant::the_task;
use crate::cli::{Outcome, Result};
use crate::gather;
use crate::output::Output;
use crate::participant::{Host, shown};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task0.
    task: String,
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    title: &'a str,
    text: String,
    questions: &'a [Question],
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let task = the_task(&args.task)?;
    let host = Host::here()?;
    let tree = host.tree(None);
    let context = Context {
        word: host.word.clone(),
        tree: tree
            .as_deref()
            .map_or_else(|| "~/bitcoin".to_owned(), shown),
        profile: host.profile(tree.as_deref()),
        functional_tests: tree.as_deref().is_some_and(gather::has_functional_tests),
    };
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
