//! `workshop tasks`: the tasks and how far one is.

use exercises::TASKS;
use exercises::progress::{Record, Stage};
use jiff::Timestamp;
use serde::Serialize;

use super::participant::clock;
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::participant::{self, progress};

#[derive(clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Document<'a> {
    tasks: Vec<Row>,
    /// The one that is meant where no task is named; none when all have passed.
    current: Option<&'a str>,
}

#[derive(Serialize)]
struct Row {
    task: &'static str,
    title: &'static str,
    stage: Stage,
    passed: bool,
    attempts: u32,
    hints: usize,
    started: Option<Timestamp>,
    first_passed: Option<Timestamp>,
}

pub(crate) fn run(_: &Args, output: &Output) -> Result {
    participant::remark_on_sudo(output);
    let progress = progress::read(output)?;
    let current = progress.at(TASKS.iter().map(|task| task.id));
    if output.json() {
        let row = |record: Record, task: &'static str, title| Row {
            task,
            title,
            stage: record.stage(),
            passed: record.stage() == Stage::Passed,
            attempts: record.attempts,
            hints: record.hints,
            started: record.started,
            first_passed: record.first_passed,
        };
        let tasks = TASKS
            .iter()
            .map(|task| row(progress.of(task.id), task.id, task.title))
            .collect();
        output.document("tasks", &Document { tasks, current })?;
        return Ok(Outcome::Yes);
    }
    let mut text = String::new();
    for task in TASKS {
        let here = if current == Some(task.id) {
            "  <- you are here"
        } else {
            ""
        };
        let stage = stage(&progress.of(task.id));
        text.push_str(&format!("{}  {:<28} {stage}{here}\n", task.id, task.title));
    }
    output.text(&text)?;
    Ok(Outcome::Yes)
}

fn stage(record: &Record) -> String {
    match (record.stage(), record.first_passed) {
        (Stage::Passed, Some(at)) => format!("passed {}", clock(at)),
        (Stage::Attempted | Stage::Passed, _) => match record.attempts {
            0 => "could not be checked yet".to_owned(),
            1 => "1 attempt".to_owned(),
            n => format!("{n} attempts"),
        },
        (Stage::Started, _) => "started".to_owned(),
        (Stage::NotStarted, _) => "not started".to_owned(),
    }
}
