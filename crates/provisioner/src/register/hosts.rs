//! The hosts of those who joined: their words, given as soon as somebody is in; spares and, where asked for, new hosts
//! made theirs; and who has which, as the journal says it, whoever did it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::desk::Desk;
use super::event::Event;
use crate::cloud::Endpoint;
use crate::host::keys::{fingerprint, public_line};
use crate::inventory::Inventory;
use crate::job::JobEvent;
use crate::provision::{self, Options, ProvisionError, provision};
use crate::state::{self, Keys, LockError, Role, WorkplaceError};

/// How often the inventory and the journal are looked at: two `stat` calls.
const LOOK: Duration = Duration::from_millis(500);

/// While another run works on the workshop.
const HELD: Duration = Duration::from_secs(2);

/// After something that did not work.
const AGAIN: Duration = Duration::from_secs(30);

/// Whose host is where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seats(BTreeMap<String, Seat>);

impl Seats {
    pub(super) fn get(&self, name: &str) -> Option<&Seat> {
        self.0.get(name)
    }
}

/// Somebody's host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) word: String,
    /// How to get in, once it is ready.
    pub(super) access: Option<Access>,
}

/// What somebody needs to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) address: Endpoint,
    /// The host's key: `SHA256:…` and the line of `known_hosts` behind the address.
    pub(super) fingerprint: String,
    pub(super) host_key: String,
}

/// Reads whose host is where. Blocks on the disk.
pub(super) fn read_seats(inventory: &Path) -> Result<Seats, WorkplaceError> {
    let keys = Keys::of(inventory);
    let state = state::read(inventory)?.unwrap_or_default();
    let mut seats = BTreeMap::new();
    for (word, host) in state.hosts {
        if host.role != Role::Participant {
            continue;
        }
        let access = match host.address.filter(|_| host.verified) {
            None => None,
            Some(address) => keys.find_host(&word)?.map(|key| Access {
                address,
                fingerprint: fingerprint(&key),
                host_key: public_line(&key),
            }),
        };
        seats.insert(host.identity, Seat { word, access });
    }
    Ok(Seats(seats))
}

/// What tells that a file is another one than before.
type Stamp = Option<(SystemTime, u64)>;

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Keeps the desk up to date with what others do: `workshop provision` in another terminal, an editor.
pub(super) async fn watch(desk: Arc<Desk>, inventory: PathBuf) {
    let journal = state::folder_of(&inventory).join("journal.jsonl");
    let mut seen: (Stamp, Stamp) = (None, None);
    let mut first = true;
    loop {
        let now = (stamp(&inventory), stamp(&journal));
        if first || now.1 != seen.1 {
            let path = inventory.clone();
            match blocking(move || read_seats(&path)).await {
                Ok(seats) => desk.set_seats(seats),
                Err(error) => desk.tell(Event::trouble(&error)),
            }
        }
        if !first && now.0 != seen.0 {
            let desk = Arc::clone(&desk);
            blocking(move || desk.read_people()).await;
        }
        seen = now;
        first = false;
        tokio::time::sleep(LOOK).await;
    }
}

/// What to do for the hosts of those who joined.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub(super) inventory: PathBuf,
    /// Make hosts too, not only hand over spares.
    pub(super) provision: bool,
    pub(super) jobs: Option<tokio::sync::mpsc::UnboundedSender<JobEvent>>,
}

/// Gives words to those who joined and makes hosts theirs, until nothing is left to do; and again after each change.
pub(super) async fn usher(desk: Arc<Desk>, wishes: Wishes) {
    let mut changes = desk.changes();
    let mut said = String::new();
    let mut failed = BTreeMap::new();
    loop {
        changes.mark_unchanged();
        let pause = match serve(&desk, &wishes, &mut failed).await {
            Ok(Done::Nothing) => {
                said.clear();
                None
            }
            Ok(Done::Something) => {
                said.clear();
                continue;
            }
            // Whoever has it does what we would do, or ends.
            Err(ProvisionError::Workplace(WorkplaceError::Lock(LockError::Held { .. }))) => {
                Some(HELD)
            }
            Err(error) => {
                let event = Event::trouble(&error);
                let text = format!("{event:?}");
                if text != said {
                    desk.tell(event);
                    said = text;
                }
                Some(AGAIN)
            }
        };
        match pause {
            Some(pause) => {
                let _ = tokio::time::timeout(pause, changes.changed()).await;
            }
            // The desk is held by this very task, so this does not fail.
            None => {
                let _ = changes.changed().await;
            }
        }
    }
}

enum Done {
    Nothing,
    Something,
}

/// One step of it. `failed` are hosts that are not ready after a run, and how often: one that fails for good must not
/// be begun again without end.
async fn serve(
    desk: &Desk,
    wishes: &Wishes,
    failed: &mut BTreeMap<String, u32>,
) -> Result<Done, ProvisionError> {
    /// A host that failed so often is left to `workshop provision`.
    const TRIES: u32 = 3;

    let without = desk.without_host();
    if without.is_empty() {
        return Ok(Done::Nothing);
    }
    let path = wishes.inventory.clone();
    let loaded = blocking(move || Inventory::load(&path)).await;
    let inventory = match loaded {
        Ok(loaded) => loaded.inventory,
        // The watch says it.
        Err(_) => return Ok(Done::Nothing),
    };
    let places = provision::assign(&wishes.inventory, &inventory, "register").await?;
    let seats = {
        let path = wishes.inventory.clone();
        blocking(move || read_seats(&path)).await?
    };
    desk.set_seats(seats);
    let only: Vec<String> = places
        .into_iter()
        .filter(|place| without.contains_key(&place.identity))
        .filter(|place| wishes.provision || place.exists)
        .map(|place| place.word)
        .filter(|word| failed.get(word).is_none_or(|tries| *tries < TRIES))
        .collect();
    if only.is_empty() {
        return Ok(Done::Nothing);
    }
    let options = Options {
        only,
        events: wishes.jobs.clone(),
        ..Options::default()
    };
    for report in provision(&wishes.inventory, inventory, options).await? {
        *failed.entry(report.host.name.clone()).or_default() += 1;
        if let Err(failure) = report.result {
            desk.tell(Event::Trouble {
                message: failure.message,
                hint: failure.hint,
            });
        }
    }
    let path = wishes.inventory.clone();
    desk.set_seats(blocking(move || read_seats(&path)).await?);
    let without = desk.without_host();
    failed.retain(|word, _| without.values().flatten().any(|other| other == word));
    Ok(Done::Something)
}

/// Runs what blocks on the disk where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // A panic is a defect of ours; it must not pass for an answer. The runtime's end cancels nothing that runs.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}
