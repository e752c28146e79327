//! What machines are like before they are taken over. Changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ExistingError;
use super::adopt::{self, Machine as Facts, Problem};
use super::places::Placed;
use super::provider::{Existing, PATIENCE, failed, lock};
use super::record::{Record, Way};
use super::trust::Trusted;
use super::ways::{as_root, way};
use crate::cloud::Endpoint;
use crate::host::{Limits, Ssh};
use crate::inventory;
use crate::plan::{BUILDER, BUILDER_INDEX};

/// Machines looked at side by side.
const LOOKS: usize = 16;

impl Existing {
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
    pub(super) fn ways_to(&self, name: &str) -> Result<(Way, Option<Way>), ExistingError> {
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
    pub(super) async fn facts(&self, name: &str, index: u16) -> Result<Facts, ExistingError> {
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
}

/// A problem and its way out.
pub(super) fn line(problem: &Problem) -> String {
    use miette::Diagnostic as _;
    let help = problem
        .help()
        .map_or_else(String::new, |help| format!(" ({help})"));
    format!("  {problem}{help}")
}
