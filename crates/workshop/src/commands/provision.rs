//! `workshop provision`: makes every host what the inventory says.

use std::io::IsTerminal as _;

use provisioner::inventory::Inventory;
use provisioner::{HostReport, Options, ProvisionError, provision};
use serde::Serialize;

use super::instructor::{self, InventoryArgs, Listing};
use super::takeover;
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::progress::Progress;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Work on these hosts only.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    only: Vec<String>,

    /// Hosts made or changed side by side; the inventory's number when not given.
    ///
    /// Verified hosts are looked at up to 64 at once, whatever this says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    parallel: Option<u16>,

    /// Also when the deadline is over; the hosts then stay on until they are destroyed.
    #[arg(long)]
    after_deadline: bool,

    /// Take machines over that you already have without asking.
    #[arg(long, short)]
    yes: bool,

    /// Treat a local builder as one that is somewhere else: its cache is on its own disk.
    #[arg(long, hide = true)]
    remote_builder: bool,

    /// Seconds that a host may take until it answers for the first time.
    #[arg(long, hide = true, value_name = "SECONDS")]
    boot_patience: Option<u64>,
}

#[derive(Serialize)]
struct Document {
    hosts: Vec<Host>,
}

#[derive(Serialize)]
struct Host {
    word: String,
    role: provisioner::state::Role,
    identity: String,
    address: Option<provisioner::cloud::Endpoint>,
    host_key: String,
    verified: bool,
    changed: Vec<&'static str>,
    error: Option<String>,
    hint: Option<String>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result {
    let inventory = args.inventory.load(output)?;
    let machines = provisioner::takeover(&args.inventory.inventory, &inventory, &args.only)?;
    if !machines.is_empty() {
        output.remark(takeover::text(&machines).trim_end());
        if !args.yes {
            ask(output)?;
        }
    }
    let parallel = args.parallel.map(usize::from);
    let options = Options {
        only: args.only,
        parallel,
        after_deadline: args.after_deadline,
        remote_builder: args.remote_builder,
        boot_patience: args.boot_patience.map(std::time::Duration::from_secs),
        events: None,
    };
    let reports = instructor::block_on(work(&args.inventory, inventory, options, output))??;
    tell("provision", reports, &args.inventory, output)
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Refused {
    #[error("taking machines over needs a yes, and nobody can be asked here")]
    #[diagnostic(help("Read above what is done to them, then add --yes."))]
    NobodyToAsk,
    #[error("no machine was taken over")]
    No,
}

fn ask(output: &Output) -> miette::Result<()> {
    if !std::io::stdin().is_terminal() {
        return Err(Refused::NobodyToAsk.into());
    }
    if instructor::types("Go on? Type yes:", "yes", output)? {
        Ok(())
    } else {
        Err(Refused::No.into())
    }
}

/// Provisions, and shows while it does.
pub(super) async fn work(
    args: &InventoryArgs,
    inventory: Inventory,
    options: Options,
    output: &Output,
) -> std::result::Result<Vec<HostReport>, ProvisionError> {
    let (events, progress) = Progress::start(*output);
    let options = Options {
        events: Some(events),
        ..options
    };
    let reports = provision(&args.inventory, inventory, options).await;
    progress.end().await;
    reports
}

/// What became of each host, as the result of `verb`.
pub(super) fn tell(
    verb: &str,
    reports: Vec<HostReport>,
    args: &InventoryArgs,
    output: &Output,
) -> Result {
    let hosts: Vec<Host> = reports
        .into_iter()
        .map(|report| {
            let (verified, changed) = (report.verified(), report.changed_steps());
            let failure = report.result.err();
            Host {
                word: report.host.name,
                role: report.host.role,
                identity: report.host.identity,
                address: report.address,
                host_key: report.fingerprint,
                verified,
                changed,
                hint: failure.as_ref().and_then(|failure| failure.hint.clone()),
                error: failure.map(|failure| failure.message),
            }
        })
        .collect();
    let failed: Vec<&Host> = hosts.iter().filter(|host| !host.verified).collect();
    let outcome = if failed.is_empty() {
        Outcome::Yes
    } else {
        Outcome::No
    };
    if output.json() {
        output.document(verb, &Document { hosts })?;
        return Ok(outcome);
    }
    let mut table = Listing::new(["word", "address", "participant", "state"]);
    for host in &hosts {
        let state = match (&host.error, host.changed.len()) {
            (Some(_), _) => "FAILED".to_owned(),
            (None, 0) => "verified".to_owned(),
            (None, n) => format!("verified, {n} steps changed"),
        };
        let address = host
            .address
            .map(|address| address.to_string())
            .unwrap_or_default();
        table.row([host.word.clone(), address, host.identity.clone(), state]);
    }
    output.text(&table.to_string())?;
    say_failures(&failed, output);
    if failed.is_empty() {
        output.remark(format_args!(
            "A participant logs in with:  ssh -F {} -i THEIR-KEY WORD",
            args.ssh_config().display()
        ));
    } else {
        output.remark(format_args!(
            "{} of {} hosts failed; run `workshop {verb}` again to go on.",
            failed.len(),
            hosts.len()
        ));
    }
    Ok(outcome)
}

/// Every failure once: what many hosts share, such as a builder that cannot build, is said for all of them.
fn say_failures(failed: &[&Host], output: &Output) {
    let mut said: Vec<&str> = Vec::new();
    for host in failed {
        let error = host.error.as_deref().unwrap_or("not verified");
        if said.contains(&error) {
            continue;
        }
        said.push(error);
        let same = failed
            .iter()
            .filter(|other| other.error == host.error)
            .map(|other| other.word.as_str());
        let words: Vec<&str> = same.collect();
        output.remark(format_args!("\nerror: {error}"));
        if words.len() > 1 {
            output.remark(format_args!("(on {})", words.join(", ")));
        }
        if let Some(hint) = &host.hint {
            output.remark(format_args!("hint: {hint}"));
        }
    }
}
