//! `workshop destroy`: brings the work here, removes what carries this workshop's label, and shows that nothing is
//! left.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use provisioner::cloud::{Provider, WorkshopId};
use provisioner::collect::folder_of;
use provisioner::destroy::{Destroyed, destroy, doomed};
use provisioner::inventory::{Inventory, ProviderKind};
use provisioner::room::Seat;
use provisioner::state::{self, Role};
use serde::Serialize;

use super::instructor::{self, InventoryArgs, PARALLEL};
use super::{collect, lost, takeover};
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::progress::Progress;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Destroy these hosts only.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    only: Vec<String>,

    /// Do not ask, neither for the workshop's name nor whether hosts may go whose work could not be collected.
    #[arg(long, short)]
    yes: bool,

    /// Do not collect the participants' work first.
    #[arg(long)]
    no_collect: bool,

    /// Take machines out of the state that cannot be given back, because they are gone or answer no more. Nothing is put
    /// back on them.
    #[arg(long)]
    forget: bool,

    /// Where work is collected, instead of the folder `collected` beside the inventory.
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_collect")]
    into: Option<PathBuf>,

    /// Destroy everything with this label, of a workshop whose state is lost; nothing can be collected from it. Looks on
    /// this machine and in the project that the token is for. Without LABEL: lists the workshops that are there.
    #[arg(long, value_name = "LABEL", num_args = 0..=1, conflicts_with_all = ["only", "into", "no_collect"])]
    label: Option<Option<WorkshopId>>,
}

#[derive(Serialize)]
struct Document {
    collected: Vec<collect::Host>,
    gone: Vec<String>,
    /// What to know of some of them all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
    failed: Vec<Failed>,
    left: Vec<String>,
}

#[derive(Serialize)]
struct Note {
    word: String,
    note: String,
}

