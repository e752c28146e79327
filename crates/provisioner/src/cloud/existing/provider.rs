//! [`Existing`]: machines become hosts and are given back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ExistingError;
use super::adopt::{self, Adopted, Machine as Facts, Problem, Undone};
use super::record::{Record, Way};
use super::trust::Trusted;
use super::ways::{Ways, as_root, way};
use crate::cloud::{Endpoint, HostSpec, HostStatus, Leftover, LeftoverKind, WorkshopId};
use crate::host::{Limits, Output, Script, Ssh, SshError};
use crate::inventory;
use crate::plan::{BUILDER, BUILDER_INDEX};
use crate::state::Keys;

/// A machine that is up answers at once; one behind a slow link may need a few seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Putting back removes gigabytes.
const UNDO: Duration = Duration::from_secs(600);

/// Machines looked at side by side.
const LOOKS: usize = 16;

/// Machines that somebody already has, as the hosts of one workshop.
#[derive(Clone, Debug)]
pub struct Existing {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    workshop: WorkshopId,
    /// `.workshop/`
    folder: PathBuf,
    /// What the inventory says; none for those that only look or take down.
    machines: Option<inventory::Existing>,
    ways: Ways,
    /// Which machine each host without a record gets.
    chosen: Mutex<BTreeMap<String, inventory::Machine>>,
    /// What was seen of these machines, or why it was not.
    seen: Mutex<BTreeMap<String, Result<Facts, ExistingError>>>,
}

/// A host and the machine that it is on, or would be.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Placed {
    /// The host's word.
    pub word: String,
    /// The machine.
    pub address: Endpoint,
    /// Whom we log in as before it is ours.
    pub user: String,
    /// Whether it is ours already.
    #[serde(skip)]
    pub adopted: bool,
}

