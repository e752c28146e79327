//! What we did, written down beside the inventory so that any later run can go on from it.
//!
//! `.workshop/` (0700) holds the journal, the lock and our keys. The journal is append-only: an intent
//! before each outside effect, its result after it. The state is what the journal adds up to.

pub mod files;
mod journal;
mod lock;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use journal::{Effect, Event, JournalError, Role};
pub use lock::{LockError, Locked};

use russh::keys::PublicKey;

use crate::cloud::Endpoint;
use crate::cloud::existing::ways::Ways;
use crate::cloud::existing::{Record, RecordError, Way};
use crate::host::Target;
use crate::host::keys::{KeyFileError, KeyPair};
use crate::inventory::ProviderKind;
use journal::Journal;

/// One host as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRecord {
    /// What the host is for.
    pub role: Role,
    /// Whom its name hangs on: a participant's name, `spare 1`, or `builder`.
    pub identity: String,
    /// Its place in the workshop.
    pub index: u16,
    /// An effect that was begun and whose result is not known: the run was killed there.
    pub unfinished: Option<Effect>,
    /// The address it was given, once it was created.
    pub address: Option<Endpoint>,
    /// Whether every step was satisfied at the end of the last run that looked.
    pub verified: bool,
    /// The last failure, until a later run succeeds.
    pub failure: Option<String>,
}

/// What the journal adds up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The label of everything that belongs to this workshop: 8 hex digits.
    pub id: String,
    /// Where its hosts come from.
    pub provider: ProviderKind,
    /// Hosts by name (their word).
    pub hosts: BTreeMap<String, HostRecord>,
}

impl State {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::Founded { id } => self.id.clone_from(id),
            Event::Provider { provider } => self.provider = *provider,
            Event::Assigned {
                host,
                identity,
                role,
                index,
            } => {
                // A spare that became somebody's stays where it is.
                let address = self.hosts.get(host).and_then(|record| record.address);
                self.hosts.insert(
                    host.clone(),
                    HostRecord {
                        role: *role,
                        identity: identity.clone(),
                        index: *index,
                        unfinished: None,
                        address,
                        verified: false,
                        failure: None,
                    },
                );
            }
            Event::Intent { host, effect } => self.change(host, |record| {
                record.unfinished = Some(*effect);
                // A host that only starts again is what it was.
                record.verified &= *effect == Effect::Wake;
            }),
            Event::Done {
                host,
                effect,
                address,
            } => self.change(host, |record| {
                record.unfinished = None;
                record.failure = None;
                match effect {
                    Effect::Create | Effect::Wake => record.address = *address,
                    Effect::Configure => record.verified = true,
                    Effect::Destroy => {
                        record.address = None;
                        record.verified = false;
                    }
                }
            }),
            Event::Failed {
                host,
                error,
                effect,
            } => self.change(host, |record| {
                record.failure = Some(error.clone());
                record.verified &= *effect == Effect::Wake;
            }),
        }
    }

    fn change(&mut self, host: &str, change: impl FnOnce(&mut HostRecord)) {
        if let Some(record) = self.hosts.get_mut(host) {
            change(record);
        }
    }
}

/// The folder `.workshop/` of one inventory, locked for this process.
#[derive(Debug)]
pub struct Workplace {
    folder: PathBuf,
    keys: Keys,
    journal: Journal,
    state: State,
    // Last, so that it is given back after the journal is closed.
    _lock: Locked,
}

/// The folder beside the inventory cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum WorkplaceError {
    /// It cannot be made or read.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another run has it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Journal(#[from] JournalError),
    /// What is written down of a machine cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Machine(#[from] RecordError),
    /// A key of ours cannot be read or made.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyFileError),
}

/// The state folder of the inventory at `inventory`.
pub fn folder_of(inventory: &Path) -> PathBuf {
    inventory
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .join(".workshop")
}

/// Reads the state without a lock, for commands that only look. `None` where nothing was provisioned yet.
///
/// # Errors
/// [`WorkplaceError::Journal`].
pub fn read(inventory: &Path) -> Result<Option<State>, WorkplaceError> {
    let path = folder_of(inventory).join(journal::FILE);
    let mut state = State::default();
    match journal::read(&path, |event| state.apply(event)) {
        Ok(_) => Ok(Some(state)),
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Which of the hosts that have had a word, one after the other, is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// How often one was to be taken down before.
    pub number: u32,
    /// Whether it was ever verified.
    pub ready: bool,
}

impl Life {
    /// Whether it is made in the place of another, and nobody was given it yet.
    pub fn is_being_made(self) -> bool {
        self.number > 0 && !self.ready
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Intent {
                effect: Effect::Destroy,
                ..
            } => self.number += 1,
            Event::Done {
                effect: Effect::Destroy,
                ..
            } => self.ready = false,
            Event::Done {
                effect: Effect::Configure,
                ..
            } => self.ready = true,
            _ => {}
        }
    }
}

