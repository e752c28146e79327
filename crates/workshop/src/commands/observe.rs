//! `workshop observe NAME`, hidden: the part of a check that needs root. Only `workshop check` calls it, through
//! `sudo -n`, with a request on standard input.

use std::io;

use miette::IntoDiagnostic as _;

use crate::cli::{Outcome, Result};
use crate::gather;
use crate::live::cancel::Cancel;
use crate::live::root::{self, Observation as _};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to observe.
    name: String,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let cancel = Cancel::on_signals().into_diagnostic()?;
    let answer = match args.name.as_str() {
        gather::task3::Trace::NAME => root::answer::<gather::task3::Trace>(&cancel),
        other => {
            return Err(miette::miette!(
                "there is nothing called {other} to observe"
            ));
        }
    };
    let answer = answer.or_else(|could_not| {
        // The caller reads the same shape whatever went wrong.
        serde_json::to_string(&std::result::Result::<(), _>::Err(could_not))
            .map_err(io::Error::from)
            .into_diagnostic()
    })?;
    output.text(&answer)?;
    Ok(Outcome::Yes)
}
