//! From an inventory to verified hosts: the whole run, resumable at any point.
//!
//! Hosts are made side by side, then worked on side by side. The builder is only asked for when some host
//! lacks something of the closure; a run that finds nothing to do costs one round trip a host.

mod assign;
mod builder;
mod context;
mod error;
mod gates;
mod hosts;
mod inputs;
mod named;
mod report;
mod source;
mod takeover;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::cloud::{Prepared, Provider, WorkshopId};
use crate::cost::Forecast;
use crate::inventory::{Inventory, ProviderKind};
use crate::job::{JobEvent, Reporter};
use crate::nix::Closure;
use crate::nix::builder::Inputs;
use crate::nix::cache::{Cache, user_cache};
use crate::nix::named::Named;
use crate::plan::{Action, BUILDER, BUILDER_INDEX, PlannedHost, plan};
use crate::ssh_files;
use crate::state::{Event, Role, Workplace};

pub(crate) use assign::assign;
pub use error::ProvisionError;
use gates::Gates;
pub use inputs::export_cache;
pub use named::{ClosureFrom, closure_from};
pub use report::{Failure, HostReport};
pub use source::{ReleaseSource, fetch_source, look_at_source};
pub use takeover::takeover;

/// What of the plan to work on, and how.
#[derive(Debug, Default)]
pub struct Options {
    /// Only these hosts; all when empty.
    pub only: Vec<String>,
    /// Made or changed side by side; the inventory's number when not given. Verified hosts are looked at more at once.
    pub parallel: Option<usize>,
    /// Also when the deadline is over; the hosts then stay on.
    pub after_deadline: bool,
    /// Take the builder for a machine that shares no folder with this one, wherever it is: for tests.
    pub remote_builder: bool,
    /// How long a host may take until it answers for the first time, where that is not the usual: for tests.
    pub boot_patience: Option<Duration>,
    /// Who draws.
    pub events: Option<UnboundedSender<JobEvent>>,
}

/// Everything that all hosts of one run share.
struct Run {
    inventory: Inventory,
    /// When the hosts power themselves off.
    power_off: Option<jiff::Timestamp>,
    provider: Provider,
    prepared: Prepared,
    place: Mutex<Workplace>,
    instructor: crate::host::keys::KeyPair,
    cache: Cache,
    /// The cache that the inventory names.
    named: Option<Named>,
    /// What the hosts get, where that is known before anybody is asked.
    known: Option<Closure>,
    inputs: Inputs,
    /// The closure, once some host or the missing record asked the builder for it.
    built: tokio::sync::Mutex<Option<Result<builder::Serving, Failure>>>,
    remote_builder: bool,
    boot_patience: Option<Duration>,
    /// Whether it ran when this run began.
    builder_runs: bool,
    events: Option<UnboundedSender<JobEvent>>,
}

