//! `workshop man FOLDER`: one page per verb, as `man workshop-provision` expects them.

use std::path::PathBuf;

use clap::CommandFactory as _;
use miette::IntoDiagnostic as _;

use crate::cli::{Cli, Outcome, Result};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the pages go, such as ~/.local/share/man/man1; made when missing.
    folder: PathBuf,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    fs_err::create_dir_all(&args.folder).into_diagnostic()?;
    clap_mangen::generate_to(Cli::command(), &args.folder).into_diagnostic()?;
    output.remark(format_args!(
        "manual pages written to {}",
        args.folder.display()
    ));
    Ok(Outcome::Yes)
}
