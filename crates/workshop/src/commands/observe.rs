//! `workshop observe NAME`: the side of a check that is root. Not for people: a check starts it through sudo,
//! with a request on its standard input.

use miette::IntoDiagnostic as _;

use crate::cli::{Outcome, Result};
use crate::gather::task3;
use crate::live::cancel::Cancel;
use crate::live::functional::FunctionalTests;
use crate::live::interface::InterfaceTest;
use crate::live::root::{self, Observation as _};
use crate::live::starts::Starts;
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to look at.
    name: String,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let cancel = Cancel::on_signals().into_diagnostic()?;
    let answer = match args.name.as_str() {
        FunctionalTests::NAME => root::answer::<FunctionalTests>(&cancel),
        InterfaceTest::NAME => root::answer::<InterfaceTest>(&cancel),
        task3::Trace::NAME => root::answer::<task3::Trace>(&cancel),
        Starts::NAME => root::answer::<Starts>(&cancel),
        other => {
            return Err(miette::miette!(
                help = "this verb is for `workshop check` alone",
                "there is nothing called `{other}` to observe"
            ));
        }
    };
    // Why nothing could be seen is an answer too.
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => serde_json::to_string(&Err::<(), _>(why)).into_diagnostic()?,
    };
    output.text(&answer)?;
    Ok(Outcome::Yes)
}
