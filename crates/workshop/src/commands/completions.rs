//! `workshop completions SHELL`.

use clap::CommandFactory as _;

use crate::cli::{Cli, Outcome, Result};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell to complete for.
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "workshop", &mut script);
    output.text(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Yes)
}