impl Existing {
    /// Of the workshop whose folder is `workplace`.
    pub fn new(
        workshop: WorkshopId,
        workplace: &Path,
        machines: Option<&inventory::Existing>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                workshop,
                folder: workplace.to_owned(),
                machines: machines.cloned(),
                ways: Ways::default(),
                chosen: Mutex::default(),
                seen: Mutex::default(),
            }),
        }
    }

    /// Which machine each of these hosts is on, or would be. Machines are given in the inventory's order.
    ///
    /// # Errors
    /// A record that cannot be read; not enough machines.
    pub fn placed(&self, hosts: &[(String, u16)]) -> Result<Vec<Placed>, ExistingError> {
        let records: BTreeMap<String, Record> =
            Record::all(&self.inner.folder)?.into_iter().collect();
        hosts
            .iter()
            .map(|(word, index)| {
                let (machine, adopted) = match records.get(word) {
                    Some(record) => (
                        (record.machine.address, record.machine.user.clone()),
                        record.adopted,
                    ),
                    None => {
                        let machine = self.choose(word, *index, &records)?;
                        ((machine.address, machine.user), false)
                    }
                };
                Ok(Placed {
                    word: word.clone(),
                    address: machine.0,
                    user: machine.1,
                    adopted,
                })
            })
            .collect()
    }

    /// Looks at every machine of these hosts that is not ours yet, side by side, and changes nothing. What is wrong with
    /// one is told when its host is made. The system of the one that builds, and where that answers.
    ///
    /// # Errors
    /// Host keys that nobody accepted; the machine that builds cannot be used.
    pub(crate) async fn prepare(
        &self,
        hosts: &[(String, u16)],
    ) -> Result<(String, Endpoint), ExistingError> {
        let mut hosts = hosts.to_vec();
        if hosts.iter().all(|(word, _)| word != BUILDER) {
            hosts.push((BUILDER.to_owned(), BUILDER_INDEX));
        }
        let placed = self.placed(&hosts)?;
        let missing: Vec<&Placed> = placed.iter().filter(|host| !host.adopted).collect();
        if !missing.is_empty() {
            self.check_trust(&missing)?;
        }
        let gate = Arc::new(Semaphore::new(LOOKS));
        let mut set = JoinSet::new();
        for host in missing {
            let (existing, word, gate) = (self.clone(), host.word.clone(), Arc::clone(&gate));
            set.spawn(async move {
                let _permit = gate.acquire_owned().await;
                let facts = existing.look(&word).await;
                (word, facts)
            });
        }
        while let Some(joined) = set.join_next().await {
            let (word, facts) =
                joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            lock(&self.inner.seen).insert(word, facts);
        }
        let builder = placed.iter().find(|host| host.word == BUILDER);
        let address = builder
            .map(|host| host.address)
            .unwrap_or_else(|| unreachable!("the builder was added above"));
        let system = match Record::load(&self.inner.folder, BUILDER)? {
            Some(record) => record.system,
            None => {
                let mut seen = lock(&self.inner.seen);
                let Some(looked) = seen.remove(BUILDER) else {
                    unreachable!("a machine without a record was looked at");
                };
                let facts = looked?;
                let system = facts.system.clone();
                seen.insert(BUILDER.to_owned(), Ok(facts));
                system
            }
        };
        self.compare_systems(&system);
        Ok((system, address))
    }

    /// The hosts that are on machines, by name. Nothing is connected to: whether a machine answers, whoever connects
    /// will see.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub(crate) fn list(&self) -> Result<Vec<HostStatus>, ExistingError> {
        let all = Record::all(&self.inner.folder)?;
        let status = |(name, record): (String, Record)| HostStatus {
            name,
            address: record.machine.address,
            // One that was begun and not finished is taken up again as if it were off.
            running: record.adopted,
            made: None,
            price: None,
        };
        Ok(all.into_iter().map(status).collect())
    }

    /// Makes a machine a host, or completes that. One that is ours already is not connected to.
    ///
    /// # Errors
    /// No machine is free; it cannot be used or reached; the script failed there.
    pub(crate) async fn create(&self, spec: &HostSpec) -> Result<Endpoint, ExistingError> {
        let name = &spec.name;
        let mut record = match Record::load(&self.inner.folder, name)? {
            Some(record) if record.adopted => return Ok(record.machine.address),
            record => {
                // A machine may have changed since an earlier run began with it.
                let facts = self.facts(name, spec.index).await?;
                match record {
                    Some(record) => record,
                    None => {
                        let (machine, jump) = self.ways_to(name)?;
                        Record::new(machine, jump, facts.system)
                    }
                }
            }
        };
        // Before anything is changed, so that whatever happens it can be put back.
        record.save(&self.inner.folder, name)?;
        let (target, login) = self
            .inner
            .ways
            .own(name, &record.machine, record.jump.as_ref());
        let ssh = Ssh::connect_as(&target, &login, PATIENCE).await;
        // Killed after root was let in by our key, and the account is not let in any more.
        let ssh = match ssh {
            Err(error @ (SshError::RefusedOwn { .. } | SshError::NoKey { .. })) => {
                self.by_our_key(name, &record).await.map_err(|_| error)?
            }
            ssh => ssh?,
        };
        let script = adopt::adopt(&self.inner.workshop, name, &spec.root_key);
        let output = run(&ssh, script).await?;
        ssh.close().await;
        let (host, address) = (name.clone(), record.machine.address);
        match adopt::read_adopt(&output) {
            Adopted::Yes => {}
            Adopted::Another { label, word } => {
                return Err(ExistingError::Another {
                    host,
                    address,
                    label,
                    word,
                });
            }
            Adopted::Taken(what) => {
                return Err(ExistingError::Unfit {
                    host,
                    address,
                    problems: line(&Problem::Taken { what }),
                });
            }
            Adopted::Failed(tail) => return Err(failed(host, address, "taking over", &tail)),
        }
        record.adopted = true;
        record.save(&self.inner.folder, name)?;
        Ok(record.machine.address)
    }

    /// Puts back what was there before; what the instructor should know all the same. `keep` keeps the machine for the
    /// host.
    ///
    /// # Errors
    /// It cannot be reached; something could not be put back, which can be tried again.
    pub(crate) async fn undo(&self, name: &str, keep: bool) -> Result<Vec<String>, ExistingError> {
        let folder = &self.inner.folder;
        let Some(mut record) = Record::load(folder, name)? else {
            return Ok(vec![]);
        };
        let ssh = match self.by_our_key(name, &record).await {
            // Our key was never put there, or the participant, who is root, took it away.
            Err(ExistingError::Ssh(SshError::Refused { .. })) => {
                let (target, login) =
                    self.inner
                        .ways
                        .own(name, &record.machine, record.jump.as_ref());
                Ssh::connect_as(&target, &login, PATIENCE).await?
            }
            ssh => ssh?,
        };
        let output = run(&ssh, adopt::undo(&self.inner.workshop)).await?;
        ssh.close().await;
        let (host, address) = (name.to_owned(), record.machine.address);
        let notes = match adopt::read_undo(&output) {
            Undone::Gone { notes } => notes,
            // Given back by hand and taken by another one since: there is nothing of ours.
            Undone::Another { label, word } => {
                vec![format!(
                    "{address} is a host of another workshop now ({label}, `{word}`)"
                )]
            }
            Undone::Left(left) => {
                return Err(ExistingError::Left {
                    host,
                    address,
                    left,
                });
            }
            Undone::Failed(tail) => {
                return Err(failed(host, address, "putting back what was on", &tail));
            }
        };
        if keep {
            record.adopted = false;
            record.save(folder, name)?;
        } else {
            Record::remove(folder, name)?;
        }
        Ok(notes)
    }

    /// Forgets a machine that is gone, without putting anything back.
    ///
    /// # Errors
    /// Its record cannot be removed.
    pub(crate) fn forget(&self, name: &str) -> Result<(), ExistingError> {
        Ok(Record::remove(&self.inner.folder, name)?)
    }

    /// Hosts of which something is still on a machine, as far as that was written down.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub(crate) fn leftovers(&self) -> Result<Vec<Leftover>, ExistingError> {
        let all = Record::all(&self.inner.folder)?;
        let left = |(name, _)| Leftover {
            workshop: self.inner.workshop.clone(),
            kind: LeftoverKind::Host,
            name,
        };
        Ok(all.into_iter().map(left).collect())
    }

    /// The machine for a host without a record: the one of its place, or the last that is free. Once chosen, it stays.
    fn choose(
        &self,
        word: &str,
        index: u16,
        records: &BTreeMap<String, Record>,
    ) -> Result<inventory::Machine, ExistingError> {
        let Some(machines) = &self.inner.machines else {
            return Err(ExistingError::NoInventory {
                host: word.to_owned(),
            });
        };
        let mut chosen = lock(&self.inner.chosen);
        if let Some(machine) = chosen.get(word) {
            return Ok(machine.clone());
        }
        let taken: BTreeSet<Endpoint> = records
            .values()
            .map(|record| record.machine.address)
            .chain(chosen.values().map(|machine| machine.address))
            .collect();
        let free = |machine: &&inventory::Machine| !taken.contains(&machine.address);
        let machine = if word == BUILDER {
            machines.builder().filter(free)
        } else {
            // The builder's index stands for no machine of this list.
            let at = index - u16::from(index > BUILDER_INDEX);
            let own = machines.for_hosts().nth(at.into()).filter(free);
            own.or_else(|| machines.for_hosts().filter(free).last())
        };
        let machine = machine.cloned().ok_or_else(|| ExistingError::NoneFree {
            host: word.to_owned(),
        })?;
        chosen.insert(word.to_owned(), machine.clone());
        Ok(machine)
    }

    fn check_trust(&self, hosts: &[&Placed]) -> Result<(), ExistingError> {
        let trusted = Trusted::load(&self.inner.folder)?;
        let mut machines = Vec::new();
        if let Some(jump) = self.inner.machines.as_ref().and_then(|it| it.jump.as_ref())
            && way(jump, &trusted).is_none()
        {
            machines.push(jump.address);
        }
        let chosen = lock(&self.inner.chosen);
        for host in hosts {
            // One with a record was trusted when that was written.
            if let Some(machine) = chosen.get(&host.word)
                && way(machine, &trusted).is_none()
            {
                machines.push(machine.address);
            }
        }
        if machines.is_empty() {
            return Ok(());
        }
        Err(ExistingError::NotTrusted { machines })
    }

    /// How to get to the machine of a host, whether or not there is a record.
    fn ways_to(&self, name: &str) -> Result<(Way, Option<Way>), ExistingError> {
        if let Some(record) = Record::load(&self.inner.folder, name)? {
            return Ok((record.machine, record.jump));
        }
        let trusted = Trusted::load(&self.inner.folder)?;
        let known = |machine: &inventory::Machine| {
            way(machine, &trusted).ok_or(ExistingError::NotTrusted {
                machines: vec![machine.address],
            })
        };
        let chosen = lock(&self.inner.chosen).get(name).cloned();
        let machine = chosen.ok_or_else(|| ExistingError::NoneFree {
            host: name.to_owned(),
        })?;
        let jump = self.inner.machines.as_ref().and_then(|it| it.jump.as_ref());
        Ok((known(&machine)?, jump.map(known).transpose()?))
    }

    /// What the machine of the host `name` is like. Changes nothing.
    async fn look(&self, name: &str) -> Result<Facts, ExistingError> {
        let (machine, jump) = self.ways_to(name)?;
        let (target, login) = self.inner.ways.own(name, &machine, jump.as_ref());
        let ssh = Ssh::connect_as(&target, &login, PATIENCE).await?;
        let script = as_root(&machine.user, adopt::look());
        let output = ssh.run(&script, Limits::default()).await?;
        ssh.close().await;
        let facts = adopt::read_look(&output.text)
            .map_err(|error| failed(name.to_owned(), machine.address, "looking at", &error.tail))?;
        let problems = adopt::problems(&facts, &self.inner.workshop, name);
        if problems.is_empty() {
            return Ok(facts);
        }
        let lines: Vec<String> = problems.iter().map(line).collect();
        Err(ExistingError::Unfit {
            host: name.to_owned(),
            address: machine.address,
            problems: lines.join("\n"),
        })
    }

    /// What was seen of the machine, or is now.
    async fn facts(&self, name: &str, index: u16) -> Result<Facts, ExistingError> {
        let seen = lock(&self.inner.seen).remove(name);
        if let Some(facts) = seen {
            return facts;
        }
        let records = Record::all(&self.inner.folder)?
            .into_iter()
            .collect::<BTreeMap<_, _>>();
        if !records.contains_key(name) {
            self.choose(name, index, &records)?;
        }
        self.look(name).await
    }

    /// Puts an error in the place of what was seen where the system is another than the builder's.
    fn compare_systems(&self, builder: &str) {
        let chosen = lock(&self.inner.chosen).clone();
        for (host, seen) in lock(&self.inner.seen).iter_mut() {
            let Ok(facts) = seen else { continue };
            if facts.system != builder
                && let Some(machine) = chosen.get(host)
            {
                *seen = Err(ExistingError::OtherSystem {
                    host: host.clone(),
                    address: machine.address,
                    is: facts.system.clone(),
                    builder: builder.to_owned(),
                });
            }
        }
    }

    async fn by_our_key(&self, name: &str, record: &Record) -> Result<Ssh, ExistingError> {
        let key = Keys::in_folder(&self.inner.folder).instructor()?;
        let target = self.inner.ways.root(name, record);
        Ok(Ssh::connect(&target, key.private(), PATIENCE).await?)
    }
}

