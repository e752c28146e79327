//! `workshop tasks`: the tasks and how far one is.

use exercises::TASKS;
use serde::Serialize;

use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::participant::progress;

#[derive(clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Document {
    tasks: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    task: &'static str,
    title: &'static str,
    passed: bool,
    attempts: u32,
}

pub(crate) fn run(_: &Args, output: &Output) -> Result {
    let progress = progress::read(output)?;
    let tasks: Vec<Row> = TASKS
        .iter()
        .map(|task| Row {
            task: task.id,
            title: task.title,
            passed: progress.passed(task.id),
            attempts: progress
                .tasks
                .get(task.id)
                .map_or(0, |record| record.attempts),
        })
        .collect();
    if output.json() {
        output.document("tasks", &Document { tasks })?;
        return Ok(Outcome::Yes);
    }
    let mut text = String::new();
    for row in tasks {
        let state = match (row.passed, row.attempts) {
            (true, _) => "passed",
            (false, 0) => "",
            (false, _) => "begun",
        };
        text.push_str(format!("{}  {:<28} {state}", row.task, row.title).trim_end());
        text.push('\n');
    }
    output.text(&text)?;
    Ok(Outcome::Yes)
}
