//! What the inventory and the state make of each other: which hosts there should be, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::cloud::{HostStatus, Provider};
use crate::inventory::Inventory;
use crate::names::{self, NotEnoughWords, Word};
use crate::state::{HostRecord, Role, State};

/// The builder's name. It is no BIP39 word, so no participant can have it.
pub const BUILDER: &str = "builder";

/// The builder's place in the workshop, behind all others of a local one.
pub const BUILDER_INDEX: u16 = 240;

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
    /// Its place in the workshop.
    pub index: u16,
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
        "{wanted} hosts{} are more than the {places} places of this provider",
        if *gone > 0 { format!(" and {gone} that nobody asks for any more") } else { String::new() }
    )]
    #[diagnostic(help(
        "Take fewer participants or spares. Hosts that the inventory no longer asks for also have an address; `workshop destroy --only WORD` does not give it to anyone else."
    ))]
    Addresses {
        /// How many the inventory asks for.
        wanted: usize,
        /// How many there can be.
        places: u16,
        /// How many others keep an address: people who left, spares that were taken back.
        gone: usize,
    },
}

/// All hosts that should be there, in the inventory's order, then those that should not. Pure: nothing is
/// written, and `there` is not looked up but given.
///
/// Whoever has a word and a place in `state` keeps both, and nobody else ever gets them: a card that was
/// printed stays true, and a host's address leads to no other host than it did yesterday. Only a spare changes
/// hands: a participant who is new gets one that is ready, with its word, and another spare takes its place.
///
/// # Errors
/// [`PlanError`], when there are too many hosts. Nothing has to be taken back then.
pub fn plan(
    inventory: &Inventory,
    state: &State,
    there: &[HostStatus],
) -> Result<Vec<PlannedHost>, PlanError> {
    let wanted = words(inventory, state)?;
    let known = known(state);
    let places = Provider::places(inventory);
    let mut taken: BTreeSet<u16> = state.hosts.values().map(|host| host.index).collect();
    let mut plan = Vec::new();
    for Wanted {
        role,
        identity,
        word,
    } in &wanted
    {
        let name = word.to_string();
        let record = state.hosts.get(&name);
        let new = record.is_none_or(|record| (record.role, &record.identity) != (*role, identity));
        let index = match record {
            Some(record) => record.index,
            None => (0..=u16::MAX)
                .filter(|index| *index != BUILDER_INDEX)
                .take(places.into())
                .find(|index| !taken.contains(index))
                .ok_or_else(|| PlanError::Addresses {
                    wanted: wanted.len(),
                    places,
                    gone: known
                        .values()
                        .filter(|word| wanted.iter().all(|wanted| wanted.word != **word))
                        .count(),
                })?,
        };
        taken.insert(index);
        let action = match there.iter().find(|host| host.name == name) {
            None => Action::Create,
            Some(host) if !host.running => Action::Start,
            Some(_) if !new && record.is_some_and(|record| record.verified) => Action::Check,
            Some(_) => Action::Finish,
        };
        plan.push(PlannedHost {
            name,
            role: *role,
            identity: identity.clone(),
            index,
            new,
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

/// A host that the inventory asks for, and its word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is for.
    pub role: Role,
    /// A participant's name, or `spare 1`.
    pub identity: String,
    /// The recorded word, or the one that the first run would record.
    pub word: Word,
}

/// The hosts that the inventory asks for, in its order, spares last.
///
/// # Errors
/// When there are more of them than words.
pub fn words(inventory: &Inventory, state: &State) -> Result<Vec<Wanted>, NotEnoughWords> {
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
    let mut known = known(state);
    give_spares(&mut known, &wanted, state);
    let words = names::assign(
        &inventory.workshop.name,
        keys.iter().map(String::as_str),
        &known,
        &BTreeSet::new(),
    )?;
    Ok(wanted
        .into_iter()
        .zip(keys)
        .filter_map(|((role, identity), key)| {
            Some(Wanted {
                role,
                identity,
                word: *words.get(&key)?,
            })
        })
        .collect())
}

/// The words that the state knows, by whose they are.
fn known(state: &State) -> BTreeMap<String, Word> {
    state
        .hosts
        .iter()
        .filter_map(|(name, host)| Some((key(host.role, &host.identity), name.parse().ok()?)))
        .collect()
}

/// Gives those who are new a spare that was made for such as them, the first in the subnet first: whoever walks in
/// has a host at once, with its word. From the journal alone, so that a card and a run say the same.
fn give_spares(known: &mut BTreeMap<String, Word>, wanted: &[(Role, String)], state: &State) {
    let is_ready =
        |host: &HostRecord| host.role == Role::Spare && host.verified && host.address.is_some();
    let mut spares: Vec<(u16, &str, Word)> = state
        .hosts
        .iter()
        .filter(|(_, host)| is_ready(host))
        .filter_map(|(name, host)| Some((host.index, host.identity.as_str(), name.parse().ok()?)))
        .collect();
    spares.sort_by_key(|(index, _, _)| *index);
    let new: Vec<String> = wanted
        .iter()
        .filter(|(role, _)| *role == Role::Participant)
        .map(|(role, identity)| key(*role, identity))
        .filter(|key| !known.contains_key(key))
        .collect();
    for (key_of_person, (_, spare, word)) in new.into_iter().zip(spares) {
        known.remove(&key(Role::Spare, spare));
        known.insert(key_of_person, word);
    }
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::state::HostRecord;

    /// An inventory with these people and so many spares. They have one key, which nothing here looks at.
    fn inventory(people: &[&str], spare: usize) -> Inventory {
        const TEXT: &str = "workshop: {name: Tracing}\nparticipants:\n  - {name: Ada, key: ssh-ed25519 \
             AAAAC3NzaC1lZDI1NTE5AAAAILbbuaIHYQLfSUrj8NTzormAiISgPhuRPNFReXH/qcTW}\n";
        let now = jiff::Timestamp::UNIX_EPOCH;
        let mut inventory = Inventory::parse(TEXT, "inventory.yaml".as_ref(), now)
            .unwrap()
            .inventory;
        let ada = inventory.participants.remove(0);
        inventory
            .participants
            .extend(people.iter().map(|name| crate::inventory::Participant {
                name: (*name).to_owned(),
                ..ada.clone()
            }));
        inventory.hosts.spare = spare;
        inventory
    }

    /// Writes down what `plan` chose, as a run does before it creates anything.
    fn assign(state: &mut State, plan: &[PlannedHost]) {
        for host in plan.iter().filter(|host| host.new) {
            let record = HostRecord {
                role: host.role,
                identity: host.identity.clone(),
                index: host.index,
                unfinished: None,
                address: None,
                verified: false,
                failure: None,
            };
            assert_eq!(state.hosts.insert(host.name.clone(), record), None);
        }
    }

    fn exists(name: &str, running: bool) -> HostStatus {
        HostStatus {
            name: name.to_owned(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST).into(),
            running,
            made: None,
            price: None,
        }
    }

    fn of<'a>(plan: &'a [PlannedHost], role: Role, identity: &str) -> &'a PlannedHost {
        plan.iter()
            .find(|host| host.role == role && host.identity == identity)
            .unwrap()
    }

    #[test]
    fn what_is_to_be_done_follows_from_what_is_there() {
        let inventory = inventory(&["Ada", "Bob", "Cyd", "Dan"], 0);
        let mut state = State::default();
        let first = plan(&inventory, &state, &[]).unwrap();
        assert!(
            first
                .iter()
                .all(|host| host.new && host.action == Action::Create)
        );
        assert_eq!(
            first.iter().map(|host| host.index).collect::<Vec<_>>(),
            [0, 1, 2, 3]
        );
        assign(&mut state, &first);

        let [_, bob, cyd, dan] = &first[..] else {
            panic!()
        };
        state.hosts.get_mut(&dan.name).unwrap().verified = true;
        let there = [
            exists(&bob.name, false),
            exists(&cyd.name, true),
            exists(&dan.name, true),
            exists(BUILDER, true),
        ];
        let second = plan(&inventory, &state, &there).unwrap();
        let actions: Vec<Action> = second.iter().map(|host| host.action).collect();
        assert_eq!(
            actions,
            [Action::Create, Action::Start, Action::Finish, Action::Check]
        );
        for (before, after) in first.iter().zip(&second) {
            assert!(!after.new);
            assert_eq!((&before.name, before.index), (&after.name, after.index));
        }
    }

    #[test]
    fn who_verified_but_stopped_is_started() {
        let inventory = inventory(&["Ada"], 0);
        let mut state = State::default();
        let first = plan(&inventory, &state, &[]).unwrap();
        assign(&mut state, &first);
        state.hosts.get_mut(&first[0].name).unwrap().verified = true;
        let again = plan(&inventory, &state, &[exists(&first[0].name, false)]).unwrap();
        assert_eq!(again[0].action, Action::Start);
    }

    #[test]
    fn nobody_gets_the_word_or_the_place_of_somebody_who_left() {
        let mut state = State::default();
        let first = plan(&inventory(&["Ada", "Bob"], 0), &state, &[]).unwrap();
        assign(&mut state, &first);
        let ada = of(&first, Role::Participant, "Ada").clone();
        let bob = of(&first, Role::Participant, "Bob").clone();

        // Ada leaves, and so many come that some of their hashes point at her word.
        let names: Vec<String> = (0..200).map(|n| format!("person {n}")).collect();
        let mut people: Vec<&str> = names.iter().map(String::as_str).collect();
        people.push("Bob");
        let second = plan(&inventory(&people, 0), &state, &[exists(&ada.name, true)]).unwrap();
        assign(&mut state, &second);
        let kept = second.iter().find(|host| host.name == ada.name).unwrap();
        assert_eq!(
            kept,
            &PlannedHost {
                action: Action::Keep,
                new: false,
                ..ada.clone()
            }
        );
        let others = || second.iter().filter(|host| host.name != ada.name);
        assert!(others().all(|host| host.index != ada.index));
        assert_eq!(of(&second, Role::Participant, "Bob").index, bob.index);
        let places: BTreeSet<u16> = others().map(|host| host.index).collect();
        assert_eq!(places.len(), people.len());

        // Destroyed meanwhile or not, she gets hers back.
        let third = plan(&inventory(&["Ada"], 0), &state, &[]).unwrap();
        assert_eq!(
            (
                &third[0].name,
                third[0].index,
                third[0].new,
                third[0].action
            ),
            (&ada.name, ada.index, false, Action::Create)
        );
    }

    #[test]
    fn even_a_word_that_a_newcomers_hash_points_at_stays_taken() {
        let state = State::default();
        let eve = plan(&inventory(&["Eve"], 0), &state, &[])
            .unwrap()
            .remove(0);
        let mut state = State::default();
        assign(
            &mut state,
            &[PlannedHost {
                identity: "somebody who left".into(),
                ..eve.clone()
            }],
        );
        let again = plan(&inventory(&["Eve"], 0), &state, &[])
            .unwrap()
            .remove(0);
        assert_ne!(again.name, eve.name);
        assert_ne!(again.index, eve.index);
    }

    #[test]
    fn who_walks_in_gets_a_spare_that_is_ready() {
        let mut state = State::default();
        let first = plan(&inventory(&["Ada"], 3), &state, &[]).unwrap();
        assign(&mut state, &first);
        let spare = |n: u8| of(&first, Role::Spare, &format!("spare {n}")).clone();
        // The first was not verified, the second is not there any more.
        for host in &first {
            let record = state.hosts.get_mut(&host.name).unwrap();
            record.verified = host.name != spare(1).name;
            record.address = (host.name != spare(2).name).then_some([10, 231, 7, 10].into());
        }
        let there: Vec<HostStatus> = first.iter().map(|host| exists(&host.name, true)).collect();

        let inventory = inventory(&["Ada", "Bob", "Cyd"], 3);
        let second = plan(&inventory, &state, &there).unwrap();
        let bob = of(&second, Role::Participant, "Bob");
        assert_eq!(
            (bob.name.as_str(), bob.index, bob.new, bob.action),
            (spare(3).name.as_str(), spare(3).index, true, Action::Finish)
        );
        // There is no second one, so Cyd's is made; and so is a spare in place of Bob's.
        let cyd = of(&second, Role::Participant, "Cyd");
        assert!(first.iter().all(|host| host.name != cyd.name));
        let third = of(&second, Role::Spare, "spare 3");
        assert_eq!((third.new, third.action), (true, Action::Create));
        assert_ne!(third.name, spare(3).name);
        // Whoever prints cards finds the same.
        for wanted in words(&inventory, &state).unwrap() {
            let host = of(&second, wanted.role, &wanted.identity);
            assert_eq!(host.name, wanted.word.to_string());
        }
        // Nobody else's changes.
        assert_eq!(of(&second, Role::Spare, "spare 1").name, spare(1).name);
        assert_eq!(of(&second, Role::Participant, "Ada").name, first[0].name);
        assert!(!of(&second, Role::Participant, "Ada").new);

        // Written down, it stays so.
        for host in second.iter().filter(|host| host.new) {
            state.hosts.remove(&host.name);
        }
        assign(&mut state, &second);
        let again = plan(&inventory, &state, &there).unwrap();
        assert!(again.iter().all(|host| !host.new));
        assert_eq!(of(&again, Role::Participant, "Bob").name, spare(3).name);
    }

    #[test]
    fn a_participant_called_spare_1_is_no_spare() {
        let inventory = inventory(&["spare 1"], 2);
        let mut state = State::default();
        let first = plan(&inventory, &state, &[]).unwrap();
        assign(&mut state, &first);
        let second = plan(&inventory, &state, &[]).unwrap();
        assert_eq!(second.len(), 3);
        for role in [Role::Participant, Role::Spare] {
            assert_eq!(
                of(&first, role, "spare 1").name,
                of(&second, role, "spare 1").name
            );
        }
        assert!(second.iter().all(|host| !host.new));
        of(&second, Role::Spare, "spare 2");
    }

    #[test]
    fn a_host_that_the_journal_does_not_know_is_kept() {
        let plan = plan(
            &inventory(&[], 0),
            &State::default(),
            &[exists("zoo", true)],
        )
        .unwrap();
        assert_eq!(
            (plan[0].action, plan[0].identity.as_str(), plan[0].new),
            (Action::Keep, "nobody", false)
        );
    }

    #[test]
    fn every_address_but_the_builders_can_be_given_away_and_no_more() {
        let mut state = State::default();
        let full = plan(&inventory(&[], 240), &state, &[]).unwrap();
        assert!(full.iter().all(|host| host.index < BUILDER_INDEX));
        let error = plan(&inventory(&[], 241), &state, &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "241 hosts are more than the 240 places of this provider"
        );

        // Those who left count, and the message does not claim that 42 are more than 240.
        assign(&mut state, &full[..200]);
        let names: Vec<String> = (0..41).map(|n| format!("person {n}")).collect();
        let people: Vec<&str> = names.iter().map(String::as_str).collect();
        let error = plan(&inventory(&people, 1), &state, &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "42 hosts and 199 that nobody asks for any more are more than the 240 places of this provider"
        );
        assert!(plan(&inventory(&people[1..], 1), &state, &[]).is_ok());
    }
}
