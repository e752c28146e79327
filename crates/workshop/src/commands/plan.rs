//! `workshop plan`: what `provision` would do, and what it would cost. Changes and writes nothing.

use std::path::Path;

use jiff::Timestamp;
use provisioner::ReleaseSource;
use provisioner::cloud::existing::Placed;
use provisioner::cloud::{Provider, WorkshopId};
use provisioner::cost::{Cost, Costed, Forecast, Tariff};
use provisioner::inventory::{Inventory, ProviderKind};
use provisioner::nix::release::Standing;
use provisioner::plan::{Action, plan};
use provisioner::state;
use provisioner::{ClosureFrom, closure_from};
use serde::Serialize;

use super::instructor::{self, InventoryArgs, Listing};
use super::takeover;
use crate::cli::{Outcome, Result};
use crate::diagnostic;
use crate::output::{self, Output};

/// What `provision` would do, and what the hosts cost by the hour and until the deadline.
///
/// No host is connected to: `check` is a host that runs and was verified, and whether something on it differs is looked
/// at by `provision`. A `?` is a price that cannot be known; the reason stands below.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// Exit with 0 when nothing is known to be done (every host runs and was verified), 2 when hosts would be made,
    /// started or finished, 1 when the plan could not be made.
    #[arg(long)]
    detailed_exitcode: bool,
}

#[derive(Serialize)]
struct Document {
    hosts: Vec<Costed>,
    /// What is known of all hosts together, by currency; tax included.
    totals: Vec<Total>,
    /// Hosts whose price is not known, so that the totals are the least.
    unknown: usize,
    deadline: Option<Timestamp>,
    spend_limit: Option<String>,
    /// Why `provision` would refuse.
    refused: Option<String>,
    /// The source of the release that the hosts are made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<ReleaseSource>,
    /// Machines of yours that would become hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    takes_over: Vec<Placed>,
    /// Where the hosts' software will come from, if the inventory names a cache and some host needs something.
    #[serde(skip_serializing_if = "Option::is_none")]
    closure: Option<ClosureFrom>,
}

/// What a plan is told by.
struct Looked {
    /// What would be made.
    shown: Forecast,
    /// The same, with the builder that is made if the named cache fails.
    most: Forecast,
    closure: Option<ClosureFrom>,
}

#[derive(Serialize)]
struct Total {
    currency: String,
    hourly: String,
    until_deadline: Option<String>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    match (show(args, output), args.detailed_exitcode) {
        (Ok(changes), true) if changes => Ok(Outcome::Differs),
        (Ok(_), _) => Ok(Outcome::Yes),
        // 2 is "something would change" there.
        (Err(report), true) if !output::is_broken_pipe(&report) => {
            diagnostic::print(&report, output);
            Ok(Outcome::No)
        }
        (Err(report), _) => Err(report),
    }
}

/// Whether `provision` would do something.
fn show(args: &Args, output: &Output) -> miette::Result<bool> {
    let inventory = args.inventory.load(output)?;
    let now = Timestamp::now();
    let Looked {
        shown: forecast,
        most,
        closure,
    } = look(args, &inventory, now)?;
    let machines = provisioner::takeover(&args.inventory.inventory, &inventory, &[])?;
    let source = provisioner::look_at_source(&inventory.bitcoin)?;
    let changes = forecast.changes();
    let limit = inventory.hosts.spend_limit.as_ref();
    let refused = if inventory.workshop.is_over(now) {
        Some("the deadline is over: move it, or `workshop destroy`".to_owned())
    } else {
        let over = limit.and_then(|limit| most.within(limit).err());
        over.map(|error| error.to_string())
            .or_else(|| source.as_ref().and_then(another_file))
    };
    let totals: Vec<Total> = forecast
        .totals
        .iter()
        .map(|(currency, total)| Total {
            currency: currency.clone(),
            hourly: total.hourly.to_string(),
            until_deadline: total.until_deadline.map(|sum| sum.cents()),
        })
        .collect();
    if output.json() {
        let document = Document {
            hosts: forecast.hosts,
            totals,
            unknown: forecast.unknown,
            deadline: inventory.workshop.deadline.map(|it| it.timestamp()),
            spend_limit: limit.map(ToString::to_string),
            refused,
            source,
            takes_over: machines,
            closure,
        };
        output.document("plan", &document)?;
        return Ok(changes);
    }
    output.text(&text(&forecast, &totals, &inventory))?;
    if let Some(closure) = &closure {
        output.text(&comes_from(closure))?;
    }
    if let Some(source) = &source {
        output.text(&source_text(source))?;
    }
    if !machines.is_empty() {
        output.text(&takeover::text(&machines))?;
    }
    if let Some(why) = refused {
        output.remark(format_args!("\n`workshop provision` would refuse: {why}"));
    }
    Ok(changes)
}

