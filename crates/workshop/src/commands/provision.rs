//! `workshop provision`: makes every host what the inventory says.

use provisioner::provision;
use serde::Serialize;

use super::instructor::{self, InventoryArgs, Listing};
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

    /// Hosts worked on side by side; the inventory's number when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    parallel: Option<u16>,
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
    address: Option<std::net::IpAddr>,
    host_key: String,
    verified: bool,
    changed: Vec<&'static str>,
    error: Option<String>,
    hint: Option<String>,
}

pub(crate) fn run(args: Args, output: &Output) -> Result {
    let inventory = args.inventory.load(output)?;
    let only = args.only;
    let parallel = args.parallel.map(usize::from);
    let path = args.inventory.inventory.clone();
    let reports = instructor::block_on(async {
        let (events, progress) = Progress::start(*output);
        let options = provisioner::Options {
            only,
            parallel,
            events: Some(events),
        };
        let reports = provision(&path, inventory, options).await;
        progress.end().await;
        reports
    })??;

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
        output.document("provision", &Document { hosts })?;
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
            args.inventory.ssh_config().display()
        ));
    } else {
        output.remark(format_args!(
            "{} of {} hosts failed; run `workshop provision` again to go on.",
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
