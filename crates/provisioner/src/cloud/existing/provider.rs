//! [`Existing`]: machines become hosts and are given back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::ExistingError;
use super::adopt::{self, Adopted, Machine as Facts, Problem, Undone};
use super::looks::line;
use super::record::Record;
use super::ways::{Ways, as_root};
use crate::cloud::{Endpoint, HostSpec, HostStatus, Leftover, LeftoverKind, WorkshopId};
use crate::host::{Limits, Output, Script, Ssh, SshError};
use crate::inventory;
use crate::state::Keys;

/// A machine that is up answers at once; one behind a slow link may need a few seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Putting back removes gigabytes.
const UNDO: Duration = Duration::from_secs(600);

/// Machines that somebody already has, as the hosts of one workshop.
#[derive(Clone, Debug)]
pub struct Existing {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) workshop: WorkshopId,
    /// `.workshop/`
    pub(super) folder: PathBuf,
    /// What the inventory says; none for those that only look or take down.
    pub(super) machines: Option<inventory::Existing>,
    pub(super) ways: Ways,
    /// Which machine each host without a record gets.
    pub(super) chosen: Mutex<BTreeMap<String, inventory::Machine>>,
    /// What was seen of these machines, or why it was not.
    pub(super) seen: Mutex<BTreeMap<String, Result<Facts, ExistingError>>>,
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

    /// The system of the machines that are hosts, which all have the same; none before the first is one.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub(crate) fn system(workplace: &Path) -> Result<Option<String>, ExistingError> {
        let all = Record::all(workplace)?;
        Ok(all.into_iter().next().map(|(_, record)| record.system))
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
            // Our key was never put there, or the participant, who is root, took it away, or we lost it.
            Err(ExistingError::Ssh(SshError::Refused { .. }) | ExistingError::Key(_)) => {
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

pub(super) fn failed(
    host: String,
    address: Endpoint,
    doing: &'static str,
    tail: &[String],
) -> ExistingError {
    ExistingError::Failed {
        host,
        address,
        doing,
        said: tail.join("\n  "),
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Every change is whole in itself.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
