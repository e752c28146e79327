//! From an inventory to verified hosts: the whole run, resumable at any point.
//!
//! Hosts are made side by side, then worked on side by side. The builder is only asked for when some host
//! lacks something of the closure; a run that finds nothing to do costs one round trip a host.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, mpsc::UnboundedSender};
use tokio::task::JoinSet;

use crate::cloud::local::{Local, LocalError, Subnet};
use crate::cloud::{HostLimits, HostSpec, WorkshopId};
use crate::host::{Limits, Ssh, Target};
use crate::inventory::{Chain, Inventory, Source as SourceKind};
use crate::job::{JobEvent, Reporter};
use crate::nix::Closure;
use crate::nix::builder::{self, CACHE_PORT, Inputs};
use crate::nix::cache::{Cache, CacheError, user_cache};
use crate::nix::source::{self, SourceError};
use crate::plan::{Action, BUILDER, BUILDER_INDEX, PlanError, PlannedHost, plan};
use crate::run::{self, StepResult};
use crate::state::{Effect, Event, Role, Workplace, WorkplaceError};
use crate::steps::{self, ChainParams, HostContext, PROFILE};
use crate::{ssh_files, step::Seen};

/// A host on a busy machine boots in 10 s; a rented one may need a minute.
const BOOT: Duration = Duration::from_secs(120);

/// Peers that each node is told: the next ones in the ring, so a new host concerns few others.
/// Bitcoin Core keeps at most 8 added connections (MAX_ADDNODE_CONNECTIONS in src/net.h).
const RING: usize = 4;

/// The run as a whole could not begin or go on. What fails on one host is in its report instead.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ProvisionError {
    /// State, lock or keys.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Workplace(#[from] WorkplaceError),
    /// The local provider.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Local(#[from] LocalError),
    /// No plan.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Plan(#[from] PlanError),
    /// No source.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Source(#[from] SourceError),
    /// No cache.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
    /// `--only` names no host of the plan.
    #[error("no host of this workshop is called `{word}`")]
    #[diagnostic(help("`workshop status` lists them."))]
    NoSuchHost {
        /// The word that was given.
        word: String,
    },
    /// Files for OpenSSH could not be written.
    #[error("cannot write the files for ssh")]
    SshFiles {
        /// Why not.
        source: std::io::Error,
    },
}

impl From<crate::state::JournalError> for ProvisionError {
    fn from(error: crate::state::JournalError) -> Self {
        Self::Workplace(error.into())
    }
}

impl From<crate::host::keys::KeyFileError> for ProvisionError {
    fn from(error: crate::host::keys::KeyFileError) -> Self {
        Self::Workplace(error.into())
    }
}

/// What became of one host.
#[derive(Debug)]
pub struct HostReport {
    /// The host as planned.
    pub host: PlannedHost,
    /// Where it is, once it was made.
    pub address: Option<IpAddr>,
    /// SHA-256 fingerprint of its host key.
    pub fingerprint: String,
    /// Each step and what became of it, or why the host failed.
    pub result: Result<Vec<(&'static str, StepResult)>, Failure>,
}

/// Why a host failed: the error as text, since many may share one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The whole message, with the last lines of a failed command.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(error: &dyn miette::Diagnostic) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message.push_str(&format!("\n  caused by: {inner}"));
            cause = inner.source();
        }
        Self {
            message,
            hint: error.help().map(|help| help.to_string()),
        }
    }

    /// The first line, for events and the journal.
    pub fn line(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

impl HostReport {
    /// Whether every step is so at the end.
    pub fn verified(&self) -> bool {
        self.result.as_ref().is_ok_and(|steps| {
            steps
                .iter()
                .all(|(_, result)| !matches!(result, StepResult::Wanting(_)))
        })
    }

    /// The steps that were changed.
    pub fn changed_steps(&self) -> Vec<&'static str> {
        let steps = self.result.as_deref().unwrap_or_default().iter();
        steps
            .filter(|(_, result)| *result == StepResult::Changed)
            .map(|(id, _)| *id)
            .collect()
    }
}

