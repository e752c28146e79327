//! `workshop progress`: what was checked, how often, and when it passed.

use std::collections::BTreeMap;

use exercises::TASKS;
use exercises::progress::{Record, Stage};
use serde::Serialize;

use super::check::verdict::says;
use super::participant::clock;
use crate::cli::{Outcome, Result};
use crate::output::{Output, wrapped};
use crate::participant::{self, progress};

#[derive(clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Document {
    passed: usize,
    of: usize,
    tasks: BTreeMap<String, Record>,
}

pub(crate) fn run(_: &Args, output: &Output) -> Result {
    participant::remark_on_sudo(output);
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
        let line = format!("{}  {}", task.id, describe(&progress.of(task.id)));
        text.push_str(&wrapped(&line, "", "       ", None));
        text.push('\n');
    }
    output.text(&text)?;
    Ok(Outcome::Yes)
}

fn describe(record: &Record) -> String {
    let first = match (record.first_passed, record.stage()) {
        (Some(at), _) => format!("passed {}", clock(at)),
        (None, Stage::NotStarted) => return "not started".to_owned(),
        (None, Stage::Started) => "not checked yet".to_owned(),
        (None, Stage::Attempted | Stage::Passed) => "not passed".to_owned(),
    };
    let mut parts = vec![first];
    if let Some(last) = record.last {
        parts.push(format!(
            "{}, the last at {}: {}",
            counted(record.attempts as usize, "attempt"),
            clock(last.at),
            says(last.verdict)
        ));
    }
    if record.hints > 0 {
        parts.push(counted(record.hints, "hint"));
    }
    parts.join("; ")
}

fn counted(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
