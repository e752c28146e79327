//! Words for those who are new in the inventory, before any host is made.

use std::path::Path;

use super::{ProvisionError, take_provider, workshop_id};
use crate::cloud::Provider;
use crate::inventory::Inventory;
use crate::plan::{Action, plan};
use crate::state::{Event, Role, Workplace};

/// A participant's place in the workshop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    /// Whose it is.
    pub(crate) identity: String,
    /// The host's word.
    pub(crate) word: String,
    /// Whether the host is there already: a spare that became theirs, or one of an earlier run.
    pub(crate) exists: bool,
}

/// Gives every participant a word, as the next `provision` would, and writes that down. Spares that are ready go first.
///
/// # Errors
/// [`ProvisionError`]; another run holds the workshop, for one.
pub(crate) async fn assign(
    path: &Path,
    inventory: &Inventory,
    doing: &str,
) -> Result<Vec<Assigned>, ProvisionError> {
    let mut place = Workplace::open(path, doing)?;
    take_provider(&mut place, inventory.hosts.provider)?;
    // Where nothing was ever made there is nothing to look for, and this machine need not be able to have hosts.
    let was_made = place
        .state()
        .hosts
        .values()
        .any(|host| host.address.is_some() || host.unfinished.is_some());
    let there = if was_made {
        let kind = place.state().provider;
        Provider::open(kind, workshop_id(&place), place.folder(), Some(inventory))?
            .list()
            .await?
    } else {
        vec![]
    };
    let mut assigned = Vec::new();
    for host in plan(inventory, place.state(), &there)? {
        if host.role != Role::Participant || host.action == Action::Keep {
            continue;
        }
        if host.new {
            place.record(Event::Assigned {
                host: host.name.clone(),
                identity: host.identity.clone(),
                role: host.role,
                index: host.index,
            })?;
        }
        assigned.push(Assigned {
            identity: host.identity,
            word: host.name,
            exists: host.action != Action::Create,
        });
    }
    Ok(assigned)
}