fn look(args: &Args, inventory: &Inventory, now: Timestamp) -> miette::Result<Looked> {
    let state = state::read(&args.inventory.inventory)?.unwrap_or_default();
    let folder = state::folder_of(&args.inventory.inventory);
    // Before the first run there is no label, so nothing can carry it.
    let (there, tariff) = match state.id.parse() {
        Ok(id) => {
            let provider = Provider::open(state.provider, id, &folder, Some(inventory))?;
            instructor::block_on(async {
                let there = provider.list_with_prices().await?;
                Ok::<_, provisioner::cloud::CloudError>((there, provider.tariff().await?))
            })??
        }
        Err(_) => (vec![], first_tariff(inventory, &folder)?),
    };
    let hosts = plan(inventory, &state, &there)?;
    let deadline = inventory.workshop.deadline.as_ref();
    let deadline = deadline.map(jiff::ZonedDateTime::timestamp);
    let forecast = |builds| Forecast::new(&hosts, &there, &tariff, now, deadline, builds);
    let needs = |action| !matches!(action, Action::Check | Action::Keep);
    let closure = if hosts.iter().any(|host| needs(host.action)) {
        instructor::block_on(closure_from(&args.inventory.inventory, inventory))?.unwrap_or_else(
            |error| {
                let why = error.to_string();
                Some(ClosureFrom::Unknown { why })
            },
        )
    } else {
        None
    };
    let builds = match (&inventory.bitcoin.cache, &closure) {
        (Some(_), Some(ClosureFrom::Cache { builder, .. })) => *builder,
        // Nobody needs anything.
        (Some(_), None) => inventory.hosts.provider == ProviderKind::Local,
        _ => true,
    };
    Ok(Looked {
        shown: forecast(builds),
        most: forecast(true),
        closure,
    })
}

/// Where the hosts' software will come from.
fn comes_from(closure: &ClosureFrom) -> String {
    match closure {
        ClosureFrom::Cache { url, builder: true } => format!(
            "Bitcoin Core is built already: this machine fetches it from {url}, and the builder gives it to the hosts.\n"
        ),
        ClosureFrom::Cache {
            url,
            builder: false,
        } => format!(
            "Bitcoin Core is built already: the hosts fetch it from {url}, and no builder is made unless that fails (the spend limit counts one).\n"
        ),
        ClosureFrom::Builder { why } => {
            format!("A builder is needed, for the named cache is of no use: {why}.\n")
        }
        ClosureFrom::Unknown { why } => {
            format!("Whether the named cache has Bitcoin Core cannot be told yet: {why}.\n")
        }
    }
}

/// What hosts will cost, before there is a workshop to ask a provider for.
fn first_tariff(inventory: &Inventory, folder: &Path) -> miette::Result<Tariff> {
    let kind = inventory.hosts.provider;
    // A plan is made anywhere; local hosts are not.
    if kind == ProviderKind::Local {
        return Ok(Tariff::FREE);
    }
    // Only prices are asked for.
    let provider = Provider::open(kind, WorkshopId::nobody(), folder, Some(inventory))?;
    Ok(instructor::block_on(provider.tariff())??)
}

