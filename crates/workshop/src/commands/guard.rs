//! `workshop guard`: the guard of a host. Not for people: a unit of the host runs it.

use std::path::PathBuf;

use crate::cli::Result;
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What it goes by.
    #[arg(long, value_name = "FILE", default_value = provisioner::guard::CONFIG)]
    config: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    match crate::guard::run(&args.config, output)? {}
}
