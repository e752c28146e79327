//! `workshop show TASK`: the text of a task.

use exercises::prose::{self, Context};
use miette::IntoDiagnostic as _;
use serde::Serialize;

use super::participant::the_task;
use crate::cli::{Outcome, Result};
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
    questions: Vec<Asked>,
}

#[derive(Serialize)]
struct Asked {
    id: &'static str,
    asks: &'static str,
    form: &'static str,
    decides: bool,
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
    };
    let text = prose::render(task, &context).into_diagnostic()?;
    if output.json() {
        let questions = task.questions.iter();
        let questions = questions
            .map(|one| Asked {
                id: one.id,
                asks: one.asks,
                form: one.form,
                decides: one.decides,
            })
            .collect();
        output.document(
            "show",
            &Document {
                task: task.id,
                title: task.title,
                text,
                questions,
            },
        )?;
    } else {
        output.text(&text)?;
    }
    Ok(Outcome::Yes)
}
