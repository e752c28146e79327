//! Which machine a host is on, or would be.

use std::collections::{BTreeMap, BTreeSet};

use super::ExistingError;
use super::provider::{Existing, lock};
use super::record::Record;
use crate::cloud::Endpoint;
use crate::inventory;
use crate::plan::{BUILDER, BUILDER_INDEX};

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
    /// Whether it is taken over only if the named cache fails: the machine that builds.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_reserve: bool,
}

impl Existing {
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
                    in_reserve: false,
                })
            })
            .collect()
    }

    /// The machine for a host without a record: the one of its place, or the last that is free. Once chosen, it stays.
    pub(super) fn choose(
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
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cloud::existing::Way;
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
