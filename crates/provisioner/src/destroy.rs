//! Takes hosts down, and looks afterwards whether anything is left.

use std::path::Path;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use crate::cloud::local::{Leftover, Local};
use crate::job::{JobEvent, Reporter};
use crate::provision::{Failure, ProvisionError, workshop_id};
use crate::state::{Effect, Event, Workplace};

/// What a teardown came to.
#[derive(Debug)]
pub struct Destroyed {
    /// Hosts that are gone, by name.
    pub gone: Vec<String>,
    /// Hosts that could not be removed, and why.
    pub failed: Vec<(String, Failure)>,
    /// What still exists of the workshop: looked for afterwards, not taken from the state.
    /// Empty when only some hosts were to go.
    pub left: Vec<Leftover>,
}

/// Destroys the hosts named in `only`, or everything that carries this workshop's label.
///
/// Whatever could not be removed is in the result: one host never stops the others.
///
/// # Errors
/// A name that no host has, before anything is destroyed; another run holds the workshop; the journal
/// cannot be written.
pub async fn destroy(
    path: &Path,
    only: &[String],
    events: Option<UnboundedSender<JobEvent>>,
) -> Result<Destroyed, ProvisionError> {
    Local::check()?;
    let mut place = Workplace::open(path, "destroy")?;
    let local = Local::new(workshop_id(&place))?;
    let there: Vec<String> = local
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
        let (local, report) = (local.clone(), Reporter::new(&name, events.clone()));
        set.spawn(async move {
            report.doing("destroying");
            let result = local
                .destroy(&name)
                .await
                .map_err(|error| Failure::new(&error));
            match &result {
                Ok(()) => report.done("gone"),
                Err(failure) => report.failed(failure.line()),
            }
            (name, result)
        });
    }
    let mut destroyed = Destroyed {
        gone: vec![],
        failed: vec![],
        left: vec![],
    };
    while let Some(joined) = set.join_next().await {
        let (name, result) =
            joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        match result {
            Ok(()) => {
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
    if only.is_empty() {
        if destroyed.failed.is_empty() {
            // Half-made hosts that no list shows, the bridge, the folder.
            local.destroy_all().await?;
        }
        destroyed.left = local.leftovers()?;
    }
    crate::ssh_files::write(&place).map_err(|source| ProvisionError::SshFiles { source })?;
    Ok(destroyed)
}
