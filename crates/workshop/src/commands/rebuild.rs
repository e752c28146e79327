//! `workshop rebuild WORD`: a fresh host in the place of one, with its word, its participant's key and its host key.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use provisioner::ProvisionError;
use provisioner::destroy::{doomed, reset};
use provisioner::inventory::Inventory;
use provisioner::plan::{Action, plan};
use provisioner::room::Seat;
use provisioner::state::{self, Role};

use super::instructor::{self, InventoryArgs, PARALLEL};
use super::{collect, destroy as teardown, provision};
use crate::cli::Result;
use crate::output::Output;
use crate::progress::Progress;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// The host.
    word: String,

    /// Do not ask, neither for the word nor whether the host may go though its work could not be collected.
    #[arg(long, short)]
    yes: bool,

    /// Do not collect the participant's work first.
    #[arg(long)]
    no_collect: bool,

    /// Where work is collected, instead of the folder `collected` beside the inventory.
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_collect")]
    into: Option<PathBuf>,

    /// Also when the deadline is over; the host then stays on until it is destroyed.
    #[arg(long)]
    after_deadline: bool,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Refused {
    #[error("rebuilding needs a yes, and nobody can be asked here")]
    #[diagnostic(help("Add --yes."))]
    NobodyToAsk,
    #[error("the inventory asks for no host called `{word}`, so none could be made in its place")]
    #[diagnostic(help(
        "`workshop plan` lists those that it asks for; `workshop destroy --only WORD` removes one for good."
    ))]
    NotWanted { word: String },
}

/// Exit 1 when the new host is not verified; run it again to go on.
pub(crate) fn run(args: Args, output: &Output) -> Result {
    if !args.yes && !std::io::stdin().is_terminal() {
        return Err(Refused::NobodyToAsk.into());
    }
    let path = &args.inventory.inventory;
    let inventory = args.inventory.load(output)?;
    wanted(&inventory, &args)?;
    if !args.after_deadline {
        ProvisionError::unless_over(&inventory, jiff::Timestamp::now())?;
    }
    let life = state::lives(path)?.remove(&args.word).unwrap_or_default();
    // Before anything is taken away: without it no host could be made in its place.
    instructor::block_on(async {
        let (events, progress) = Progress::start(*output);
        let fetched = provisioner::fetch_source(&inventory.bitcoin, Some(events)).await;
        progress.end().await;
        fetched
    })??;
    let seats = instructor::block_on(doomed(path, &[]))??;
    let seat = seats.into_iter().find(|seat| seat.word == args.word);
    match seat {
        // Destroyed by a run that was killed, or by somebody.
        None => {}
        Some(_) if life.is_being_made() => {
            output.remark(format_args!(
                "{} was begun anew and never finished: going on with it.",
                args.word
            ));
        }
        Some(seat) => take_down(seat, &inventory, &args, output)?,
    }
    let options = provisioner::Options {
        only: vec![args.word.clone()],
        after_deadline: args.after_deadline,
        ..provisioner::Options::default()
    };
    let reports =
        instructor::block_on(provision::work(&args.inventory, inventory, options, output))??;
    provision::tell("rebuild", reports, &args.inventory, output)
}

/// Before anything is taken away: whether it can be given back.
fn wanted(inventory: &Inventory, args: &Args) -> miette::Result<()> {
    let state = state::read(&args.inventory.inventory)?.unwrap_or_default();
    let known = state.hosts.get(&args.word);
    // What exists decides nothing here: whose a word is, the state says.
    let planned = plan(inventory, &state, &[])?;
    let planned = planned
        .iter()
        .any(|host| host.name == args.word && host.action != Action::Keep);
    match known {
        Some(host) if host.role != Role::Builder && planned => Ok(()),
        _ => Err(Refused::NotWanted {
            word: args.word.clone(),
        }
        .into()),
    }
}

fn take_down(
    seat: Seat,
    inventory: &Inventory,
    args: &Args,
    output: &Output,
) -> miette::Result<()> {
    let path = &args.inventory.inventory;
    if !args.yes {
        output.remark(format_args!(
            "This destroys {} ({}) and makes it anew.",
            seat.word, seat.identity
        ));
    }
    let collected: Vec<collect::Host> = if args.no_collect {
        vec![]
    } else {
        teardown::collect_from(&[seat], path, args.into.as_deref(), PARALLEL, output)?
    };
    if !args.yes {
        teardown::remark_on_lost(&collected, args.no_collect, output);
        let question = format!("Type its word, {}, to go on:", args.word);
        teardown::ask(&question, &args.word, "the host's word", output)?;
    }
    let failed = instructor::block_on(async {
        let (events, progress) = Progress::start(*output);
        let failed = reset(path, &args.word, inventory, Some(events)).await;
        progress.end().await;
        failed
    })??;
    match failed {
        None => Ok(()),
        Some(failure) => Err(miette::miette!(
            help = "run `workshop rebuild` again to go on",
            "{} could not be removed: {}",
            args.word,
            failure.message
        )),
    }
}