/// The life of each host, by word, of the workshop of the inventory at `inventory`.
///
/// # Errors
/// [`WorkplaceError::Journal`].
pub fn lives(inventory: &Path) -> Result<BTreeMap<String, Life>, WorkplaceError> {
    let mut lives: BTreeMap<String, Life> = BTreeMap::new();
    let path = folder_of(inventory).join(journal::FILE);
    let read = journal::read(&path, |event| {
        if let Event::Intent { host, .. } | Event::Done { host, .. } = event {
            lives.entry(host.clone()).or_default().apply(event);
        }
    });
    match read {
        Ok(_) => Ok(lives),
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(lives)
        }
        Err(error) => Err(error.into()),
    }
}

/// The keys of a workshop and the ways to its hosts, for commands that only look and need not wait for those that
/// change something.
#[derive(Clone, Debug)]
pub struct Keys {
    folder: PathBuf,
    ways: Ways,
}

impl Keys {
    /// Those of the workshop of the inventory at `inventory`.
    pub fn of(inventory: &Path) -> Self {
        Self::in_folder(&folder_of(inventory))
    }

    /// Those in this folder `.workshop/`.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            ways: Ways::default(),
        }
    }

    /// The key pair we log in with.
    ///
    /// # Errors
    /// [`KeyFileError`]; also when there is none yet.
    pub fn instructor(&self) -> Result<KeyPair, KeyFileError> {
        KeyPair::read(&self.folder.join(INSTRUCTOR_KEY))
    }

    /// The key that the host `name` proves itself with: its machine's, or the one that we made for it; none where there
    /// is neither yet.
    ///
    /// # Errors
    /// [`WorkplaceError::Key`] and [`WorkplaceError::Machine`].
    pub fn find_host(&self, name: &str) -> Result<Option<PublicKey>, WorkplaceError> {
        if let Some(record) = Record::load(&self.folder, name)? {
            return Ok(Some(record.machine.host_key.public()));
        }
        let pair = KeyPair::load(&host_key_file(&self.folder, name))?;
        Ok(pair.map(|pair| pair.public()))
    }

    /// The host through which the host `name` is reached, if there is one.
    ///
    /// # Errors
    /// [`WorkplaceError::Machine`].
    pub(crate) fn jump(&self, name: &str) -> Result<Option<Way>, WorkplaceError> {
        Ok(Record::load(&self.folder, name)?.and_then(|record| record.jump))
    }

    /// Root of the host `name`, which is at `address`.
    ///
    /// # Errors
    /// As [`Keys::find_host`]'s; also when its key is not known.
    pub fn root(&self, name: &str, address: Endpoint) -> Result<Target, WorkplaceError> {
        if let Some(record) = Record::load(&self.folder, name)? {
            return Ok(self.ways.root(name, &record));
        }
        let pair = KeyPair::read(&host_key_file(&self.folder, name))?;
        Ok(Target::root(name, address, pair.public()))
    }
}

/// The instructor's private key in `.workshop/`.
const INSTRUCTOR_KEY: &str = "id_ed25519";

fn host_key_file(folder: &Path, name: &str) -> PathBuf {
    folder.join("hosts").join(name).join("ssh_host_ed25519_key")
}

impl Workplace {
    /// Opens the state of the inventory at `inventory` for `doing` (named to whoever comes second),
    /// making it when this is the first run.
    ///
    /// # Errors
    /// [`WorkplaceError`]; another run holds it, for one.
    pub fn open(inventory: &Path, doing: &str) -> Result<Self, WorkplaceError> {
        let folder = folder_of(inventory);
        make_private_folder(&folder).map_err(|source| WorkplaceError::Folder {
            path: folder.clone(),
            source,
        })?;
        let lock = Locked::take(&folder.join("lock"), doing)?;
        let mut state = State::default();
        let mut journal = Journal::open(&folder.join(journal::FILE), |event| state.apply(event))?;
        if state.id.is_empty() {
            let event = Event::Founded { id: fresh_id() };
            journal.append(&event)?;
            state.apply(&event);
        }
        Ok(Self {
            keys: Keys::in_folder(&folder),
            folder,
            journal,
            state,
            _lock: lock,
        })
    }

