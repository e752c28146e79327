//! Who gets which host, and how it is reached: what stands on a card. Looks at the files alone, changes nothing, and
//! knows the words before the first run does.

use std::path::Path;

use crate::cloud::Endpoint;
use crate::host::keys::fingerprint;
use crate::inventory::Inventory;
use crate::names::Word;
use crate::plan::{self, PlanError};
use crate::provision::ProvisionError;
use crate::state::{self, Keys, Role};

/// One host that the inventory asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its word.
    pub word: Word,
    /// Whose it is, as a place in [`Inventory::participants`]; none for a spare.
    pub participant: Option<usize>,
    /// Where it is, once it was made.
    pub address: Option<Endpoint>,
    /// The fingerprint of its key, `SHA256:…`, once it has one.
    pub fingerprint: Option<String>,
    /// Whether every step was satisfied when last looked at.
    pub verified: bool,
}

/// Every host that the inventory at `path` asks for, in its order, spares last. Hosts that it does not ask for any
/// more are left out.
///
/// # Errors
/// The state or a host's key cannot be read, or there are more hosts than words.
pub fn roster(inventory: &Inventory, path: &Path) -> Result<Vec<Entry>, ProvisionError> {
    let state = state::read(path)?.unwrap_or_default();
    let wanted = plan::words(inventory, &state).map_err(PlanError::from)?;
    let keys = Keys::of(path);
    let mut people = 0..inventory.participants.len();
    wanted
        .into_iter()
        .map(|wanted| {
            let name = wanted.word.as_str();
            let record = state.hosts.get(name);
            let key = keys.find_host(name)?;
            Ok(Entry {
                word: wanted.word,
                // `words` keeps the inventory's order.
                participant: (wanted.role == Role::Participant)
                    .then(|| people.next())
                    .flatten(),
                address: record.and_then(|host| host.address),
                fingerprint: key.as_ref().map(fingerprint),
                verified: record.is_some_and(|host| host.verified),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Effect, Event, Workplace};

    const TEXT: &str = "workshop: {name: Tracing}\nhosts: {spare: 1}\nparticipants:\n  - {name: Ada, key: ssh-ed25519 \
         AAAAC3NzaC1lZDI1NTE5AAAAILbbuaIHYQLfSUrj8NTzormAiISgPhuRPNFReXH/qcTW}\n";

    #[test]
    fn the_words_are_known_before_the_first_run_and_the_rest_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.yaml");
        let inventory = Inventory::parse(TEXT, &path, jiff::Timestamp::UNIX_EPOCH)
            .unwrap()
            .inventory;

        let before = roster(&inventory, &path).unwrap();
        let [ada, spare] = &before[..] else {
            panic!("{before:?}")
        };
        assert_eq!((ada.participant, spare.participant), (Some(0), None));
        assert!(before.iter().all(|entry| {
            entry.address.is_none() && entry.fingerprint.is_none() && !entry.verified
        }));
        // Looking made nothing.
        assert!(!folder.path().join(".workshop").exists());

        let mut place = Workplace::open(&path, "test").unwrap();
        let word = ada.word.to_string();
        let key = place.host_key(&word).unwrap();
        let address = "10.231.7.10".parse().unwrap();
        for event in [
            Event::Assigned {
                host: word.clone(),
                identity: "Ada".into(),
                role: Role::Participant,
                index: 0,
            },
            Event::Done {
                host: word.clone(),
                effect: Effect::Create,
                address: Some(address),
            },
            Event::Done {
                host: word,
                effect: Effect::Configure,
                address: None,
            },
        ] {
            place.record(event).unwrap();
        }
        let after = roster(&inventory, &path).unwrap();
        assert_eq!(
            after[0],
            Entry {
                address: Some(address),
                fingerprint: Some(key.fingerprint()),
                verified: true,
                ..ada.clone()
            }
        );
        assert_eq!(after[1], *spare);

        std::fs::write(host_key(&path, after[0].word.as_str()), "no key").unwrap();
        let error = roster(&inventory, &path).unwrap_err();
        assert!(error.to_string().ends_with("OpenSSH's format"), "{error}");
    }

    fn host_key(path: &Path, word: &str) -> std::path::PathBuf {
        state::folder_of(path)
            .join("hosts")
            .join(word)
            .join("ssh_host_ed25519_key")
    }
}
