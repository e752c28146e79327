//! `workshop grade`: re-checks every participant's host from the instructor's side.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic as _, WrapErr as _};
use provisioner::room::{room, selected};
use provisioner::state::Role;
use provisioner::state::files::write_private;
use provisioner::visit::Visits;
use tokio::sync::watch;

use super::instructor::{self, InventoryArgs, stop_on_signals};
use crate::cli::{Outcome, Result};
use crate::grade::report::{Format, Report};
use crate::grade::{self, Checker, Grading};
use crate::output::Output;
use crate::progress::Progress;
use crate::room::PATIENCE;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Grade these hosts only; a spare is graded when it is named.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    only: Vec<String>,

    /// Grade these tasks only, such as task0,task3.
    #[arg(long, value_name = "TASK", value_delimiter = ',')]
    tasks: Vec<String>,

    /// Hosts at once; the inventory's number when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    parallel: Option<u16>,

    /// How the report is written; without it what the name of --output ends in says, else a table.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write the report to this file, whole or not at all.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The program that looks on the hosts, instead of this one: for an instructor's machine of another kind.
    #[arg(long, value_name = "FILE")]
    checker: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Refused {
    #[error("--json is one format and --format names another")]
    #[diagnostic(help("leave one of them away"))]
    TwoFormats,
    #[error("the folder of {} is not there", path.display())]
    #[diagnostic(help("make it first: a grade takes minutes, and its report must not be lost"))]
    NoFolder { path: PathBuf },
    #[error("there is nobody to grade")]
    #[diagnostic(help("`workshop status` shows who has a host; `workshop provision` makes them"))]
    Nobody,
    #[error("the grade was interrupted, and does not count")]
    #[diagnostic(help("run it again when you like"))]
    Interrupted,
}

/// Exit 0 when every task is verified on every host, 1 when one is not or a host could not be graded.
pub(crate) fn run(args: Args, output: &Output) -> Result {
    // All that can be wrong here is said before hosts are kept busy for minutes.
    let format = format(&args, output)?;
    if let Some(path) = &args.output {
        folder_of(path)?;
    }
    let tasks = grade::tasks(&args.tasks)?;
    let checker = Checker::read(args.checker.as_deref())?;
    let inventory = args.inventory.load(output)?;
    let seed = grade::fresh_seed().into_diagnostic()?;
    let path = &args.inventory.inventory;
    let parallel = args.parallel.map_or(inventory.hosts.parallel, usize::from);
    let hosts = instructor::block_on(async {
        let mut seats = selected(room(path).await?, &args.only)?;
        if args.only.is_empty() {
            seats.retain(|seat| seat.role == Role::Participant);
        }
        if seats.is_empty() {
            return Err(Refused::Nobody.into());
        }
        let (stop, stopped) = watch::channel(false);
        stop_on_signals(stop).into_diagnostic()?;
        let (events, progress) = Progress::start(*output);
        let visits = Visits {
            parallel,
            patience: PATIENCE,
            events: Some(events),
        };
        let grading = Grading {
            tasks,
            checker,
            seed: seed.clone(),
        };
        let hosts = grade::grade(path, seats, visits, grading, stopped.clone()).await;
        progress.end().await;
        if *stopped.borrow() {
            for failure in hosts.iter().filter_map(|host| host.failure.as_ref()) {
                output.remark(failure);
            }
            return Err(Refused::Interrupted.into());
        }
        Ok::<_, miette::Report>(hosts)
    })??;
    let report = Report {
        workshop: inventory.workshop.name,
        seed,
        hosts,
    };
    let text = report.write(format, output)?;
    match &args.output {
        None => output.text(&text)?,
        Some(path) => {
            write_private(path, text.as_bytes())
                .into_diagnostic()
                .wrap_err_with(|| format!("cannot write {}", path.display()))?;
            let passed: usize = report.hosts.iter().map(grade::HostGrade::passed).sum();
            let all: usize = report.hosts.iter().map(|host| host.tasks.len()).sum();
            output.remark(format_args!(
                "{passed} of {all} verified; the report is in {}",
                path.display()
            ));
        }
    }
    Ok(if report.all_passed() {
        Outcome::Yes
    } else {
        Outcome::No
    })
}

fn format(args: &Args, output: &Output) -> miette::Result<Format> {
    if output.json() {
        return match args.format {
            None | Some(Format::Json) => Ok(Format::Json),
            Some(_) => Err(Refused::TwoFormats.into()),
        };
    }
    let by_name = || {
        let end = args.output.as_deref()?.extension()?.to_str()?;
        match end.to_ascii_lowercase().as_str() {
            "csv" => Some(Format::Csv),
            "xml" => Some(Format::Junit),
            "json" => Some(Format::Json),
            _ => None,
        }
    };
    Ok(args.format.or_else(by_name).unwrap_or(Format::Table))
}

fn folder_of(path: &Path) -> std::result::Result<(), Refused> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_none_or(Path::is_dir) {
        Ok(())
    } else {
        Err(Refused::NoFolder {
            path: path.to_owned(),
        })
    }
}