/// What of the plan to work on, and how.
#[derive(Debug, Default)]
pub struct Options {
    /// Only these hosts; all when empty.
    pub only: Vec<String>,
    /// Side by side; the inventory's number when not given.
    pub parallel: Option<usize>,
    /// Who draws.
    pub events: Option<UnboundedSender<JobEvent>>,
}

/// Everything that all hosts of one run share.
struct Run {
    inventory: Inventory,
    local: Local,
    subnet: Subnet,
    place: Mutex<Workplace>,
    instructor: crate::host::keys::KeyPair,
    cache: Cache,
    inputs: Inputs,
    /// The closure, once some host or the missing record asked the builder for it.
    built: OnceCell<Result<Closure, Failure>>,
    events: Option<UnboundedSender<JobEvent>>,
}

/// Makes the hosts of the inventory at `path` what they should be. Reports are in the plan's order.
///
/// `inventory` is what was read from `path`; the state lies beside that file. What fails on one host is in
/// its report and stops no other.
///
/// # Errors
/// [`ProvisionError`]: the run as a whole could not begin or go on. Whatever was done is written down, and
/// the next run goes on from there.
pub async fn provision(
    path: &Path,
    inventory: Inventory,
    options: Options,
) -> Result<Vec<HostReport>, ProvisionError> {
    let mut place = Workplace::open(path, "provision")?;
    let id = workshop_id(&place);
    let local = Local::new(id)?;
    let there = local.list().await?;
    let mut hosts = plan(&inventory, place.state(), &there)?;
    hosts.retain(|host| host.action != Action::Keep);
    if let Some(word) = options
        .only
        .iter()
        .find(|word| hosts.iter().all(|host| host.name != **word))
    {
        return Err(ProvisionError::NoSuchHost { word: word.clone() });
    }
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

    let image = {
        let report = Reporter::new("base image", options.events.clone());
        let shown = std::sync::atomic::AtomicBool::new(false);
        let image = local
            .ensure_image(&|line| {
                shown.store(true, std::sync::atomic::Ordering::Relaxed);
                report.doing(line);
            })
            .await?;
        if shown.into_inner() {
            report.done("ready");
        }
        image
    };
    let subnet = local.ensure_network().await?;
    let caches = user_cache()?;
    let source = match &inventory.bitcoin.source {
        SourceKind::Path(folder) => {
            source::from_path(folder, &place.folder().join("source")).await?
        }
        // An inventory with `release` and local hosts does not validate.
        SourceKind::Crate | SourceKind::Release => {
            source::from_crate(&caches.join("source")).await?
        }
    };
    let inputs = Inputs::new(source, image.to_string())?;
    let cache = Cache::open(&caches.join("nix"))?;
    let known = cache.look_up(&inputs.key());
    let instructor = place.instructor_key()?;
    let parallel = options.parallel.unwrap_or(inventory.hosts.parallel).max(1);
    let builder_runs = there
        .iter()
        .any(|host| host.name == BUILDER && host.running);
    let run = Arc::new(Run {
        inventory,
        local,
        subnet,
        place: Mutex::new(place),
        instructor,
        cache,
        inputs,
        built: OnceCell::new(),
        events: options.events,
    });

    // A builder that is missing or has to build begins at once, beside the others.
    let eager = (known.is_none() || !builder_runs).then(|| {
        let run = Arc::clone(&run);
        tokio::spawn(async move { run.closure().await })
    });
    let hosts: Vec<PlannedHost> = hosts
        .into_iter()
        .filter(|host| options.only.is_empty() || options.only.contains(&host.name))
        .collect();
    let gate = Arc::new(Semaphore::new(parallel));
    let created = side_by_side(&gate, &hosts, {
        let run = Arc::clone(&run);
        move |host| {
            let run = Arc::clone(&run);
            async move { run.create(&host).await }
        }
    })
    .await;

    // A node's neighbours include hosts that this run leaves out, so all known addresses count.
    let ring = run.ring(&created);
    let reports = side_by_side(&gate, &hosts, {
        let (run, known, ring) = (Arc::clone(&run), known.clone(), Arc::new(ring));
        let created = Arc::new(created);
        move |host| {
            let (run, known, ring) = (Arc::clone(&run), known.clone(), Arc::clone(&ring));
            let address = created[&host.name].clone();
            async move { run.configure(host, address, known, &ring).await }
        }
    })
    .await;
    if let Some(eager) = eager {
        // The hosts waited for it where they needed it; a builder that nobody needed still gets finished.
        let _ = eager.await;
    }
    run.write_ssh_files()?;
    let mut reports = reports;
    Ok(hosts
        .iter()
        .filter_map(|host| reports.remove(&host.name))
        .collect())
}

