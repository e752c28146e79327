//! Takes hosts down, and looks afterwards whether anything is left.

use std::path::Path;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::cloud::{Leftover, Provider};
use crate::inventory::Inventory;
use crate::job::{JobEvent, Reporter};
use crate::provision::{Failure, ProvisionError, workshop_id};
use crate::room::{Condition, Seat, look};
use crate::state::{self, Effect, Event, Role, Workplace};

/// What a teardown came to.
#[derive(Debug, Default)]
pub struct Destroyed {
    /// Hosts that are gone, by name.
    pub gone: Vec<String>,
    /// What the instructor should know of some of them all the same.
    pub notes: Vec<(String, String)>,
    /// What stays of machines that were given back.
    pub stays: &'static [&'static str],
    /// Hosts that could not be removed, and why.
    pub failed: Vec<(String, Failure)>,
    /// What still exists of the workshop, or of the hosts that were to go: looked for afterwards, not taken from
    /// the state.
    pub left: Vec<Leftover>,
}

/// Whose a host is that the state does not know.
const UNKNOWN: &str = "not in the state";

/// The hosts that [`destroy`] would remove: those that the state knows, and those that carry the workshop's label
/// though it does not. Changes nothing.
///
/// # Errors
/// A name that no host has; the state, or what runs on this machine, cannot be read.
pub async fn doomed(path: &Path, only: &[String]) -> Result<Vec<Seat>, ProvisionError> {
    let (mut seats, there) = look(path, false).await?;
    seats.retain(|seat| seat.condition != Condition::Absent);
    for host in there {
        if seats.iter().all(|seat| seat.word != host.name) {
            seats.push(Seat {
                word: host.name,
                role: Role::Participant,
                identity: UNKNOWN.into(),
                address: Some(host.address),
                condition: if host.running {
                    Condition::Unfinished
                } else {
                    Condition::Stopped
                },
                unfinished: None,
                failure: None,
                powered_off: None,
                // Nobody is told what it costs: it is about to go.
                billed: false,
                spent: None,
            });
        }
    }
    if let Some(word) = only
        .iter()
        .find(|word| seats.iter().all(|seat| seat.word != **word))
    {
        return Err(ProvisionError::NoSuchHost { word: word.clone() });
    }
    seats.retain(|seat| only.is_empty() || only.contains(&seat.word));
    Ok(seats)
}

/// Takes away all that was written on the host `word`, so that `provision` makes a fresh one of it; why it could not,
/// if it could not.
///
/// # Errors
/// No such host; another run holds the workshop; the journal cannot be written.
pub async fn reset(
    path: &Path,
    word: &str,
    inventory: &Inventory,
    events: Option<UnboundedSender<JobEvent>>,
) -> Result<Option<Failure>, ProvisionError> {
    let kind = state::read(path)?.unwrap_or_default().provider;
    Provider::check(kind)?;
    // What takes the host down is not all that it takes to make it again.
    Provider::check_for(inventory)?;
    let mut place = Workplace::open(path, "rebuild")?;
    let provider = Provider::open(kind, workshop_id(&place), place.folder(), Some(inventory))?;
    if provider.list().await?.iter().all(|host| host.name != word) {
        return Err(ProvisionError::NoSuchHost {
            word: word.to_owned(),
        });
    }
    let (host, effect) = (word.to_owned(), Effect::Destroy);
    place.record(Event::Intent {
        host: host.clone(),
        effect,
    })?;
    let report = Reporter::new(word, events);
    report.doing("taking away what is on it");
    let folder = place.folder().to_owned();
    match provider.reset(word, &folder).await {
        Ok(()) => {
            place.record(Event::Done {
                host,
                effect,
                address: None,
            })?;
            report.done("gone");
            Ok(None)
        }
        Err(error) => {
            let failure = Failure::new(&error);
            let error = failure.line().to_owned();
            place.record(Event::Failed {
                host,
                effect,
                error,
            })?;
            report.failed(failure.line());
            Ok(Some(failure))
        }
    }
}

