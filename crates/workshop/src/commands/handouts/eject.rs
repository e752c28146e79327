//! `workshop handouts eject DIR`: the templates, to be edited.

use std::path::PathBuf;

use handouts::Templates;
use serde::Serialize;

use crate::cli::{Outcome, Result};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the templates go; made when missing. Nothing is written over.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct Document {
    written: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let written = Templates::eject(&args.folder)?;
    if output.json() {
        output.document("handouts", &Document { written })?;
        return Ok(Outcome::Yes);
    }
    let lines: String = written
        .iter()
        .map(|path| format!("{}\n", path.display()))
        .collect();
    output.text(&lines)?;
    output.remark(format_args!(
        "Edit them, then: workshop handouts --templates {}",
        args.folder.display()
    ));
    Ok(Outcome::Yes)
}
