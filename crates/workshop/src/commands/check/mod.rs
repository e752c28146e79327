//! `workshop check [TASK]`: passed, not passed, or could not check.

mod ask;
pub(super) mod verdict;

use std::path::{Path, PathBuf};

use exercises::verdict::{State, Verdict};
use exercises::{Evidence, TASKS, Task, judge};
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::Serialize;

use super::participant::{Look, task_or_current, the_task};
use crate::cancel::Cancel;
use crate::cli::{Outcome, Result};
use crate::gather;
use crate::output::Output;
use crate::participant::answers::Store;
use crate::participant::{Host, progress, write};
use crate::progress::Doing;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task0; without one, the task you are at: of those that have not passed the one that you
    /// did something for last, else the first.
    task: Option<String>,

    #[command(flatten)]
    look: Look,

    /// Also save what was looked at, so that the verdict can be had again elsewhere.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,

    /// Judge saved evidence instead of looking. Does not count as an attempt.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tree", "binary", "base", "script", "answers", "rpc", "evidence"])]
    replay: Option<PathBuf>,
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    #[serde(flatten)]
    pub(super) verdict: &'a Verdict,
}

/// Evidence of another task than the one named.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("this is evidence of {found}, not of {asked}")]
struct OtherTask {
    found: &'static str,
    asked: &'static str,
}

/// Exit 0 passed, 1 not passed, 2 could not check.
pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let verdict = match &args.replay {
        Some(path) => replay(args.task.as_deref(), path)?,
        None => check(args, output)?,
    };
    if output.json() {
        output.document("check", &Document { verdict: &verdict })?;
    } else {
        output.text(&verdict::render(&verdict))?;
        if args.replay.is_none() {
            tell_what_is_next(&verdict, output);
        }
    }
    Ok(outcome(verdict.verdict))
}

/// After a task has passed: the one that one is at now. What cannot be read has been told.
pub(super) fn tell_what_is_next(verdict: &Verdict, output: &Output) {
    if verdict.verdict != State::Passed {
        return;
    }
    let next = progress::read(output)
        .ok()
        .and_then(|progress| Some(progress.at(TASKS.iter().map(|task| task.id))?.to_owned()));
    match next {
        Some(next) => output.remark(format_args!("next: workshop show {next}")),
        None => output.remark("that was the last task"),
    }
}

pub(super) fn outcome(state: State) -> Outcome {
    match state {
        State::Passed => Outcome::Yes,
        State::NotPassed => Outcome::No,
        State::CouldNotCheck => Outcome::CouldNot,
    }
}

fn replay(task: Option<&str>, path: &Path) -> miette::Result<Verdict> {
    let text = fs_err::read_to_string(path).into_diagnostic()?;
    let evidence = Evidence::from_json(&text)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} cannot be judged", path.display()))?;
    let found = evidence.seen.task();
    // The file says which task it is of.
    if let Some(task) = task {
        let asked = the_task(task)?.id;
        if found != asked {
            return Err(OtherTask { found, asked }.into());
        }
    }
    Ok(judge(&evidence))
}

fn check(args: &Args, output: &Output) -> miette::Result<Verdict> {
    let task = task_or_current(args.task.as_deref(), output)?;
    let mut store = Store::open(args.look.answers.as_deref())?;
    if ask::can(output) {
        // Before Ctrl-C is ours: it ends a question at once.
        ask::what_is_missing(task, &mut store, output)?;
    }
    let cancel = Cancel::on_signals().into_diagnostic()?;
    let evidence = look(task, &args.look, &store, &cancel, output)?;
    if let Some(path) = &args.evidence {
        write(
            path,
            &(serde_json::to_string_pretty(&evidence).into_diagnostic()? + "\n"),
        )?;
    }
    let verdict = judge(&evidence);
    count(&verdict, output);
    Ok(verdict)
}

/// Looks at the system, and shows while it does.
pub(super) fn look(
    task: &'static Task,
    look: &Look,
    store: &Store,
    cancel: &Cancel,
    output: &Output,
) -> miette::Result<Evidence> {
    let host = Host::here()?;
    let answers = store.of(task)?;
    let doing = Doing::start(format!("checks {}", task.id), *output);
    Ok(gather::evidence(
        task,
        &host,
        &look.places(),
        answers,
        cancel,
        &doing,
    )?)
}

/// Adds a check to the progress.
pub(super) fn count(verdict: &Verdict, output: &Output) {
    progress::note(output, |progress| {
        progress.record(&verdict.task, verdict.verdict, jiff::Timestamp::now());
        progress.explain(&verdict.task, verdict.reason());
    });
}