/// Destroys the hosts named in `only`, or everything that carries this workshop's label.
///
/// Whatever could not be removed is in the result: one host never stops the others. With `forget`, a machine that
/// cannot be given back is taken out of the state as it is.
///
/// # Errors
/// A name that no host has, before anything is destroyed; another run holds the workshop; the journal
/// cannot be written.
pub async fn destroy(
    path: &Path,
    only: &[String],
    forget: bool,
    events: Option<UnboundedSender<JobEvent>>,
) -> Result<Destroyed, ProvisionError> {
    Provider::check(state::read(path)?.unwrap_or_default().provider)?;
    let mut place = Workplace::open(path, "destroy")?;
    let provider = Provider::open(
        place.state().provider,
        workshop_id(&place),
        place.folder(),
        None,
    )?;
    let there: Vec<String> = provider
        .list()
        .await?
        .into_iter()
        .map(|host| host.name)
        .collect();
    if let Some(word) = only.iter().find(|word| !there.contains(word)) {
        return Err(ProvisionError::NoSuchHost { word: word.clone() });
    }
    let doomed: Vec<String> = there
        .into_iter()
        .filter(|name| only.is_empty() || only.contains(name))
        .collect();
    for name in &doomed {
        place.record(Event::Intent {
            host: name.clone(),
            effect: Effect::Destroy,
        })?;
    }
    let mut set = JoinSet::new();
    for name in doomed {
        let (provider, report) = (provider.clone(), Reporter::new(&name, events.clone()));
        set.spawn(async move {
            report.doing("destroying");
            let mut result = provider
                .destroy(&name)
                .await
                .map_err(|error| Failure::new(&error));
            if let (true, Err(failure)) = (forget, &result)
                && matches!(provider.forget(&name), Ok(true))
            {
                result = Ok(vec![format!(
                    "forgotten, and nothing was put back there: {}",
                    failure.line()
                )]);
            }
            match &result {
                Ok(_) => report.done("gone"),
                Err(failure) => report.failed(failure.line()),
            }
            (name, result)
        });
    }
    let mut destroyed = Destroyed {
        gone: vec![],
        notes: vec![],
        stays: provider.stays(),
        failed: vec![],
        left: vec![],
    };
    while let Some(joined) = set.join_next().await {
        let (name, result) =
            joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        match result {
            Ok(notes) => {
                let notes = notes.into_iter().map(|note| (name.clone(), note));
                destroyed.notes.extend(notes);
                place.record(Event::Done {
                    host: name.clone(),
                    effect: Effect::Destroy,
                    address: None,
                })?;
                destroyed.gone.push(name);
            }
            Err(failure) => {
                place.record(Event::Failed {
                    host: name.clone(),
                    effect: Effect::Destroy,
                    error: failure.line().to_owned(),
                })?;
                destroyed.failed.push((name, failure));
            }
        }
    }
    destroyed.gone.sort();
    if only.is_empty() && destroyed.failed.is_empty() {
        // Half-made hosts that no list shows, the bridge, the folder.
        provider.destroy_all().await?;
    }
    destroyed.left = provider.leftovers().await?;
    destroyed
        .left
        .retain(|left| only.is_empty() || only.iter().any(|word| is_of(left, word)));
    crate::ssh_files::write(&place).map_err(|source| ProvisionError::SshFiles { source })?;
    Ok(destroyed)
}

/// Whether something is a host's own: its name is a part of a path, or of a unit's name that ends with it.
fn is_of(left: &Leftover, word: &str) -> bool {
    let unit = format!("-{word}.service");
    left.name
        .split('/')
        .any(|part| part == word || part.ends_with(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::LeftoverKind;

    #[test]
    fn what_is_left_of_one_host_is_told_from_another_hosts() {
        let left = |kind, name: &str| Leftover {
            workshop: "0badcafe".parse().unwrap(),
            kind,
            name: name.into(),
        };
        for (name, of_zoo) in [
            ("zoo", true),
            ("/var/lib/workshop/0badcafe/zoo/root", true),
            ("/sys/fs/cgroup/workshop-0badcafe/zoo", true),
            (
                "/sys/fs/cgroup/system.slice/workshop-0badcafe-zoo.service",
                true,
            ),
            ("zoom", false),
            ("/var/lib/workshop/0badcafe/zoom/zoo2", false),
            ("/var/lib/workshop/0badcafe", false),
        ] {
            assert_eq!(
                is_of(&left(LeftoverKind::Folder, name), "zoo"),
                of_zoo,
                "{name}"
            );
        }
    }
}
