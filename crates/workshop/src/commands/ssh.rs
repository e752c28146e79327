//! `workshop ssh WORD`: the instructor's own way in, by OpenSSH with the pinned host key.

use std::os::unix::process::CommandExt as _;

use miette::{IntoDiagnostic as _, WrapErr as _};

use super::instructor::InventoryArgs;
use crate::cli::Result;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// The host.
    word: String,

    /// A command to run there instead of a shell.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result {
    let inventory = &args.inventory.inventory;
    let state = provisioner::state::read(inventory)?.unwrap_or_default();
    if state
        .hosts
        .get(&args.word)
        .is_none_or(|host| host.address.is_none())
    {
        return Err(provisioner::ProvisionError::NoSuchHost {
            word: args.word.clone(),
        }
        .into());
    }
    let key = provisioner::state::folder_of(inventory).join("id_ed25519");
    let error = std::process::Command::new("ssh")
        .arg("-F")
        .arg(args.inventory.ssh_config())
        .arg("-i")
        .arg(key)
        .args(["-l", "root", &args.word])
        .args(&args.command)
        // ssh takes this process's place: its terminal, its signals and its exit status.
        .exec();
    Err(error)
        .into_diagnostic()
        .wrap_err("cannot run ssh (package openssh-client)")
}
