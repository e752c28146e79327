//! Starts hosts again that are off, waits until they answer, and asks them why they were off.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Semaphore, mpsc::UnboundedSender};
use tokio::task::JoinSet;

use crate::cloud::{Endpoint, HostLimits, HostSpec, Provider};
use crate::guard::{BEFORE, FOLDER, MAX_NOTE, Note, POWER_OFF};
use crate::host::keys::KeyPair;
use crate::host::{Limits, Script, Ssh};
use crate::inventory::Inventory;
use crate::job::{JobEvent, Reporter};
use crate::plan::BUILDER;
use crate::provision::{Failure, ProvisionError, workshop_id};
use crate::state::{Effect, Event, Workplace};

/// A host on a busy machine boots in 10 s; a rented one may need a minute.
const BOOT: Duration = Duration::from_secs(120);

/// What to wake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// These, also where they run.
    Named(Vec<String>),
    /// Every one that exists and does not run.
    AllStopped,
}

/// What became of one host.
#[derive(Clone, Debug, Serialize)]
pub struct Woken {
    /// Its word.
    pub word: String,
    /// Where it answers.
    pub address: Option<Endpoint>,
    /// Whether it ran already.
    pub ran: bool,
    /// Why its guard powered it off before it was last started, as the host says; none where it was turned
    /// off by somebody, or by the machine.
    pub powered_off: Option<Note>,
    /// Why it could not be woken.
    pub error: Option<String>,
    /// The way out.
    pub hint: Option<String>,
}

impl Woken {
    /// Whether it answers.
    pub fn up(&self) -> bool {
        self.error.is_none()
    }
}