fn source_text(source: &ReleaseSource) -> String {
    let ReleaseSource {
        version, url, path, ..
    } = source;
    let path = path.display();
    match source.standing {
        Standing::Here => format!("The source of Bitcoin Core {version} is here: {path}\n"),
        Standing::Missing => format!(
            "The source of Bitcoin Core {version} would be fetched, once: {url}\n  and kept in {path}\n"
        ),
        // Why it is refused is said below.
        Standing::Another => String::new(),
    }
}

fn another_file(source: &ReleaseSource) -> Option<String> {
    (source.standing == Standing::Another).then(|| {
        format!(
            "{} is not the source of Bitcoin Core {}: remove it, and it is fetched",
            source.path.display(),
            source.version
        )
    })
}

fn text(forecast: &Forecast, totals: &[Total], inventory: &Inventory) -> String {
    let mut table = Listing::new([
        "word",
        "participant",
        "what would be done",
        "an hour",
        "until the deadline",
    ]);
    for host in &forecast.hosts {
        let action = match host.action {
            Action::Create => "create",
            Action::Start => "start",
            Action::Finish => "finish: the last run did not",
            Action::Check => "check: look at every step, change what differs",
            Action::Keep => {
                "nothing: no longer in the inventory (`workshop destroy --only` removes it)"
            }
        };
        let (hourly, until) = match &host.cost {
            Cost::Free => ("0".to_owned(), "0".to_owned()),
            Cost::Unknown { .. } => ("?".to_owned(), "?".to_owned()),
            Cost::Known {
                hourly,
                until_deadline,
                currency,
            } => (
                format!("{hourly} {currency}"),
                (until_deadline.as_ref()).map_or("?".to_owned(), |sum| format!("{sum} {currency}")),
            ),
        };
        table.row([
            host.name.clone(),
            host.identity.clone(),
            action.to_owned(),
            hourly,
            until,
        ]);
    }
    let mut text = format!("{table}\n");
    let least = if forecast.unknown > 0 {
        "at least "
    } else {
        ""
    };
    if totals.is_empty() && forecast.unknown == 0 {
        text.push_str("In all: these hosts cost nothing.\n");
    }
    for total in totals {
        let currency = &total.currency;
        let until = match &total.until_deadline {
            Some(sum) => format!("{least}{sum} {currency} until the deadline"),
            None => "? until a deadline (the inventory has none)".to_owned(),
        };
        text.push_str(&format!(
            "In all: {least}{} {currency} an hour, {until}, tax included. A stopped host costs as much.\n",
            total.hourly
        ));
    }
    let mut said: Vec<&str> = Vec::new();
    for host in &forecast.hosts {
        if let Cost::Unknown { reason } = &host.cost
            && !said.contains(&reason.as_str())
        {
            said.push(reason);
            text.push_str(&format!("?: {reason}\n"));
        }
    }
    if let Some(deadline) = inventory.workshop.deadline_text() {
        let what = if inventory.hosts.powers_off() {
            "The hosts power themselves off at"
        } else {
            "The hosts stay on after"
        };
        text.push_str(&format!("{what} the deadline: {deadline}.\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_here_is_not_fetched() {
        let mut source = ReleaseSource {
            version: "30.2".into(),
            url: "https://example.org/bitcoin-30.2.tar.gz".into(),
            path: "/cache/bitcoin-30.2.tar.gz".into(),
            standing: Standing::Here,
        };
        assert_eq!(
            source_text(&source),
            "The source of Bitcoin Core 30.2 is here: /cache/bitcoin-30.2.tar.gz\n"
        );
        assert_eq!(another_file(&source), None);
        source.standing = Standing::Missing;
        assert!(source_text(&source).contains("would be fetched"));
        assert_eq!(another_file(&source), None);
    }
}
