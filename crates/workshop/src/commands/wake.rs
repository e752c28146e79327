//! `workshop wake`: starts hosts again that are off, and says why they were.

use provisioner::guard::AFTER_DEADLINE;
use provisioner::wake::{Which, Woken, wake};
use serde::Serialize;

use super::instructor::{self, InventoryArgs};
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::progress::Progress;

#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["words", "all"])))]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// The hosts; one that runs is left alone.
    #[arg(value_name = "WORD")]
    words: Vec<String>,

    /// Every host that is off.
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Document {
    hosts: Vec<Woken>,
}

/// Exit 1 when some host does not answer.
pub(crate) fn run(args: Args, output: &Output) -> Result {
    let inventory = args.inventory.load(output)?;
    let which = if args.all {
        Which::AllStopped
    } else {
        Which::Named(args.words)
    };
    let hosts = instructor::block_on(async {
        let (events, progress) = Progress::start(*output);
        let woken = wake(&args.inventory.inventory, &inventory, which, Some(events)).await;
        progress.end().await;
        woken
    })??;
    let outcome = if hosts.iter().all(Woken::up) {
        Outcome::Yes
    } else {
        Outcome::No
    };
    if output.json() {
        output.document("wake", &Document { hosts })?;
        return Ok(outcome);
    }
    if hosts.is_empty() {
        output.remark("No host is off.");
        return Ok(outcome);
    }
    let mut text = String::new();
    for host in &hosts {
        text.push_str(&line(host));
        text.push('\n');
    }
    output.text(&text)?;
    for host in &hosts {
        if let Some(hint) = &host.hint {
            output.remark(format_args!("hint: {}: {hint}", host.word));
        }
    }
    Ok(outcome)
}

fn line(host: &Woken) -> String {
    let word = &host.word;
    if let Some(error) = &host.error {
        return format!("{word}: FAILED: {error}");
    }
    let state = if host.ran { "runs" } else { "runs again" };
    let before = match &host.powered_off {
        Some(note) if note.reason == AFTER_DEADLINE => {
            format!("; it powered itself off at {}: {AFTER_DEADLINE}", note.at)
        }
        Some(note) => format!("; its guard powered it off at {}: {}", note.at, note.reason),
        None if host.ran => String::new(),
        None => "; it was not its guard that powered it off".to_owned(),
    };
    format!("{word}: {state}{before}")
}
