//! `workshop answer TASK QUESTION [ANSWER…]`: keeps an answer for the next check.

use std::io::Read as _;
use std::path::PathBuf;

use exercises::answers::{Answer, LIMIT, Refused};
use miette::IntoDiagnostic as _;
use serde::Serialize;

use super::participant::{task_or_current, the_question};
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::participant::answers::Store;
use crate::participant::lock::Lock;
use crate::participant::{progress, shown};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task1.
    task: String,

    /// The question, such as tracepoints.
    question: String,

    /// The answer; `-` reads it from standard input. Without one, the question is printed. All that
    /// follows belongs to it, `-n` of `readelf -n` too: options stand before the task.
    #[arg(allow_hyphen_values = true)]
    answer: Vec<String>,

    /// The file of answers, instead of ~/workshop/answers.yaml.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document<'a> {
    task: &'a str,
    question: &'a str,
    asks: &'a str,
    answer: Option<Answer>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let task = task_or_current(Some(&args.task), output)?;
    let question = the_question(task, &args.question)?;
    let mut store = Store::open(args.answers.as_deref())?;
    let given = match args.answer.as_slice() {
        [] => None,
        [dash] if dash == "-" => Some(from_stdin()?),
        words => Some(Answer::new(words)),
    };
    let refused = |refused: Refused| miette::miette!(help = refused.way_out(), "{refused}");
    let (answer, text) = match given {
        Some(answer) => {
            let answer = answer.map_err(refused)?;
            store.set(task, question.id, &answer, &Lock::take()?)?;
            progress::note(output, |progress| {
                progress.touch(task.id, jiff::Timestamp::now());
            });
            let text = format!(
                "kept in {}: {} = {}\n",
                shown(store.path()),
                question.id,
                answer.short(60)
            );
            (Some(answer), text)
        }
        None => {
            let answer = store.of(task)?.remove(question.id);
            let now = answer.as_ref().map_or_else(
                || "not answered yet".to_owned(),
                |answer| format!("your answer: {}", answer.text()),
            );
            let text = format!(
                "{}\n{now}\nworkshop answer {} {} {}\n",
                question.asks, task.id, question.id, question.form
            );
            (answer, text)
        }
    };
    if output.json() {
        output.document(
            "answer",
            &Document {
                task: task.id,
                question: question.id,
                asks: question.asks,
                answer,
            },
        )?;
    } else {
        output.text(&text)?;
    }
    Ok(Outcome::Yes)
}

fn from_stdin() -> miette::Result<std::result::Result<Answer, Refused>> {
    let mut bytes = Vec::new();
    // One byte more than the limit tells that it is too long.
    std::io::stdin()
        .lock()
        .take(LIMIT as u64 + 1)
        .read_to_end(&mut bytes)
        .into_diagnostic()?;
    Ok(Answer::from_bytes(&bytes))
}