/// Runs a script as root, as whoever we are there.
async fn run(ssh: &Ssh, script: Script) -> Result<Output, SshError> {
    let script = as_root(ssh.user(), script);
    let limits = Limits {
        deadline: UNDO,
        ..Limits::default()
    };
    ssh.run(&script, limits).await
}

/// A problem and its way out.
fn line(problem: &Problem) -> String {
    use miette::Diagnostic as _;
    let help = problem
        .help()
        .map_or_else(String::new, |help| format!(" ({help})"));
    format!("  {problem}{help}")
}

fn failed(host: String, address: Endpoint, doing: &'static str, tail: &[String]) -> ExistingError {
    ExistingError::Failed {
        host,
        address,
        doing,
        said: tail.join("\n  "),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Every change is whole in itself.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::keys::KeyPair;

    fn machine(last: u8) -> inventory::Machine {
        inventory::Machine {
            address: [192, 0, 2, last].into(),
            user: "root".into(),
            identity: None,
            host_key: None,
            builder: false,
        }
    }

    /// Machines 1 to `count`; the last one builds.
    fn existing(folder: &Path, count: u8) -> Existing {
        let machines = inventory::Existing {
            machines: (1..=count).map(machine).collect(),
            jump: None,
        };
        Existing::new("0badcafe".parse().unwrap(), folder, Some(&machines))
    }

    fn record(folder: &Path, word: &str, last: u8, adopted: bool) {
        let key = KeyPair::load_or_create(&folder.join("key"), "").unwrap();
        let way = Way::to(&machine(last), key.public());
        let mut record = Record::new(way, None, "debian-13-amd64".into());
        record.adopted = adopted;
        record.save(folder, word).unwrap();
    }

    fn placed(existing: &Existing, hosts: &[(&str, u16)]) -> Vec<String> {
        let hosts: Vec<(String, u16)> = hosts
            .iter()
            .map(|(word, index)| ((*word).to_owned(), *index))
            .collect();
        let told = |one: Placed| {
            let new = if one.adopted { "" } else { " new" };
            format!("{} {}{new}", one.word, one.address)
        };
        match existing.placed(&hosts) {
            Ok(placed) => placed.into_iter().map(told).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    #[test]
    fn machines_are_given_in_the_inventorys_order_and_stay_with_their_host() {
        let folder = tempfile::tempdir().unwrap();
        let five = existing(folder.path(), 5);
        assert_eq!(
            placed(
                &five,
                &[("able", 0), ("zoo", 2), ("builder", BUILDER_INDEX)]
            ),
            [
                "able 192.0.2.1 new",
                "zoo 192.0.2.3 new",
                "builder 192.0.2.5 new"
            ]
        );
        // The inventory's machines were put in another order since, and somebody's was left out.
        record(folder.path(), "able", 4, true);
        record(folder.path(), "zoo", 99, false);
        let five = existing(folder.path(), 5);
        assert_eq!(
            placed(&five, &[("able", 0), ("zoo", 2), ("acid", 3), ("acorn", 1)]),
            [
                "able 192.0.2.4",
                "zoo 192.0.2.99 new",
                "acid 192.0.2.3 new",
                "acorn 192.0.2.2 new"
            ]
        );
        assert_eq!(
            placed(
                &existing(folder.path(), 2),
                &[("able", 0), ("acid", 0), ("acorn", 1)]
            ),
            ["no machine of the inventory is free for acorn"]
        );
    }

    #[test]
    fn what_was_begun_is_taken_up_again_and_never_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), "able", 1, true);
        record(folder.path(), "zoo", 2, false);
        let nobody = Existing::new("0badcafe".parse().unwrap(), folder.path(), None);
        let runs: Vec<bool> = nobody
            .list()
            .unwrap()
            .iter()
            .map(|host| host.running)
            .collect();
        assert_eq!(runs, [true, false]);
        let left = nobody.leftovers().unwrap();
        assert_eq!(
            left.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
            ["able", "zoo"]
        );
        nobody.forget("zoo").unwrap();
        assert_eq!(nobody.list().unwrap().len(), 1);
    }

    #[test]
    fn machines_whose_keys_nobody_accepted_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        let three = existing(folder.path(), 3);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let error = runtime
            .block_on(three.prepare(&[("able".into(), 0)]))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the host keys of these machines are not known: 192.0.2.1, 192.0.2.3"
        );
    }
}
