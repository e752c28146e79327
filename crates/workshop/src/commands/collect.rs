//! `workshop collect`: the participants' work on this machine.

use std::path::{Path, PathBuf};

use provisioner::collect::{CollectError, Work, collect, folder_of};
use provisioner::room::{Condition, Seat, room, selected};
use provisioner::visit::{Visited, Visits};
use serde::Serialize;

use super::instructor::{self, InventoryArgs, Listing, PARALLEL};
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::progress::Progress;
use crate::room::PATIENCE;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Collect from these hosts only.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    only: Vec<String>,

    /// Hosts at once.
    #[arg(long, value_name = "N", default_value_t = PARALLEL, value_parser = clap::value_parser!(u16).range(1..))]
    parallel: u16,

    /// Where to, instead of the folder `collected` beside the inventory.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

/// What came of one host, as JSON.
#[derive(Serialize)]
pub(super) struct Host {
    word: String,
    participant: String,
    #[serde(flatten)]
    work: Option<Work>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Host {
    pub(super) fn of(visited: Visited<Work>) -> Self {
        let (work, error) = match visited.result {
            Ok(work) => (Some(work), None),
            Err(failure) => (None, Some(failure.message)),
        };
        Self {
            word: visited.seat.word,
            participant: visited.seat.identity,
            work,
            error,
        }
    }

    /// Why there is nothing of this host.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// Says what stayed on the host, and what was moved.
    pub(super) fn remark(&self, output: &Output) {
        let word = &self.word;
        if let Some(why) = &self.error {
            let begins = why.starts_with(&format!("{word}:"));
            let prefix = if begins {
                String::new()
            } else {
                format!("{word}: ")
            };
            output.remark(format_args!("error: {prefix}{why}"));
        }
        let Some(work) = &self.work else { return };
        if let Some(earlier) = &work.earlier {
            output.remark(format_args!(
                "remark: {word} is another host than before; what was collected from the earlier one is in {}",
                earlier.display()
            ));
        }
        /// More can be read in the folder.
        const SHOWN: usize = 10;
        for left in work.left_out.iter().take(SHOWN) {
            output.remark(format_args!(
                "not collected: {word}: {}: {}",
                left.path, left.why
            ));
        }
        if let Some(more) = work
            .left_out
            .len()
            .checked_sub(SHOWN)
            .filter(|more| *more > 0)
        {
            output.remark(format_args!(
                "not collected: {word}: {more} more, see {}",
                work.folder.join("collected.json").display()
            ));
        }
    }
}

#[derive(Serialize)]
struct Document {
    folder: PathBuf,
    hosts: Vec<Host>,
}

/// Exit 1 when some host could not be collected from.
pub(crate) fn run(args: Args, output: &Output) -> Result {
    let path = &args.inventory.inventory;
    let into = args.into.unwrap_or_else(|| folder_of(path));
    let hosts = instructor::block_on(async {
        let mut seats = selected(room(path).await?, &args.only)?;
        if args.only.is_empty() {
            // Who was not given a host yet has no work there.
            seats.retain(|seat| seat.condition != Condition::Absent);
        }
        let hosts = from(path, &into, seats, args.parallel, output).await?;
        Ok::<_, miette::Report>(hosts)
    })??;
    let outcome = if hosts.iter().all(|host| host.error.is_none()) {
        Outcome::Yes
    } else {
        Outcome::No
    };
    if output.json() {
        output.document(
            "collect",
            &Document {
                folder: into,
                hosts,
            },
        )?;
        return Ok(outcome);
    }
    if hosts.is_empty() {
        output.remark("No hosts to collect from: `workshop status`.");
        return Ok(outcome);
    }
    let mut table = Listing::new(["word", "participant", "files", "KB", "folder"]);
    for host in &hosts {
        let cells = match &host.work {
            Some(work) => [
                work.files.to_string(),
                work.bytes.div_ceil(1000).to_string(),
                work.folder.display().to_string(),
            ],
            None => [String::new(), String::new(), "not collected".to_owned()],
        };
        let [files, size, folder] = cells;
        table.row([
            host.word.clone(),
            host.participant.clone(),
            files,
            size,
            folder,
        ]);
    }
    output.text(&table.to_string())?;
    for host in &hosts {
        host.remark(output);
    }
    Ok(outcome)
}

/// Collects from those hosts, and shows while it does.
pub(super) async fn from(
    path: &Path,
    into: &Path,
    seats: Vec<Seat>,
    parallel: u16,
    output: &Output,
) -> std::result::Result<Vec<Host>, CollectError> {
    let (events, progress) = Progress::start(*output);
    let visits = Visits {
        parallel: usize::from(parallel),
        patience: PATIENCE,
        events: Some(events),
    };
    let visited = collect(path, into, seats, visits).await;
    progress.end().await;
    Ok(visited?.into_iter().map(Host::of).collect())
}
