//! Workshops whose state is lost: found by the label that everything of theirs carries, and taken down by it.
//!
//! Who has lost the folder `.workshop/` has lost the key to the hosts with it. What is left is this machine, or the
//! token of a project: enough to see which workshops there are, and to remove one with all that is on its hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::cloud::hetzner::{self, Hetzner, HetznerError};
use crate::cloud::local::Local;
use crate::cloud::{CloudError, Leftover, LeftoverKind, WorkshopId};
use crate::provision::{Failure, ProvisionError};
use crate::state;

/// Where labels can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// This machine.
    Here,
    /// The project of Hetzner Cloud that the token is for.
    Hetzner,
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Here => "this machine",
            Self::Hetzner => "Hetzner Cloud",
        })
    }
}

/// A workshop of which something exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What all of it carries.
    pub label: WorkshopId,
    /// Where it is.
    pub place: Where,
    /// Its hosts, by word.
    pub hosts: BTreeSet<String>,
    /// When the oldest of them was made, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<jiff::Timestamp>,
}

/// What a search came to.
#[derive(Debug, Default)]
pub struct Search {
    /// Place by place, by label.
    pub found: Vec<Found>,
    /// Where nobody could look, and why not.
    pub unseen: Vec<(Where, Failure)>,
}

/// The workshops other than that at `path` of which anything is at these places.
///
/// # Errors
/// The workshop's own state cannot be read. A place that cannot be looked at is in the result.
pub async fn search(path: &Path, places: &[Where]) -> Result<Search, ProvisionError> {
    let own = state::read(path)?.and_then(|state| state.id.parse::<WorkshopId>().ok());
    let mut search = Search::default();
    for place in places {
        match at(*place).await {
            Ok(found) => search.found.extend(found),
            Err(error) => search.unseen.push((*place, Failure::new(&error))),
        }
    }
    search
        .found
        .retain(|found| own.as_ref() != Some(&found.label));
    Ok(search)
}

async fn at(place: Where) -> Result<Vec<Found>, CloudError> {
    let mut all: BTreeMap<WorkshopId, Found> = BTreeMap::new();
    let mut add = |label: WorkshopId, host: Option<String>, made: Option<jiff::Timestamp>| {
        let found = all.entry(label).or_insert_with_key(|label| Found {
            label: label.clone(),
            place,
            hosts: BTreeSet::new(),
            since: None,
        });
        found.hosts.extend(host);
        found.since = [found.since, made].into_iter().flatten().min();
    };
    match place {
        Where::Here => {
            for left in Local::all_leftovers()? {
                let is_host = left.kind == LeftoverKind::Host;
                add(left.workshop, is_host.then_some(left.name), None);
            }
        }
        Where::Hetzner => {
            let access = hetzner::Access::find().map_err(HetznerError::from)?;
            for thing in hetzner::labelled(access).await? {
                add(thing.workshop, thing.word, thing.made);
            }
        }
    }
    Ok(all.into_values().collect())
}

/// Destroys everything at `place` that carries this label; what is left of it afterwards, looked for.
///
/// # Errors
/// What could not be removed.
pub async fn destroy(place: Where, label: WorkshopId) -> Result<Vec<Leftover>, CloudError> {
    match place {
        Where::Here => {
            let local = Local::new(label)?;
            local.destroy_all().await?;
            Ok(local.leftovers()?)
        }
        Where::Hetzner => {
            let access = hetzner::Access::find().map_err(HetznerError::from)?;
            let hetzner = Hetzner::new(label, hetzner::Settings::default(), access)?;
            hetzner.destroy_all().await?;
            Ok(hetzner.leftovers().await?)
        }
    }
}
