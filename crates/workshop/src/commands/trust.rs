//! `workshop trust`: shows the host keys of machines that you already have, and keeps those that are accepted.

use std::io::IsTerminal as _;

use provisioner::Failure;
use provisioner::cloud::existing::trust::{Shown, Standing, Trusted, look};
use provisioner::inventory::{Existing, ProviderKind};
use provisioner::state::Workplace;
use serde::Serialize;

use super::instructor::{self, InventoryArgs, Listing};
use crate::cli::{Outcome, Result};
use crate::diagnostic;
use crate::output::Output;

/// Shows the host key of every machine in `hosts.existing`, and keeps those that you accept.
///
/// Compare each fingerprint with what the machine itself says, on its console or in its provider's boot log:
/// `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`. Nothing is sent to any machine. Keys in the inventory
/// (`host_key`) need no acceptance.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Accept what is shown without asking, other keys than before included.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Serialize)]
struct Document {
    machines: Vec<Machine>,
}

#[derive(Serialize)]
struct Machine {
    address: String,
    jump: bool,
    fingerprint: Option<String>,
    accepted: bool,
    error: Option<String>,
}

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
enum Refused {
    #[error(
        "hosts of the provider `{provider}` have keys that we made, so there is nothing to accept"
    )]
    #[diagnostic(help("It is for machines that you already have: `provider: existing`."))]
    OtherProvider { provider: ProviderKind },
    #[error("accepting host keys needs a yes, and nobody can be asked here")]
    #[diagnostic(help("Compare the fingerprints above, then add --yes."))]
    NobodyToAsk,
    #[error("nothing was accepted")]
    No,
}

/// Exit 1 when some machine shows no key, or not the one that the inventory has.
pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let inventory = args.inventory.load(output)?;
    let provider = inventory.hosts.provider;
    if provider != ProviderKind::Existing {
        return Err(Refused::OtherProvider { provider }.into());
    }
    let place = Workplace::open(&args.inventory.inventory, "trust")?;
    let existing = &inventory.hosts.existing;
    let mut trusted = Trusted::load(place.folder())?;
    let mut shown = round(existing, &mut trusted, place.folder(), args.yes, output)?;
    // Without the key of the jump host none behind it could be looked at.
    if existing.jump.is_some() && shown.len() == 1 && shown[0].key.is_ok() {
        shown = round(existing, &mut trusted, place.folder(), args.yes, output)?;
    }
    tell(existing, &trusted, shown, output)
}

/// Looks, shows, and asks once for all that are not known.
fn round(
    existing: &Existing,
    trusted: &mut Trusted,
    workplace: &std::path::Path,
    yes: bool,
    output: &Output,
) -> miette::Result<Vec<Shown>> {
    let shown = instructor::block_on(look(existing, trusted))?;
    let open: Vec<&Shown> = shown.iter().filter(|one| is_open(existing, one)).collect();
    if open.is_empty() {
        return Ok(shown);
    }
    let mut table = Listing::new(["machine", "host key", "known"]);
    for one in &open {
        table.row([
            name(one),
            one.fingerprint().unwrap_or_default(),
            known(existing, one).to_owned(),
        ]);
    }
    output.remark(table.to_string().trim_end());
    if !yes {
        if !std::io::stdin().is_terminal() {
            return Err(Refused::NobodyToAsk.into());
        }
        let question = format!(
            "On each machine `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` must say the same. Accept {}? Type yes:",
            if open.len() == 1 {
                "it".to_owned()
            } else {
                format!("all {}", open.len())
            }
        );
        if !instructor::types(question, "yes", output)? {
            return Err(Refused::No.into());
        }
    }
    let accepted = open
        .iter()
        .filter_map(|one| Some((one.address, one.key.as_ref().ok()?)));
    trusted.accept(accepted);
    trusted.save(workplace)?;
    Ok(shown)
}

/// Whether it shows a key that has to be accepted.
fn is_open(existing: &Existing, one: &Shown) -> bool {
    one.key.is_ok()
        && match one.standing {
            Standing::New => true,
            Standing::Other => !is_written(existing, one),
            Standing::Written | Standing::Trusted => false,
        }
}

/// What the inventory says is changed there, and nowhere else.
fn is_written(existing: &Existing, one: &Shown) -> bool {
    let mut all = existing.jump.iter().chain(&existing.machines);
    all.any(|machine| machine.address == one.address && machine.host_key.is_some())
}

fn known(existing: &Existing, one: &Shown) -> &'static str {
    match one.standing {
        Standing::New => "new",
        Standing::Written => "in the inventory",
        Standing::Trusted => "accepted before",
        Standing::Other if is_written(existing, one) => "NOT the key in the inventory",
        Standing::Other => {
            "ANOTHER KEY than was accepted before: installed anew, or somebody else's"
        }
    }
}

fn name(one: &Shown) -> String {
    let what = if one.jump { " (jump host)" } else { "" };
    format!("{}{what}", one.address)
}

fn tell(existing: &Existing, trusted: &Trusted, shown: Vec<Shown>, output: &Output) -> Result {
    let accepted = |one: &Shown| match &one.key {
        Ok(_) if is_written(existing, one) => one.standing == Standing::Written,
        Ok(key) => trusted
            .key(one.address)
            .is_some_and(|known| known.key_data() == key.key_data()),
        Err(_) => false,
    };
    let outcome = if shown.iter().all(accepted) {
        Outcome::Yes
    } else {
        Outcome::No
    };
    if output.json() {
        let machines = shown
            .iter()
            .map(|one| Machine {
                address: one.address.to_string(),
                jump: one.jump,
                fingerprint: one.fingerprint(),
                accepted: accepted(one),
                error: (one.key.as_ref().err()).map(|error| Failure::new(error).message),
            })
            .collect();
        output.document("trust", &Document { machines })?;
        return Ok(outcome);
    }
    let good = shown.iter().filter(|one| accepted(one)).count();
    for one in shown {
        let line = known(existing, &one);
        if one.standing == Standing::Other && is_written(existing, &one) {
            output.remark(format_args!("error: {}: {line}", name(&one)));
        }
        if let Err(error) = one.key {
            output.remark(diagnostic::render(&error).trim_end());
        }
    }
    output.text(&format!("The host keys of {good} machines are known.\n"))?;
    Ok(outcome)
}