/// Makes the hosts of the inventory at `path` what they should be. Reports are in the plan's order.
pub async fn provision(
    path: &Path,
    inventory: Inventory,
    options: Options,
) -> Result<Vec<HostReport>, ProvisionError> {
    let now = jiff::Timestamp::now();
    let over = inventory.workshop.is_over(now);
    if !options.after_deadline {
        ProvisionError::unless_over(&inventory, now)?;
    }
    let kind = inventory.hosts.provider;
    Provider::check_for(&inventory)?;
    let mut place = Workplace::open(path, "provision")?;
    take_provider(&mut place, kind)?;
    let provider = Provider::open(kind, workshop_id(&place), place.folder(), Some(&inventory))?;
    let limit = inventory.hosts.spend_limit.as_ref();
    let there = match limit {
        Some(_) => provider.list_with_prices().await?,
        None => provider.list().await?,
    };
    let mut hosts = plan(&inventory, place.state(), &there)?;
    if let Some(limit) = limit {
        let tariff = provider.tariff().await?;
        let deadline = inventory.workshop.deadline.as_ref();
        let deadline = deadline.map(jiff::ZonedDateTime::timestamp);
        // Also where a named cache takes the builder's place: if that fails a builder is made.
        Forecast::new(&hosts, &there, &tariff, now, deadline, true).within(limit)?;
    }
    hosts.retain(|host| host.action != Action::Keep);
    if let Some(word) = options
        .only
        .iter()
        .find(|word| hosts.iter().all(|host| host.name != **word))
    {
        return Err(ProvisionError::NoSuchHost { word: word.clone() });
    }
    // Before anything is made: without it no host would ever be whole.
    let work = place.folder().join("source");
    let source = source::source(&inventory.bitcoin, &work, options.events.clone()).await?;
    // Words are written down before anything hangs on them, also those of hosts left out by --only.
    for host in hosts.iter().filter(|host| host.new) {
        place.record(Event::Assigned {
            host: host.name.clone(),
            identity: host.identity.clone(),
            role: host.role,
            index: host.index,
        })?;
    }
    if !place.state().hosts.contains_key(BUILDER) {
        place.record(Event::Assigned {
            host: BUILDER.into(),
            identity: BUILDER.into(),
            role: Role::Builder,
            index: BUILDER_INDEX,
        })?;
    }

    let report = Reporter::new(provider.shared(), options.events.clone());
    let mut made_of: Vec<(String, u16)> = (hosts.iter())
        .filter(|host| options.only.is_empty() || options.only.contains(&host.name))
        .map(|host| (host.name.clone(), host.index))
        .collect();
    made_of.push((BUILDER.to_owned(), BUILDER_INDEX));
    let prepared = provider.prepare(&made_of, &report).await?;
    let inputs = Inputs::new(source, prepared.system.clone())?;
    let cache = Cache::open(&user_cache()?.join("nix"))?;
    let named = named::of(&inventory, &cache)?;
    let mut known = cache.look_up(&inputs.key());
    if let (None, Some(named), false) = (&known, &named, provider.isolated()) {
        known = named.remembered(&inputs.key(), &cache);
    }
    let instructor = place.instructor_key()?;
    let parallel = options.parallel.unwrap_or(inventory.hosts.parallel).max(1);
    let builder_runs = there
        .iter()
        .any(|host| host.name == BUILDER && host.running);
    let run = Arc::new(Run {
        power_off: inventory.power_off().filter(|_| !over),
        inventory,
        provider,
        prepared,
        place: Mutex::new(place),
        instructor,
        cache,
        named,
        known: known.clone(),
        inputs,
        built: tokio::sync::Mutex::default(),
        remote_builder: options.remote_builder,
        boot_patience: options.boot_patience,
        builder_runs,
        events: options.events,
    });

    let hosts: Vec<PlannedHost> = hosts
        .into_iter()
        .filter(|host| options.only.is_empty() || options.only.contains(&host.name))
        .collect();
    // A builder that is missing or has to build begins at once, beside the others; so is a named cache asked.
    let soon = match run.hosts_cache() {
        Some(_) => {
            (hosts.iter()).any(|host| matches!(host.action, Action::Create | Action::Finish))
        }
        None => !builder_runs,
    };
    let eager = (known.is_none() || soon).then(|| {
        let run = Arc::clone(&run);
        tokio::spawn(async move { run.closure().await })
    });
    let gates = Gates::new(parallel);
    let created = side_by_side(&hosts, {
        let (run, gate) = (Arc::clone(&run), gates.work());
        move |host| {
            let (run, gate) = (Arc::clone(&run), Arc::clone(&gate));
            async move {
                let _permit = gate.acquire_owned().await;
                run.create(&host).await
            }
        }
    })
    .await;

    // A node's neighbours include hosts that this run leaves out, so all known addresses count.
    let ring = run.ring(&created);
    let reports = side_by_side(&hosts, {
        let (run, known, ring) = (Arc::clone(&run), known.clone(), Arc::new(ring));
        let created = Arc::new(created);
        move |host| {
            let (run, known, ring) = (Arc::clone(&run), known.clone(), Arc::clone(&ring));
            let (address, gates) = (created[&host.name].clone(), gates.clone());
            async move {
                let pass = gates.enter(host.action).await;
                run.configure(host, address, known, &ring, pass).await
            }
        }
    })
    .await;
    if let Some(eager) = eager {
        // The hosts waited for it where they needed it; a builder that nobody needed still gets finished.
        let _ = eager.await;
    }
    run.keep_the_build().await;
    run.write_ssh_files()?;
    let mut reports = reports;
    Ok(hosts
        .iter()
        .filter_map(|host| reports.remove(&host.name))
        .collect())
}

/// Runs `work` for every host; it goes through the gates itself.
async fn side_by_side<T, F>(
    hosts: &[PlannedHost],
    work: impl Fn(PlannedHost) -> F,
) -> BTreeMap<String, T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut set = JoinSet::new();
    for host in hosts {
        let (name, work) = (host.name.clone(), work(host.clone()));
        set.spawn(async move { (name, work.await) });
    }
    let mut results = BTreeMap::new();
    while let Some(joined) = set.join_next().await {
        match joined {
            Ok((name, result)) => {
                results.insert(name, result);
            }
            // A panic is a defect of ours; it must not pass for a host that was never asked for.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    results
}

/// Writes down where the hosts come from, unless they are somewhere else already.
pub(crate) fn take_provider(
    place: &mut Workplace,
    wanted: ProviderKind,
) -> Result<(), ProvisionError> {
    let is = place.state().provider;
    if is == wanted {
        return Ok(());
    }
    let mut hosts = place.state().hosts.values();
    if hosts.any(|host| host.address.is_some() || host.unfinished.is_some()) {
        return Err(ProvisionError::OtherProvider { is, wanted });
    }
    Ok(place.record(Event::Provider { provider: wanted })?)
}

pub(crate) fn workshop_id(place: &Workplace) -> WorkshopId {
    place
        .state()
        .id
        .parse()
        .unwrap_or_else(|_| unreachable!("the journal holds an id that we made"))
}

impl Run {
    fn write_ssh_files(&self) -> Result<(), ProvisionError> {
        ssh_files::write(&self.place()).map_err(|source| ProvisionError::SshFiles { source })
    }
}
