//! `workshop destroy`: removes what carries this workshop's label, and shows that nothing is left.

use std::io::{BufRead as _, IsTerminal as _};

use miette::IntoDiagnostic as _;
use provisioner::destroy::destroy;
use provisioner::inventory::Inventory;
use provisioner::room::{Condition, room};
use serde::Serialize;

use super::instructor::{self, InventoryArgs};
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::progress::Progress;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Destroy these hosts only.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    only: Vec<String>,

    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
struct Document {
    gone: Vec<String>,
    failed: Vec<Failed>,
    left: Vec<String>,
}

#[derive(Serialize)]
struct Failed {
    word: String,
    error: String,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Refused {
    #[error("destroying needs a yes, and nobody can be asked here")]
    #[diagnostic(help("Add --yes."))]
    NobodyToAsk,
    #[error("that is not the workshop's name: nothing was destroyed")]
    NotTheName,
}

pub(crate) fn run(args: Args, output: &Output) -> Result {
    if !args.yes {
        confirm(&args, output)?;
    }
    let destroyed = instructor::block_on(async {
        let (events, progress) = Progress::start(*output);
        let destroyed = destroy(&args.inventory.inventory, &args.only, Some(events)).await;
        progress.end().await;
        destroyed
    })??;
    let left: Vec<String> = destroyed.left.iter().map(ToString::to_string).collect();
    let outcome = if left.is_empty() && destroyed.failed.is_empty() {
        Outcome::Yes
    } else {
        Outcome::No
    };
    if output.json() {
        let failed = destroyed
            .failed
            .into_iter()
            .map(|(word, failure)| Failed {
                word,
                error: failure.message,
            })
            .collect();
        output.document(
            "destroy",
            &Document {
                gone: destroyed.gone,
                failed,
                left,
            },
        )?;
        return Ok(outcome);
    }
    for (word, failure) in &destroyed.failed {
        output.remark(format_args!("error: {word}: {}", failure.message));
    }
    for thing in &left {
        output.remark(format_args!("left: {thing}"));
    }
    match (outcome, args.only.is_empty()) {
        (Outcome::Yes, true) => output.text(&format!(
            "{} hosts destroyed. Looked for hosts, processes, mounts, links, cgroups and folders of this workshop: none is left.\n",
            destroyed.gone.len()
        ))?,
        (Outcome::Yes, false) => output.text(&format!("destroyed: {}\n", destroyed.gone.join(", ")))?,
        (Outcome::No | Outcome::CouldNot, _) => output.remark("Run `workshop destroy` again to go on."),
    }
    Ok(outcome)
}

/// Shows what will go and asks for the workshop's name.
fn confirm(args: &Args, output: &Output) -> miette::Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(Refused::NobodyToAsk.into());
    }
    let seats = instructor::block_on(room(&args.inventory.inventory))??;
    let doomed = seats.iter().filter(|seat| {
        seat.condition != Condition::Absent
            && (args.only.is_empty() || args.only.contains(&seat.word))
    });
    output.remark("This destroys, with all work on them:");
    for seat in doomed {
        output.remark(format_args!("  {} ({})", seat.word, seat.identity));
    }
    // A workshop whose inventory is lost or spoilt can still be taken down, with --yes.
    let name = Inventory::load(&args.inventory.inventory)?
        .inventory
        .workshop
        .name;
    output.remark(format_args!("Type the workshop's name, {name}, to go on:"));
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .into_diagnostic()?;
    if line.trim() == name {
        Ok(())
    } else {
        Err(Refused::NotTheName.into())
    }
}