    /// What the journal adds up to now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// `.workshop/` itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes an event down, on disk when this returns, and takes it into the state.
    ///
    /// # Errors
    /// [`JournalError::Io`]; the state is then unchanged, and what was meant to follow must not be done.
    pub fn record(&mut self, event: Event) -> Result<(), JournalError> {
        self.journal.append(&event)?;
        self.state.apply(&event);
        Ok(())
    }

    /// The workshop's keys and the ways to its hosts.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The key pair that the host `name` proves itself with, made on first use and kept for a rebuild.
    ///
    /// # Errors
    /// [`WorkplaceError::Folder`] and [`WorkplaceError::Key`].
    pub fn host_key(&self, name: &str) -> Result<KeyPair, WorkplaceError> {
        let path = host_key_file(&self.folder, name);
        if let Some(folder) = path.parent() {
            make_private_folder(folder).map_err(|source| WorkplaceError::Folder {
                path: folder.to_owned(),
                source,
            })?;
        }
        Ok(KeyPair::load_or_create(&path, &format!("root@{name}"))?)
    }

    /// The key pair we log in with.
    ///
    /// # Errors
    /// [`WorkplaceError::Key`].
    pub fn instructor_key(&self) -> Result<KeyPair, WorkplaceError> {
        Ok(KeyPair::load_or_create(
            &self.folder.join(INSTRUCTOR_KEY),
            "workshop instructor",
        )?)
    }
}

