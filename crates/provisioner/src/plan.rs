//! What the inventory and the state make of each other: which hosts there should be, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::cloud::HostStatus;
use crate::inventory::Inventory;
use crate::names::{self, NotEnoughWords, Word};
use crate::state::{Role, State};

/// The builder's name. It is no BIP39 word, so no participant can have it.
pub const BUILDER: &str = "builder";

/// The builder's place in the subnet, behind all others.
pub const BUILDER_INDEX: u8 = 240;

/// What is to be done about one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It does not exist.
    Create,
    /// It exists and does not run.
    Start,
    /// It runs, but a run was killed or failed before it was verified.
    Finish,
    /// It runs and was verified: look at it again.
    Check,
    /// It exists, and the inventory no longer asks for it. Nothing is done to it.
    Keep,
}

/// One host of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedHost {
    /// Its word.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Whom its word hangs on: a participant's name, or `spare 1`.
    pub identity: String,
    /// Its place in the subnet.
    pub index: u8,
    /// Whether its word was chosen only now.
    #[serde(skip)]
    pub new: bool,
    /// What is to be done.
    pub action: Action,
}

/// There can be no plan.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PlanError {
    /// More hosts than words.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Words(#[from] NotEnoughWords),
    /// More hosts than addresses.
    #[error(
        "{wanted} hosts are more than a local workshop's {} addresses",
        BUILDER_INDEX
    )]
    #[diagnostic(help(
        "Take fewer participants or spares. Hosts that the inventory no longer asks for also have an address; `workshop destroy --only WORD` does not give it to anyone else."
    ))]
    Addresses {
        /// How many the inventory asks for.
        wanted: usize,
    },
}

/// All hosts that should be there and those that should not, by name. Pure: nothing is written.
pub fn plan(
    inventory: &Inventory,
    state: &State,
    there: &[HostStatus],
) -> Result<Vec<PlannedHost>, PlanError> {
    let wanted: Vec<(Role, String)> = inventory
        .participants
        .iter()
        .map(|person| (Role::Participant, person.name.clone()))
        .chain((1..=inventory.hosts.spare).map(|n| (Role::Spare, format!("spare {n}"))))
        .collect();
    let keys: Vec<String> = wanted
        .iter()
        .map(|(role, identity)| key(*role, identity))
        .collect();
    let known: BTreeMap<String, Word> = state
        .hosts
        .iter()
        .filter_map(|(name, host)| Some((key(host.role, &host.identity), name.parse().ok()?)))
        .collect();
    let words = names::assign(
        &inventory.workshop.name,
        keys.iter().map(String::as_str),
        &known,
        &BTreeSet::new(),
    )?;

    let mut taken: BTreeSet<u8> = state.hosts.values().map(|host| host.index).collect();
    let mut plan = Vec::new();
    for ((role, identity), key) in wanted.iter().zip(&keys) {
        let name = words[key].to_string();
        let record = state.hosts.get(&name);
        let index = match record {
            Some(record) => record.index,
            None => (0..BUILDER_INDEX)
                .find(|index| !taken.contains(index))
                .ok_or(PlanError::Addresses {
                    wanted: wanted.len(),
                })?,
        };
        taken.insert(index);
        let action = match there.iter().find(|host| host.name == name) {
            None => Action::Create,
            Some(host) if !host.running => Action::Start,
            Some(_) if record.is_some_and(|record| record.verified) => Action::Check,
            Some(_) => Action::Finish,
        };
        plan.push(PlannedHost {
            name,
            role: *role,
            identity: identity.clone(),
            index,
            new: record.is_none(),
            action,
        });
    }
    let planned: BTreeSet<String> = plan.iter().map(|host| host.name.clone()).collect();
    for host in there
        .iter()
        .filter(|host| !planned.contains(&host.name) && host.name != BUILDER)
    {
        let record = state.hosts.get(&host.name);
        plan.push(PlannedHost {
            name: host.name.clone(),
            role: record.map_or(Role::Spare, |record| record.role),
            identity: record.map_or("nobody".into(), |record| record.identity.clone()),
            index: record.map_or(0, |record| record.index),
            new: false,
            action: Action::Keep,
        });
    }
    Ok(plan)
}

/// A participant may be called `spare 1`; the role keeps the two apart.
fn key(role: Role, identity: &str) -> String {
    let role = match role {
        Role::Participant => "participant",
        Role::Spare => "spare",
        Role::Builder => "builder",
    };
    format!("{role}/{identity}")
}
