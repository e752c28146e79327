//! Which machines that somebody already has a run would take over, to be told before it does.

use std::path::Path;

use super::ProvisionError;
use crate::cloud::existing::{Existing, Placed};
use crate::cloud::{CloudError, WorkshopId};
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
    let id = (state.id.parse()).unwrap_or_else(|_| WorkshopId::nobody());
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
    if inventory.bitcoin.cache.is_some() {
        reserve(&mut placed);
    }
    Ok(placed)
}

/// The machine that builds, where a named cache takes its place: it is told with the first hosts, and nobody is asked for
/// it alone in every later run.
fn reserve(placed: &mut Vec<Placed>) {
    for host in placed.iter_mut() {
        host.in_reserve = host.word == BUILDER;
    }
    if placed.iter().all(|host| host.in_reserve) {
        placed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_in_reserve_is_told_once() {
        let placed = |word: &str| Placed {
            word: word.into(),
            address: [192, 0, 2, 7].into(),
            user: "root".into(),
            adopted: false,
            in_reserve: false,
        };
        let told = |words: &[&str]| {
            let mut all = words.iter().map(|word| placed(word)).collect();
            reserve(&mut all);
            all.into_iter()
                .map(|host| (host.word, host.in_reserve))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told(&["able", BUILDER]),
            [("able".to_owned(), false), (BUILDER.to_owned(), true)]
        );
        assert_eq!(told(&[BUILDER]), []);
    }
}