pub(crate) fn make_private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// 8 hex digits that no other workshop on this machine is likely to have.
fn fresh_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // RandomState is seeded by the system's random numbers; a label needs no more than that.
    format!(
        "{:08x}",
        RandomState::new().hash_one(std::process::id()) as u32
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(host: &str, index: u16) -> Event {
        Event::Assigned {
            host: host.into(),
            identity: format!("of {host}"),
            role: Role::Participant,
            index,
        }
    }

    #[test]
    fn a_killed_run_leaves_its_intent() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = folder.path().join("inventory.yaml");
        let mut place = Workplace::open(&inventory, "test").unwrap();
        place.record(assigned("abandon", 0)).unwrap();
        place
            .record(Event::Intent {
                host: "abandon".into(),
                effect: Effect::Create,
            })
            .unwrap();
        let id = place.state().id.clone();
        drop(place);

        let place = Workplace::open(&inventory, "test").unwrap();
        assert_eq!(place.state().id, id);
        assert_eq!(
            place.state().hosts["abandon"].unfinished,
            Some(Effect::Create)
        );
    }

    /// What events about `abandon` add up to.
    fn fold(events: impl IntoIterator<Item = Event>) -> HostRecord {
        let mut state = State::default();
        state.apply(&assigned("abandon", 7));
        events.into_iter().for_each(|event| state.apply(&event));
        state.hosts.remove("abandon").unwrap()
    }

    fn intent(effect: Effect) -> Event {
        Event::Intent {
            host: "abandon".into(),
            effect,
        }
    }

    fn done(effect: Effect, address: Option<[u8; 4]>) -> Event {
        Event::Done {
            host: "abandon".into(),
            effect,
            address: address.map(Into::into),
        }
    }

    fn failed(effect: Effect) -> Event {
        Event::Failed {
            host: "abandon".into(),
            effect,
            error: "no room".into(),
        }
    }

    #[test]
    fn a_host_that_only_starts_again_stays_what_it_was() {
        let ready = [
            done(Effect::Create, Some([10, 0, 0, 17])),
            done(Effect::Configure, None),
            intent(Effect::Wake),
        ];
        let begun = fold(ready.clone());
        assert_eq!(begun.unfinished, Some(Effect::Wake));
        assert!(begun.verified);
        let woken =
            fold((ready.clone().into_iter()).chain([done(Effect::Wake, Some([10, 0, 0, 17]))]));
        assert!(woken.verified && woken.unfinished.is_none());
        assert!(fold(ready.into_iter().chain([failed(Effect::Wake)])).verified);
        // And one that never was is not by waking.
        assert!(!fold([intent(Effect::Wake), done(Effect::Wake, None)]).verified);
    }

    #[test]
    fn a_hosts_life_adds_up() {
        let up = [
            intent(Effect::Create),
            done(Effect::Create, Some([10, 0, 0, 17])),
            intent(Effect::Configure),
        ];
        let half = fold(up.clone());
        assert_eq!(half.unfinished, Some(Effect::Configure));
        assert_eq!(half.address, Some([10, 0, 0, 17].into()));
        assert!(!half.verified);

        let up = up.into_iter().chain([done(Effect::Configure, None)]);
        let ready = fold(up.clone());
        assert!(ready.verified && ready.unfinished.is_none());
        // Only Create says where a host is; what comes later does not forget it.
        assert_eq!(ready.address, half.address);

        // A look at it that was begun and not ended takes back that all is well.
        assert!(!fold(up.clone().chain([intent(Effect::Configure)])).verified);

        let gone = fold(up.chain([intent(Effect::Destroy), done(Effect::Destroy, None)]));
        assert_eq!(
            (gone.address, gone.verified, gone.unfinished),
            (None, false, None)
        );
        // The name and the place are never given back.
        assert_eq!((gone.identity.as_str(), gone.index), ("of abandon", 7));
    }

    #[test]
    fn a_failure_is_remembered_until_something_succeeds() {
        let events = [
            intent(Effect::Create),
            done(Effect::Create, Some([10, 0, 0, 17])),
            intent(Effect::Configure),
            failed(Effect::Configure),
        ];
        let broken = fold(events.clone());
        assert_eq!(broken.failure.as_deref(), Some("no room"));
        assert!(!broken.verified);
        // How far it got nobody knows.
        assert_eq!(broken.unfinished, Some(Effect::Configure));

        let again = [intent(Effect::Configure), done(Effect::Configure, None)];
        assert_eq!(
            fold(events.clone().into_iter().chain([again[0].clone()])).failure,
            broken.failure
        );
        let mended = fold(events.into_iter().chain(again));
        assert_eq!(
            (mended.failure, mended.unfinished, mended.verified),
            (None, None, true)
        );
    }

    #[test]
    fn a_host_in_the_place_of_another_is_told_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = folder.path().join("inventory.yaml");
        assert_eq!(lives(&inventory).unwrap(), BTreeMap::new());
        let mut place = Workplace::open(&inventory, "test").unwrap();
        place.record(assigned("abandon", 0)).unwrap();
        let mut after = |event| {
            place.record(event).unwrap();
            let life = lives(&inventory).unwrap()["abandon"];
            (life.number, life.is_being_made())
        };
        assert_eq!(after(intent(Effect::Create)), (0, false));
        assert_eq!(after(done(Effect::Create, None)), (0, false));
        assert_eq!(after(done(Effect::Configure, None)), (0, false));
        // Not gone yet: whatever is on it is somebody's work.
        assert_eq!(after(intent(Effect::Destroy)), (1, false));
        assert_eq!(after(done(Effect::Destroy, None)), (1, true));
        assert_eq!(after(intent(Effect::Create)), (1, true));
        assert_eq!(after(done(Effect::Create, None)), (1, true));
        assert_eq!(after(done(Effect::Configure, None)), (1, false));
    }

    #[test]
    fn events_of_a_host_nobody_was_given_change_nothing() {
        let mut state = State::default();
        for event in [
            intent(Effect::Create),
            done(Effect::Create, None),
            failed(Effect::Create),
        ] {
            state.apply(&event);
        }
        assert_eq!(state, State::default());
    }

    #[test]
    fn a_state_is_read_without_the_lock_and_without_making_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = folder.path().join("inventory.yaml");
        assert_eq!(read(&inventory).unwrap(), None);
        assert!(!folder_of(&inventory).exists());
        let mut place = Workplace::open(&inventory, "provision").unwrap();
        place.record(assigned("abandon", 7)).unwrap();
        assert_eq!(read(&inventory).unwrap().as_ref(), Some(place.state()));
    }

    #[test]
    fn a_second_run_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = folder.path().join("inventory.yaml");
        let _first = Workplace::open(&inventory, "provision").unwrap();
        let error = Workplace::open(&inventory, "destroy")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("provision") && error.contains(&std::process::id().to_string()),
            "{error}"
        );
    }

    #[test]
    fn keys_stay_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = folder.path().join("inventory.yaml");
        let place = Workplace::open(&inventory, "test").unwrap();
        let first = place.host_key("abandon").unwrap().public_line();
        assert_eq!(place.host_key("abandon").unwrap().public_line(), first);
        assert_ne!(place.host_key("ability").unwrap().public_line(), first);
    }
}
