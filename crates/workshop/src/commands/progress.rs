//! `workshop progress`: what was checked, how often, and when it passed.

use exercises::TASKS;
use exercises::progress::Record;
use exercises::verdict::State;
use serde::Serialize;

use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::participant::progress;

#[derive(clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Document {
    passed: usize,
    of: usize,
    tasks: std::collections::BTreeMap<String, Record>,
}

pub(crate) fn run(_: &Args, output: &Output) -> Result {
    let progress = progress::read(output)?;
    let passed = TASKS.iter().filter(|task| progress.passed(task.id)).count();
    if output.json() {
        output.document(
            "progress",
            &Document {
                passed,
                of: TASKS.len(),
                tasks: progress.tasks,
            },
        )?;
        return Ok(Outcome::Yes);
    }
    let mut text = format!("{passed} of {} tasks passed\n", TASKS.len());
    for task in TASKS {
        let Some(record) = progress.tasks.get(task.id) else {
            text.push_str(&format!("{}  not checked yet\n", task.id));
            continue;
        };
        let first = match record.first_passed {
            Some(at) => format!("passed {}", clock(at)),
            None => "not passed".to_owned(),
        };
        let last = match record.last.verdict {
            State::Passed => "passed",
            State::NotPassed => "not passed",
            State::CouldNotCheck => "could not check",
        };
        let times = if record.attempts == 1 {
            "attempt"
        } else {
            "attempts"
        };
        text.push_str(&format!(
            "{}  {first}; {} {times}, the last at {}: {last}\n",
            task.id,
            record.attempts,
            clock(record.last.at)
        ));
    }
    output.text(&text)?;
    Ok(Outcome::Yes)
}

fn clock(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