/// Runs `work` for every host, at most as many at once as `gate` lets through.
async fn side_by_side<T, F>(
    gate: &Arc<Semaphore>,
    hosts: &[PlannedHost],
    work: impl Fn(PlannedHost) -> F,
) -> BTreeMap<String, T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut set = JoinSet::new();
    for host in hosts {
        let (name, work, gate) = (host.name.clone(), work(host.clone()), Arc::clone(gate));
        set.spawn(async move {
            let _permit = gate.acquire_owned().await;
            (name, work.await)
        });
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

pub(crate) fn workshop_id(place: &Workplace) -> WorkshopId {
    place
        .state()
        .id
        .parse()
        .unwrap_or_else(|_| unreachable!("the journal holds an id that we made"))
}

impl Run {
    fn place(&self) -> std::sync::MutexGuard<'_, Workplace> {
        // Every record is whole in itself, so a panic elsewhere leaves nothing half-written.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reporter(&self, host: &str) -> Reporter {
        Reporter::new(host, self.events.clone())
    }

    /// Makes or starts a host; the provider leaves a running one alone.
    async fn create(&self, host: &PlannedHost) -> Result<IpAddr, Failure> {
        let address = self
            .create_unreported(&host.name, host.index, host.action, vec![])
            .await;
        if let Err(failure) = &address {
            self.reporter(&host.name).failed(failure.line());
        }
        address
    }

    async fn create_unreported(
        &self,
        name: &str,
        index: u8,
        action: Action,
        binds: Vec<(std::path::PathBuf, std::path::PathBuf)>,
    ) -> Result<IpAddr, Failure> {
        let limits = &self.inventory.hosts.limits;
        let changes = matches!(action, Action::Create | Action::Start);
        let spec = {
            let place = self.place();
            let host_key = place.host_key(name).map_err(|error| Failure::new(&error))?;
            HostSpec {
                name: name.to_owned(),
                index,
                host_key: host_key.private_text().map_err(|error| Failure {
                    message: error.to_string(),
                    hint: None,
                })?,
                root_key: self.instructor.public_line(),
                // The builder is the instructor's and may use the machine.
                limits: if name == BUILDER {
                    HostLimits::default()
                } else {
                    HostLimits {
                        memory_bytes: Some(limits.memory.as_bytes()),
                        cpus: Some(f64::from(limits.cpus.as_millis()) / 1000.0),
                        pids: Some(limits.pids),
                    }
                },
                binds,
            }
        };
        if changes {
            self.reporter(name).doing(if action == Action::Create {
                "creating"
            } else {
                "starting"
            });
            self.record(Event::Intent {
                host: name.to_owned(),
                effect: Effect::Create,
            })?;
        }
        match self.local.create(&spec).await {
            Ok(address) => {
                let known = self
                    .place()
                    .state()
                    .hosts
                    .get(name)
                    .and_then(|host| host.address);
                if changes || known != Some(address) {
                    self.record(Event::Done {
                        host: name.to_owned(),
                        effect: Effect::Create,
                        address: Some(address),
                    })?;
                }
                Ok(address)
            }
            Err(error) => {
                let failure = Failure::new(&error);
                self.record_failure(name, Effect::Create, &failure)?;
                Err(failure)
            }
        }
    }

    fn record(&self, event: Event) -> Result<(), Failure> {
        self.place()
            .record(event)
            .map_err(|error| Failure::new(&error))
    }

    fn record_failure(&self, host: &str, effect: Effect, failure: &Failure) -> Result<(), Failure> {
        self.record(Event::Failed {
            host: host.to_owned(),
            effect,
            error: failure.line().to_owned(),
        })
    }

    fn target(&self, name: &str, address: IpAddr) -> Result<Target, Failure> {
        let host_key = self
            .place()
            .host_key(name)
            .map_err(|error| Failure::new(&error))?;
        Ok(Target {
            name: name.to_owned(),
            address: SocketAddr::new(address, 22),
            user: "root".into(),
            host_key: host_key.public(),
        })
    }

    /// The closure in a builder that serves it: asked for by whoever needs it first, made once.
    async fn closure(&self) -> Result<Closure, Failure> {
        let built = self.built.get_or_init(|| async {
            let built = self.build().await;
            match &built {
                Ok(_) => self.reporter(BUILDER).done("serves the closure"),
                Err(failure) => self.reporter(BUILDER).failed(failure.line()),
            }
            built
        });
        built.await.clone()
    }

    async fn build(&self) -> Result<Closure, Failure> {
        let report = self.reporter(BUILDER);
        let running = self
            .local
            .list()
            .await
            .map_err(|error| Failure::new(&error))?
            .iter()
            .find(|host| host.name == BUILDER)
            .map(|host| host.running);
        let action = match running {
            None => Action::Create,
            Some(false) => Action::Start,
            Some(true) => Action::Check,
        };
        let binds = vec![(self.cache.folder().to_owned(), builder::CACHE_FOLDER.into())];
        let address = self
            .create_unreported(BUILDER, BUILDER_INDEX, action, binds)
            .await?;
        report.doing("booting");
        let ssh = Ssh::connect_when_up(
            &self.target(BUILDER, address)?,
            self.instructor.private(),
            BOOT,
        )
        .await
        .map_err(|error| Failure::new(&error))?;
        report.doing("preparing");
        self.record(Event::Intent {
            host: BUILDER.into(),
            effect: Effect::Configure,
        })?;
        let steps = builder::steps(&self.cache);
        let result = async {
            let seen = run::gather(BUILDER, &ssh, &steps, Limits::default())
                .await
                .map_err(|error| Failure::new(&error))?;
            run::change(BUILDER, &ssh, &steps, &seen, &report)
                .await
                .map_err(|error| Failure::new(&error))?;
            match self.cache.look_up(&self.inputs.key()) {
                Some(closure) => Ok(closure),
                None => builder::build(&ssh, &self.inputs, &self.cache, &report)
                    .await
                    .map_err(|error| Failure::new(&error)),
            }
        }
        .await;
        ssh.close().await;
        match &result {
            Ok(_) => {
                self.record(Event::Done {
                    host: BUILDER.into(),
                    effect: Effect::Configure,
                    address: None,
                })?;
            }
            Err(failure) => self.record_failure(BUILDER, Effect::Configure, failure)?,
        }
        result
    }

    /// Everybody's address by name, those of hosts left out of this run included, in the subnet's order.
    fn ring(&self, created: &BTreeMap<String, Result<IpAddr, Failure>>) -> Vec<(String, IpAddr)> {
        let place = self.place();
        let mut ring: Vec<(u8, String, IpAddr)> = place
            .state()
            .hosts
            .iter()
            .filter(|(_, host)| host.role != Role::Builder)
            .filter_map(|(name, host)| {
                let address = match created.get(name) {
                    Some(created) => created.as_ref().ok().copied().or(host.address),
                    None => host.address,
                };
                Some((host.index, name.clone(), address?))
            })
            .collect();
        ring.sort();
        ring.into_iter()
            .map(|(_, name, address)| (name, address))
            .collect()
    }

    async fn configure(
        &self,
        host: PlannedHost,
        address: Result<IpAddr, Failure>,
        known: Option<Closure>,
        ring: &[(String, IpAddr)],
    ) -> HostReport {
        let report = self.reporter(&host.name);
        let fingerprint = self
            .place()
            .host_key(&host.name)
            .map(|key| key.fingerprint())
            .unwrap_or_default();
        let result = match address.clone() {
            Ok(address) => {
                self.configure_at(&host, address, known, ring, &report)
                    .await
            }
            Err(failure) => Err(failure),
        };
        let host_report = HostReport {
            address: address.ok(),
            fingerprint,
            result,
            host,
        };
        match &host_report.result {
            Ok(_) => report.done(match host_report.changed_steps().len() {
                0 => "verified, nothing to do".to_owned(),
                n => format!("verified, {n} steps changed"),
            }),
            Err(failure) => report.failed(failure.line()),
        }
        host_report
    }

    async fn configure_at(
        &self,
        host: &PlannedHost,
        address: IpAddr,
        known: Option<Closure>,
        ring: &[(String, IpAddr)],
        report: &Reporter,
    ) -> Result<Vec<(&'static str, StepResult)>, Failure> {
        let name = &host.name;
        if host.action != Action::Check {
            report.doing("booting");
        }
        let attempt = async {
            let ssh = Ssh::connect_when_up(
                &self.target(name, address)?,
                self.instructor.private(),
                BOOT,
            )
            .await
            .map_err(|error| Failure::new(&error))?;
            let closure = match known {
                Some(closure) => closure,
                None => {
                    report.doing("waiting for the builder");
                    self.closure().await?
                }
            };
            let steps = steps::host(&self.context(host, closure, ring));
            let seen = run::gather(name, &ssh, &steps, Limits::default())
                .await
                .map_err(|error| Failure::new(&error))?;
            if seen.iter().any(|seen| *seen != Seen::Satisfied) {
                // The host may have to fetch from the builder: it must be there and serve.
                report.doing("waiting for the builder");
                self.closure().await?;
                self.record(Event::Intent {
                    host: name.clone(),
                    effect: Effect::Configure,
                })?;
                report.doing("configuring");
            }
            let results = run::change(name, &ssh, &steps, &seen, report)
                .await
                .map_err(|error| Failure::new(&error))?;
            ssh.close().await;
            Ok(steps.iter().map(|step| step.id).zip(results).collect())
        };
        let result: Result<Vec<_>, Failure> = attempt.await;
        match &result {
            Ok(_) => {
                let verified = self
                    .place()
                    .state()
                    .hosts
                    .get(name)
                    .is_some_and(|host| host.verified);
                if !verified {
                    self.record(Event::Done {
                        host: name.clone(),
                        effect: Effect::Configure,
                        address: None,
                    })?;
                }
            }
            Err(failure) => self.record_failure(name, Effect::Configure, failure)?,
        }
        result
    }

    fn context(
        &self,
        host: &PlannedHost,
        closure: Closure,
        ring: &[(String, IpAddr)],
    ) -> HostContext {
        let inventory = &self.inventory;
        let person = inventory
            .participants
            .iter()
            .find(|person| host.role == Role::Participant && person.name == host.identity);
        let at = ring
            .iter()
            .position(|(name, _)| *name == host.name)
            .unwrap_or(0);
        let neighbours = ring
            .iter()
            .cycle()
            .skip(at + 1)
            .take(RING.min(ring.len().saturating_sub(1)));
        let mut peers: Vec<IpAddr> = neighbours.map(|(_, address)| *address).collect();
        peers.sort();
        let builder = IpAddr::from(self.subnet.host(BUILDER_INDEX));
        HostContext {
            workshop: inventory.workshop.name.clone(),
            word: host.name.clone(),
            participant: person.map(|person| person.name.clone()),
            participant_key: person.map(|person| person.key.authorized_line()),
            deadline: inventory
                .workshop
                .deadline
                .as_ref()
                .map(|at| at.strftime("%A, %-d %B %Y, %H:%M %Z").to_string()),
            chain: match inventory.bitcoin.chain {
                Chain::Testnet4 => ChainParams::TESTNET4,
                Chain::Signet => ChainParams::SIGNET,
                Chain::Testnet3 => ChainParams::TESTNET3,
                Chain::Regtest => ChainParams::REGTEST,
            },
            prune: inventory.bitcoin.prune,
            addnode: inventory
                .bitcoin
                .addnode
                .iter()
                .map(ToString::to_string)
                .collect(),
            peers,
            isolated: true,
            memory_bytes: Some(inventory.hosts.limits.memory.as_bytes()),
            core_version: self.inputs.source.version.clone(),
            cache_url: format!("http://{}", SocketAddr::new(builder, CACHE_PORT)),
            cache_key: self.cache.public_key().to_owned(),
            closure,
            profile: PROFILE,
        }
    }

    fn write_ssh_files(&self) -> Result<(), ProvisionError> {
        ssh_files::write(&self.place()).map_err(|source| ProvisionError::SshFiles { source })
    }
}
