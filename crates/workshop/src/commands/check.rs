//! `workshop check TASK`: passed, not passed, or could not check.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use exercises::answers::Answer;
use exercises::verdict::{Outcome as Seen, State, Verdict};
use exercises::{Evidence, Task, judge};
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::Serialize;

use super::participant::the_task;
use crate::cli::{Outcome, Result};
use crate::gather::{self, Places};
use crate::output::Output;
use crate::participant::answers::Store;
use crate::participant::{Host, progress, write};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task0.
    task: String,

    /// The source tree, instead of the host's.
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,

    /// The program to look at, instead of the tree's own.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// The program without your change, instead of the server's own node.
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// The bpftrace script of task3, instead of ~/workshop/task3.bt.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// The file of answers, instead of ~/workshop/answers.yaml.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,

    /// Also save what was looked at, so that the verdict can be had again elsewhere.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,

    /// Judge saved evidence instead of looking. Does not count as an attempt.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["tree", "binary", "base", "script", "answers", "evidence"])]
    replay: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
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
    let task = the_task(&args.task)?;
    let verdict = match &args.replay {
        Some(path) => {
            let text = fs_err::read_to_string(path).into_diagnostic()?;
            let evidence = Evidence::from_json(&text)
                .into_diagnostic()
                .wrap_err_with(|| format!("{} cannot be judged", path.display()))?;
            let found = evidence.seen.task();
            if found != task.id {
                return Err(OtherTask {
                    found,
                    asked: task.id,
                }
                .into());
            }
            judge(&evidence)
        }
        None => check(task, args, output)?,
    };
    if output.json() {
        output.document("check", &Document { verdict: &verdict })?;
    } else {
        output.text(&render(&verdict))?;
    }
    Ok(match verdict.verdict {
        State::Passed => Outcome::Yes,
        State::NotPassed => Outcome::No,
        State::CouldNotCheck => Outcome::CouldNot,
    })
}

fn check(task: &'static Task, args: &Args, output: &Output) -> miette::Result<Verdict> {
    let host = Host::here()?;
    let mut store = Store::open(args.answers.as_deref())?;
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !output.json() {
        ask(task, &mut store, output)?;
    }
    let places = Places {
        tree: args.tree.clone(),
        binary: args.binary.clone(),
        base: args.base.clone(),
        script: args.script.clone(),
    };
    let evidence = gather::evidence(task, &host, &places, store.of(task)?)?;
    if let Some(path) = &args.evidence {
        write(
            path,
            &(serde_json::to_string_pretty(&evidence).into_diagnostic()? + "\n"),
        )?;
    }
    let verdict = judge(&evidence);
    progress::record(task.id, verdict.verdict, output)?;
    Ok(verdict)
}

/// Asks what is not answered yet; an empty line leaves it so.
fn ask(task: &Task, store: &mut Store, output: &Output) -> miette::Result<()> {
    let answered = store.of(task)?;
    for question in task
        .questions
        .iter()
        .filter(|question| question.decides && !answered.contains_key(question.id))
    {
        output.remark(format_args!(
            "{} ({}; Enter skips)",
            question.asks, question.form
        ));
        let mut line = String::new();
        if std::io::stdin()
            .lock()
            .read_line(&mut line)
            .into_diagnostic()?
            == 0
        {
            return Ok(());
        }
        if line.trim().is_empty() {
            continue;
        }
        match Answer::new([&line]) {
            Ok(answer) => store.set(task, question.id, &answer)?,
            Err(refused) => output.remark(format_args!("{refused}: {}", refused.way_out())),
        }
    }
    Ok(())
}

fn render(verdict: &Verdict) -> String {
    let mut text = String::new();
    for finding in &verdict.findings {
        let (sign, style) = match finding.result {
            Seen::Right => ("✓", AnsiColor::Green.on_default()),
            Seen::Wrong => ("✗", AnsiColor::Red.on_default()),
            Seen::Unknown => ("?", AnsiColor::Yellow.on_default()),
        };
        let _ = writeln!(
            text,
            "{style}{sign}{style:#} {}: {}",
            finding.about,
            // What another program said may have several lines.
            finding.seen.replace('\n', "\n    ")
        );
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "    {hint}");
        }
        if let Some(remark) = &finding.remark {
            let _ = writeln!(text, "    remark: {remark}");
        }
    }
    let bold = Style::new().bold();
    let says = match verdict.verdict {
        State::Passed => "passed",
        State::NotPassed => "not passed",
        State::CouldNotCheck => "could not check",
    };
    let _ = writeln!(text, "{bold}{}: {says}{bold:#}", verdict.task);
    text
}
