//! `workshop plan`: what `provision` would do. Changes and writes nothing.

use provisioner::plan::{Action, PlannedHost, plan};
use provisioner::{cloud::Provider, state};
use serde::Serialize;

use super::instructor::{self, InventoryArgs, Listing};
use crate::cli::{Outcome, Result};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
}

#[derive(Serialize)]
struct Document {
    hosts: Vec<PlannedHost>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let inventory = args.inventory.load(output)?;
    let state = state::read(&args.inventory.inventory)?.unwrap_or_default();
    // Before the first run there is no label, so nothing can carry it.
    let there = match state.id.parse() {
        Ok(id) => {
            let provider = Provider::open(state.provider, id, Some(&inventory))?;
            instructor::block_on(provider.list())??
        }
        Err(_) => vec![],
    };
    let hosts = plan(&inventory, &state, &there)?;
    if output.json() {
        output.document("plan", &Document { hosts })?;
        return Ok(Outcome::Yes);
    }
    let mut table = Listing::new(["word", "participant", "what would be done"]);
    for host in &hosts {
        let action = match host.action {
            Action::Create => "create",
            Action::Start => "start",
            Action::Finish => "finish: the last run did not",
            Action::Check => "look at every step, change what differs",
            Action::Keep => {
                "nothing: no longer in the inventory (`workshop destroy --only` removes it)"
            }
        };
        table.row([host.name.clone(), host.identity.clone(), action.to_owned()]);
    }
    output.text(&table.to_string())?;
    Ok(Outcome::Yes)
}
