//! `workshop destroy --label`: workshops whose state is lost, found by their labels.

use std::path::Path;

use provisioner::Failure;
use provisioner::cloud::WorkshopId;
use provisioner::destroy::Destroyed;
use provisioner::inventory::{Inventory, ProviderKind};
use provisioner::lost::{self, Found, Search, Where};
use serde::Serialize;

use super::destroy::{ask, tell};
use super::instructor::{self, Listing};
use crate::cli::{Outcome, Result};
use crate::output::Output;

const EVERYWHERE: [Where; 2] = [Where::Here, Where::Hetzner];

#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("no other workshop has the label {label}{}", listed(known))]
struct NoSuchLabel {
    label: WorkshopId,
    /// What there is instead, and where nobody could look.
    known: Vec<String>,
    #[help]
    help: &'static str,
}

fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  - {line}")).collect()
}

#[derive(Serialize)]
struct Document {
    workshops: Vec<Found>,
    unseen: Vec<Unseen>,
}

#[derive(Serialize)]
struct Unseen {
    place: Where,
    error: String,
}

/// Shows the workshops that are there.
pub(super) fn list(path: &Path, output: &Output) -> Result {
    let Search { found, unseen } = instructor::block_on(lost::search(path, &EVERYWHERE))??;
    if output.json() {
        let unseen = unseen.into_iter().map(|(place, failure)| Unseen {
            place,
            error: failure.message,
        });
        let document = Document {
            workshops: found,
            unseen: unseen.collect(),
        };
        output.document("destroy", &document)?;
        return Ok(Outcome::Yes);
    }
    for (place, failure) in &unseen {
        output.remark(not_looked(*place, failure));
    }
    if found.is_empty() {
        output.remark("No other workshop is there.");
        return Ok(Outcome::Yes);
    }
    output.text(&table(&found))?;
    output.remark("`workshop destroy --label LABEL` destroys one of them.");
    Ok(Outcome::Yes)
}

fn table(all: &[Found]) -> String {
    let mut table = Listing::new(["label", "where", "since", "hosts"]);
    for found in all {
        let since = found.since.map(|since| since.strftime("%F %H:%M UTC"));
        table.row([
            found.label.to_string(),
            found.place.to_string(),
            since.map_or_else(String::new, |since| since.to_string()),
            hosts(found),
        ]);
    }
    table.to_string()
}

fn hosts(found: &Found) -> String {
    if found.hosts.is_empty() {
        return "none, but other things of it".to_owned();
    }
    let hosts: Vec<&str> = found.hosts.iter().map(String::as_str).collect();
    hosts.join(", ")
}

fn not_looked(place: Where, failure: &Failure) -> String {
    let hint = failure.hint.as_ref();
    let hint = hint.map_or_else(String::new, |hint| format!(" {hint}"));
    format!(
        "remark: {place} could not be looked at: {}.{hint}",
        failure.line()
    )
}

/// Destroys everything with this label, wherever it is.
pub(super) fn destroy(label: &WorkshopId, path: &Path, yes: bool, output: &Output) -> Result {
    let Search { found, unseen } = instructor::block_on(lost::search(path, &EVERYWHERE))??;
    let (found, others): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|found| found.label == *label);
    if found.is_empty() {
        let known = others
            .iter()
            .map(|found| format!("{} ({}): {}", found.label, found.place, hosts(found)));
        let unseen = unseen
            .iter()
            .map(|(place, failure)| format!("{place} could not be looked at: {}", failure.line()));
        return Err(NoSuchLabel {
            label: label.clone(),
            known: known.chain(unseen).collect(),
            help: "`workshop destroy --label` lists those that there are; `workshop destroy` alone destroys this inventory's own workshop.",
        }
        .into());
    }
    if !yes {
        for found in &found {
            output.remark(format_args!(
                "This destroys, with all work on them, the hosts of a workshop ({}) that may be somebody else's:",
                found.place
            ));
            output.remark(format_args!("  {}", hosts(found)));
        }
        let question = format!("Type its label, {label}, to go on:");
        ask(&question, label.as_str(), "its label", output)?;
    }
    let mut destroyed = Destroyed::default();
    let mut looked = Vec::new();
    for Found { place, hosts, .. } in found {
        destroyed.gone.extend(hosts);
        let left = instructor::block_on(lost::destroy(place, label.clone()))??;
        destroyed.left.extend(left);
        looked.push(provider(place));
    }
    tell(destroyed, vec![], true, &looked, output)
}

fn provider(place: Where) -> ProviderKind {
    match place {
        Where::Here => ProviderKind::Local,
        Where::Hetzner => ProviderKind::Hetzner,
    }
}

/// Where there is no state, it may have been lost: what is there that it may have been of.
pub(super) fn remark_on(path: &Path, output: &Output) -> miette::Result<()> {
    // Nobody's project is looked into for a workshop on this machine.
    let inventory = Inventory::load(path);
    let rented = inventory.is_ok_and(|it| it.inventory.hosts.provider == ProviderKind::Hetzner);
    let places = if rented {
        &EVERYWHERE[..]
    } else {
        &[Where::Here]
    };
    let search = instructor::block_on(lost::search(path, places))??;
    for found in &search.found {
        output.remark(format_args!(
            "remark: {} has another workshop, label {}: {}. If it was this one and its state is lost: workshop destroy --label {}",
            found.place, found.label, hosts(found), found.label
        ));
    }
    for (place, failure) in &search.unseen {
        output.remark(not_looked(*place, failure));
    }
    Ok(())
}
