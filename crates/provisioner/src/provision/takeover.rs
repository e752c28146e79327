//! Which machines that somebody already has a run would take over, to be told before it does.

use std::path::Path;

use super::ProvisionError;
use crate::cloud::CloudError;
use crate::cloud::existing::{Existing, Placed};
use crate::inventory::{Inventory, ProviderKind};
use crate::plan::{Action, BUILDER, BUILDER_INDEX, plan};
use crate::state;

/// The machines that [`super::provision`] would take over, of these hosts only unless `only` is empty. Looks at the files
/// alone; none where hosts come from elsewhere.
///
/// # Errors
/// The state cannot be read; not enough machines or words.
pub fn takeover(
    path: &Path,
    inventory: &Inventory,
    only: &[String],
) -> Result<Vec<Placed>, ProvisionError> {
    if inventory.hosts.provider != ProviderKind::Existing {
        return Ok(vec![]);
    }
    let state = state::read(path)?.unwrap_or_default();
    // Nothing carries the label of a workshop that was not begun.
    let nobody = || unreachable_id("00000000");
    let id = state.id.parse().unwrap_or_else(|_| nobody());
    let machines = Some(&inventory.hosts.existing);
    let existing = Existing::new(id, &state::folder_of(path), machines);
    let there = existing.list().map_err(CloudError::from)?;
    let mut hosts: Vec<(String, u16)> = plan(inventory, &state, &there)?
        .into_iter()
        .filter(|host| host.action != Action::Keep)
        .filter(|host| only.is_empty() || only.contains(&host.name))
        .map(|host| (host.name, host.index))
        .collect();
    hosts.push((BUILDER.to_owned(), BUILDER_INDEX));
    let mut placed = existing.placed(&hosts).map_err(CloudError::from)?;
    placed.retain(|host| !host.adopted);
    Ok(placed)
}

fn unreachable_id(text: &str) -> crate::cloud::WorkshopId {
    text.parse()
        .unwrap_or_else(|_| unreachable!("eight digits are an id"))
}
