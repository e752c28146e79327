//! `workshop cache`: the binary cache that several instructors share.

mod export;

use crate::cli::Result;
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Write what was built for an inventory into a folder that any web server can give out.
    Export(export::Args),
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    match &args.what {
        What::Export(args) => export::run(args, output),
    }
}
