//! `workshop doctor`: looks at every host as a participant will use it, and changes nothing.

use std::fmt::Write as _;

use provisioner::doctor::{Examined, doctor};
use serde::Serialize;

use super::instructor::{self, InventoryArgs};
use crate::cli::{Outcome, Result};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Look at these hosts only.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    only: Vec<String>,
}

#[derive(Serialize)]
struct Document {
    hosts: Vec<Examined>,
}

/// Exit 1 when something is not as it should be.
pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let hosts = instructor::block_on(doctor(&args.inventory.inventory, &args.only))??;
    let outcome = if hosts.iter().all(Examined::healthy) {
        Outcome::Yes
    } else {
        Outcome::No
    };
    if output.json() {
        output.document("doctor", &Document { hosts })?;
        return Ok(outcome);
    }
    let mut text = String::new();
    for host in &hosts {
        let _ = writeln!(text, "{} ({})", host.seat.word, host.seat.identity);
        if let Some(why) = &host.failed {
            let _ = writeln!(text, "  ✗ {why}");
        }
        for fact in &host.facts {
            let _ = writeln!(
                text,
                "  {} {}",
                if fact.holds { '✓' } else { '✗' },
                fact.says
            );
            for line in fact
                .seen
                .iter()
                .flat_map(|seen| seen.lines())
                .filter(|line| !line.trim().is_empty())
            {
                let _ = writeln!(text, "      {line}");
            }
        }
    }
    if hosts.is_empty() {
        output.remark("No hosts to look at: `workshop provision` makes them.");
    }
    output.text(&text)?;
    Ok(outcome)
}
