//! `workshop evidence TASK…`: looks for a grade. Not for people: `workshop grade` runs its own copy of this program
//! on a host, as the participant, and judges what it prints.
//!
//! Nothing is counted and nobody is asked. One JSON line for each task on standard output, and before each look a
//! line with its id on standard error. It ends when its standard input does: the instructor went away.

use miette::IntoDiagnostic as _;

use crate::cancel::Cancel;
use crate::cli::{Outcome, Result};
use crate::gather::{self, Places};
use crate::grade::line::{BEGINS, Line};
use crate::output::Output;
use crate::participant::Host;
use crate::participant::answers::Store;
use crate::progress::Doing;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The seed of the unit test of task3: 64 hexadecimal digits.
    #[arg(long)]
    seed: Option<String>,

    #[arg(required = true)]
    tasks: Vec<String>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let cancel = Cancel::on_signals_of_a_parent().into_diagnostic()?;
    cancel.on_end_of(std::io::stdin());
    let output = output.lines();
    for task in &args.tasks {
        if cancel.is_set() {
            break;
        }
        output.remark(format_args!("{BEGINS}{task}"));
        let line = match look(task, args, &cancel, &output) {
            Ok(evidence) => Line::Evidence(Box::new(evidence)),
            Err(report) => Line::Nothing {
                task: task.clone(),
                why: report
                    .chain()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(": "),
            },
        };
        output.text(&output.encode(&line).into_diagnostic()?)?;
    }
    Ok(Outcome::Yes)
}

fn look(
    task: &str,
    args: &Args,
    cancel: &Cancel,
    output: &Output,
) -> miette::Result<exercises::Evidence> {
    let task = super::participant::the_task(task)?;
    let answers = Store::open(None)?.of(task)?;
    let places = Places {
        seed: args.seed.clone(),
        ..Places::default()
    };
    let doing = Doing::start(format!("checks {}", task.id), *output);
    Ok(gather::evidence(
        task,
        &Host::here()?,
        &places,
        answers,
        cancel,
        &doing,
    )?)
}