/// Starts the hosts and waits until each answers; one that cannot be woken does not stop the others. Does
/// nothing to a host that runs, so it can be run again after it was killed. In the given order; by name for
/// all.
///
/// # Errors
/// A word that no host has, or one that was never made; another run holds the workshop; the journal cannot be
/// written.
pub async fn wake(
    path: &Path,
    inventory: &Inventory,
    which: Which,
    events: Option<UnboundedSender<JobEvent>>,
) -> Result<Vec<Woken>, ProvisionError> {
    // Its timer would power it off again.
    if inventory.power_off().is_some() {
        ProvisionError::unless_over(inventory, jiff::Timestamp::now())?;
    }
    Provider::check_for(inventory)?;
    let place = Workplace::open(path, "wake")?;
    let kind = place.state().provider;
    let provider = Provider::open(kind, workshop_id(&place), place.folder(), Some(inventory))?;
    let there = provider.list().await?;
    let begun = |word: &str| {
        let record = place.state().hosts.get(word);
        record.is_some_and(|record| record.unfinished == Some(Effect::Wake))
    };
    let mut words: Vec<String> = match which {
        Which::Named(words) => words,
        // A run that was killed while its host booted has not told its end yet.
        Which::AllStopped => there
            .iter()
            .filter(|host| host.name != BUILDER)
            .filter(|host| !host.running || begun(&host.name))
            .map(|host| host.name.clone())
            .collect(),
    };
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
    let mut jobs = Vec::new();
    for word in &words {
        if word == BUILDER {
            return Err(ProvisionError::BuilderWakesItself);
        }
        let record = place.state().hosts.get(word);
        let host = there.iter().find(|host| host.name == *word);
        let (record, host) = match (record, host) {
            (Some(record), Some(host)) => (record, host),
            (Some(_), None) => return Err(ProvisionError::NotMade { word: word.clone() }),
            (None, _) => return Err(ProvisionError::NoSuchHost { word: word.clone() }),
        };
        jobs.push(Job {
            word: word.clone(),
            index: record.index,
            ran: host.running,
            begun: begun(word),
        });
    }

    let instructor = place.instructor_key()?;
    let parallel = inventory.hosts.parallel.max(1);
    let room = Arc::new(Waking {
        provider,
        limits: HostLimits::of(&inventory.hosts.limits),
        instructor,
        place: Mutex::new(place),
        gate: Semaphore::new(parallel),
    });
    let mut set = JoinSet::new();
    for (order, job) in jobs.into_iter().enumerate() {
        let (room, report) = (Arc::clone(&room), Reporter::new(&job.word, events.clone()));
        set.spawn(async move {
            let _permit = room.gate.acquire().await;
            (order, room.wake(job, &report).await)
        });
    }
    let mut woken = Vec::new();
    while let Some(joined) = set.join_next().await {
        woken.push(joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
    }
    woken.sort_by_key(|(order, _)| *order);
    Ok(woken.into_iter().map(|(_, woken)| woken).collect())
}

struct Job {
    word: String,
    index: u16,
    ran: bool,
    /// An earlier run was killed in the middle.
    begun: bool,
}

struct Waking {
    provider: Provider,
    limits: HostLimits,
    instructor: KeyPair,
    place: Mutex<Workplace>,
    gate: Semaphore,
}

impl Waking {
    async fn wake(&self, job: Job, report: &Reporter) -> Woken {
        let started = self.start(&job, report).await;
        let mut woken = Woken {
            word: job.word,
            address: None,
            ran: job.ran,
            powered_off: None,
            error: None,
            hint: None,
        };
        match started {
            Ok((address, note)) => {
                woken.address = Some(address);
                woken.powered_off = note;
                report.done(if job.ran { "runs" } else { "runs again" });
            }
            Err(failure) => {
                report.failed(failure.line());
                woken.error = Some(failure.message);
                woken.hint = failure.hint;
            }
        }
        woken
    }

    async fn start(
        &self,
        job: &Job,
        report: &Reporter,
    ) -> Result<(Endpoint, Option<Note>), Failure> {
        let word = job.word.as_str();
        let host_key = if self.provider.gives_host_keys() {
            let key = self.place().host_key(word);
            let key = key.map_err(|error| Failure::new(&error))?;
            key.private_text().map_err(|error| Failure {
                message: error.to_string(),
                hint: None,
            })?
        } else {
            String::new()
        };
        let spec = HostSpec {
            name: word.to_owned(),
            index: job.index,
            host_key,
            root_key: self.instructor.public_line(),
            limits: self.limits,
            binds: vec![],
        };
        // From outside, before it runs: its guard puts the note away when it starts.
        let note = (self.provider.note(word).await).map_err(|error| Failure::new(&error))?;
        if !job.ran {
            report.doing("starting");
            self.record(Event::Intent {
                host: word.to_owned(),
                effect: Effect::Wake,
            })?;
        }
        let address = match self.provider.create(&spec).await {
            Ok(address) => address,
            Err(error) => {
                let failure = Failure::new(&error);
                self.record(Event::Failed {
                    host: word.to_owned(),
                    effect: Effect::Wake,
                    error: failure.line().to_owned(),
                })?;
                return Err(failure);
            }
        };
        report.doing(if job.ran { "asking" } else { "booting" });
        let target = self.place().keys().root(word, address);
        let target = target.map_err(|error| Failure::new(&error))?;
        let ssh = Ssh::connect_when_up(&target, self.instructor.private(), BOOT)
            .await
            .map_err(|error| Failure::new(&error))?;
        if !job.ran || job.begun {
            self.record(Event::Done {
                host: word.to_owned(),
                effect: Effect::Wake,
                address: Some(address),
            })?;
        }
        let note = match note {
            Some(note) => Some(note),
            None => asked(&ssh).await,
        };
        ssh.close().await;
        Ok((address, note))
    }

    fn record(&self, event: Event) -> Result<(), Failure> {
        self.place()
            .record(event)
            .map_err(|error| Failure::new(&error))
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Workplace> {
        // Every record is whole in itself.
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the host itself says of why it was off: also where it was started by somebody else, or by a run of
/// ours that was killed before it could tell. A host that does not say is no failure: it runs.
async fn asked(ssh: &Ssh) -> Option<Note> {
    // Before the guard has started, its note is still where it left it.
    let script = Script::new(&format!(
        "cd /{FOLDER} 2>/dev/null || exit 0\n\
         for f in {POWER_OFF} {BEFORE}; do [ -f $f ] && exec head -c {MAX_NOTE} $f; done"
    ));
    let limits = Limits {
        deadline: Duration::from_secs(20),
        output: MAX_NOTE,
    };
    let output = ssh.run(&script, limits).await.ok()?;
    Note::read(output.text.as_bytes())
}