#[derive(Serialize)]
struct Failed {
    word: String,
    error: String,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Refused {
    #[error("destroying needs a yes, and nobody can be asked here")]
    #[diagnostic(help("Add --yes."))]
    NobodyToAsk,
    #[error("that is not {what}: nothing was destroyed")]
    NotTheName { what: &'static str },
    #[error("the work on the hosts cannot be collected, so nothing was destroyed")]
    #[diagnostic(help("mend that, or destroy it with the hosts: --no-collect"))]
    NotCollected {
        source: provisioner::collect::CollectError,
    },
}

pub(crate) fn run(args: Args, output: &Output) -> Result {
    let path = &args.inventory.inventory;
    if let Some(None) = &args.label {
        return lost::list(path, output);
    }
    if !args.yes && !std::io::stdin().is_terminal() {
        return Err(Refused::NobodyToAsk.into());
    }
    if let Some(Some(label)) = &args.label {
        return lost::destroy(label, path, args.yes, output);
    }
    let seats = instructor::block_on(doomed(path, &args.only))??;
    let Some(state) = state::read(path)? else {
        output.remark(format_args!(
            "There is no state of a workshop beside {}, so nothing is destroyed.",
            path.display()
        ));
        lost::remark_on(path, output)?;
        return tell(Destroyed::default(), vec![], true, &[], output);
    };
    // What will be asked for, before anybody waits: without an inventory a workshop is taken down with --yes.
    let name = if args.yes {
        None
    } else {
        list(&seats, output);
        Some(Inventory::load(path)?.inventory.workshop.name)
    };
    let collected = if args.no_collect {
        vec![]
    } else {
        collect_from(&seats, path, args.into.as_deref(), PARALLEL, output)?
    };
    if let Some(name) = name {
        remark_on_lost(&collected, args.no_collect, output);
        let question = format!("Type the workshop's name, {name}, to go on:");
        ask(&question, &name, "the workshop's name", output)?;
    }
    let destroyed = instructor::block_on(async {
        let (events, progress) = Progress::start(*output);
        let destroyed = destroy(path, &args.only, args.forget, Some(events)).await;
        progress.end().await;
        destroyed
    })??;
    let all = args.only.is_empty();
    tell(destroyed, collected, all, &[state.provider], output)
}

/// What became of hosts, `all` of a workshop or those that were named; of which providers' things nothing is left.
pub(super) fn tell(
    destroyed: Destroyed,
    collected: Vec<collect::Host>,
    all: bool,
    looked: &[ProviderKind],
    output: &Output,
) -> Result {
    let left: Vec<String> = destroyed.left.iter().map(ToString::to_string).collect();
    let outcome = if left.is_empty() && destroyed.failed.is_empty() {
        Outcome::Yes
    } else {
        Outcome::No
    };
    if output.json() {
        let failed = destroyed
            .failed
            .into_iter()
            .map(|(word, failure)| Failed {
                word,
                error: failure.message,
            })
            .collect();
        output.document(
            "destroy",
            &Document {
                collected,
                gone: destroyed.gone,
                notes: (destroyed.notes.into_iter())
                    .map(|(word, note)| Note { word, note })
                    .collect(),
                failed,
                left,
            },
        )?;
        return Ok(outcome);
    }
    for (word, failure) in &destroyed.failed {
        output.remark(format_args!("error: {word}: {}", failure.message));
    }
    for (word, note) in &destroyed.notes {
        output.remark(format_args!("remark: {word}: {note}"));
    }
    for thing in &left {
        output.remark(format_args!("left: {thing}"));
    }
    let looked: Vec<&str> = looked.iter().map(|kind| Provider::traces(*kind)).collect();
    match (outcome, all) {
        (Outcome::Yes, true) if looked.is_empty() => output.text("0 hosts destroyed.\n")?,
        (Outcome::Yes, true) => output.text(&format!(
            "{} hosts destroyed. Looked for {} of this workshop: none is left.\n",
            destroyed.gone.len(),
            looked.join("; ")
        ))?,
        (Outcome::Yes, false) => {
            output.text(&format!("destroyed: {}\n", destroyed.gone.join(", ")))?
        }
        (Outcome::No | Outcome::CouldNot | Outcome::Differs, _) => {
            output.remark("Run `workshop destroy` again to go on.")
        }
    }
    if !destroyed.stays.is_empty() && !destroyed.gone.is_empty() {
        output.remark(takeover::stays(destroyed.stays).trim_end());
    }
    Ok(outcome)
}

fn list(seats: &[Seat], output: &Output) {
    if seats.is_empty() {
        output.remark("No hosts; what else carries the workshop's label is removed.");
        return;
    }
    output.remark("This destroys:");
    for seat in seats {
        output.remark(format_args!("  {} ({})", seat.word, seat.identity));
    }
}

/// Brings the work here, and says what could not be had. That is no reason to keep a host.
pub(super) fn collect_from(
    seats: &[Seat],
    path: &Path,
    into: Option<&Path>,
    parallel: u16,
    output: &Output,
) -> miette::Result<Vec<collect::Host>> {
    let seats: Vec<Seat> = seats
        .iter()
        .filter(|seat| seat.role != Role::Builder)
        .cloned()
        .collect();
    if seats.is_empty() {
        return Ok(vec![]);
    }
    let into = into.map_or_else(|| folder_of(path), Path::to_owned);
    let hosts = instructor::block_on(collect::from(path, &into, seats, parallel, output))?
        .map_err(|source| Refused::NotCollected { source })?;
    for host in &hosts {
        host.remark(output);
    }
    let had = hosts.iter().filter(|host| host.error().is_none()).count();
    output.remark(format_args!(
        "The work of {had} of {} hosts is in {}",
        hosts.len(),
        into.display()
    ));
    Ok(hosts)
}

/// Says which work goes with its host.
pub(super) fn remark_on_lost(collected: &[collect::Host], no_collect: bool, output: &Output) {
    let lost: Vec<&str> = collected
        .iter()
        .filter(|host| host.error().is_some())
        .map(collect::Host::word)
        .collect();
    if no_collect {
        output.remark("All work there is lost: it is not collected.");
    } else if !lost.is_empty() {
        output.remark(format_args!(
            "The work on {} could not be collected and is lost with the host.",
            lost.join(", ")
        ));
    }
}

/// Goes on when somebody types what is wanted.
pub(super) fn ask(
    question: &str,
    wanted: &str,
    what: &'static str,
    output: &Output,
) -> miette::Result<()> {
    if instructor::types(question, wanted, output)? {
        Ok(())
    } else {
        Err(Refused::NotTheName { what }.into())
    }
}
