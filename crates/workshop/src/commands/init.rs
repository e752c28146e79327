//! `workshop init`: an inventory with every field at its default and explained.

use std::path::PathBuf;

use provisioner::inventory::edit;
use serde::Serialize;

use crate::cli::{Outcome, Result};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the workshop is called.
    #[arg(long, default_value = "Tracing Bitcoin Core", value_name = "NAME")]
    name: String,

    /// Put it in the place of an inventory that is there.
    #[arg(long)]
    force: bool,

    /// Where the inventory goes.
    #[arg(long, default_value = "inventory.yaml", value_name = "PATH")]
    inventory: PathBuf,
}

#[derive(Serialize)]
struct Written {
    inventory: String,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    edit::create(&args.inventory, &args.name, args.force)?;
    let path = args.inventory.display();
    if output.json() {
        output.document(
            "init",
            &Written {
                inventory: path.to_string(),
            },
        )?;
    } else {
        output.text(&format!("{path} written\n"))?;
        output.remark(
            "Next: look through it, add each person with `workshop add NAME --key FILE`, then `workshop plan`.",
        );
    }
    Ok(Outcome::Yes)
}
