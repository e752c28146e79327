//! `workshop status`: the room as it is.

use provisioner::room::{Condition, Seat, room};
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
    hosts: Vec<Seat>,
}

/// Exit 1 when some host is not verified.
pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let hosts = instructor::block_on(room(&args.inventory.inventory))??;
    let well = hosts
        .iter()
        .all(|seat| seat.condition == Condition::Verified);
    let outcome = if well { Outcome::Yes } else { Outcome::No };
    if output.json() {
        output.document("status", &Document { hosts })?;
        return Ok(outcome);
    }
    if hosts.is_empty() {
        output.remark("Nothing was provisioned here yet: `workshop provision`.");
        return Ok(outcome);
    }
    let mut table = Listing::new(["word", "address", "participant", "state"]);
    for seat in hosts {
        let state = match seat.condition {
            Condition::Verified => "verified".to_owned(),
            Condition::Unfinished => seat
                .failure
                .map_or("unfinished".into(), |why| format!("FAILED: {why}")),
            Condition::Stopped => seat.powered_off.map_or("stopped".into(), |note| {
                format!("powered off by its guard: {}", note.reason)
            }),
            Condition::Absent => "absent".to_owned(),
        };
        let address = seat
            .address
            .map(|address| address.to_string())
            .unwrap_or_default();
        table.row([seat.word, address, seat.identity, state]);
    }
    output.text(&table.to_string())?;
    Ok(outcome)
}
