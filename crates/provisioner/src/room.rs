//! The room as it is: every host with what the journal and the machine say of it. Changes nothing.

use std::path::Path;

use serde::Serialize;

use crate::cloud::{Endpoint, Provider};
use crate::guard::Note;
use crate::provision::ProvisionError;
use crate::state::{self, Effect, Role, State};

/// How a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It runs and every step was satisfied when last looked at.
    Verified,
    /// It runs; a run was killed or failed before it was verified.
    Unfinished,
    /// It exists and does not run.
    Stopped,
    /// It has a word and does not exist.
    Absent,
}

/// One host of the room.
#[derive(Clone, Debug, Serialize)]
pub struct Seat {
    /// Its word.
    pub word: String,
    /// What it is for.
    pub role: Role,
    /// Whose it is; for spares and the builder what they are.
    pub identity: String,
    /// Where it is.
    pub address: Option<Endpoint>,
    /// How it is.
    pub condition: Condition,
    /// An effect that was begun and whose end nobody knows.
    pub unfinished: Option<Effect>,
    /// Why the last run failed here.
    pub failure: Option<String>,
    /// Why its guard powered it off, as the host says; only where it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub powered_off: Option<Note>,
}

/// Every host the workshop at `path` knows, in the order of their places; none before the first run.
///
/// # Errors
/// The state, or what runs on this machine, cannot be read.
pub async fn room(path: &Path) -> Result<Vec<Seat>, ProvisionError> {
    let Some(state) = state::read(path)? else {
        return Ok(vec![]);
    };
    let Ok(id) = state.id.parse() else {
        return Ok(vec![]);
    };
    let provider = Provider::open(state.provider, id, None)?;
    let there = provider.list().await?;
    let mut seats = seats(&state, |name| {
        there
            .iter()
            .find(|host| host.name == name)
            .map(|host| host.running)
    });
    for seat in &mut seats {
        if seat.condition == Condition::Stopped {
            seat.powered_off = provider.note(&seat.word).await?;
        }
    }
    Ok(seats)
}

/// The seats that `only` names, or all but the builder's; nobody works there.
///
/// # Errors
/// A word that no host has.
pub fn selected(seats: Vec<Seat>, only: &[String]) -> Result<Vec<Seat>, ProvisionError> {
    let chosen =
        |seat: &Seat| seat.role != Role::Builder && (only.is_empty() || only.contains(&seat.word));
    let chosen: Vec<Seat> = seats.into_iter().filter(chosen).collect();
    match only
        .iter()
        .find(|word| chosen.iter().all(|seat| seat.word != **word))
    {
        Some(word) => Err(ProvisionError::NoSuchHost { word: word.clone() }),
        None => Ok(chosen),
    }
}

fn seats(state: &State, running: impl Fn(&str) -> Option<bool>) -> Vec<Seat> {
    let mut seats: Vec<(u16, Seat)> = state
        .hosts
        .iter()
        .map(|(name, host)| {
            let condition = match running(name) {
                None => Condition::Absent,
                Some(false) => Condition::Stopped,
                Some(true) if host.verified => Condition::Verified,
                Some(true) => Condition::Unfinished,
            };
            let seat = Seat {
                word: name.clone(),
                role: host.role,
                identity: host.identity.clone(),
                address: host.address,
                condition,
                unfinished: host.unfinished,
                failure: host.failure.clone(),
                powered_off: None,
            };
            (host.index, seat)
        })
        .collect();
    seats.sort_by_key(|(index, _)| *index);
    seats.into_iter().map(|(_, seat)| seat).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::HostRecord;

    fn record(index: u16, verified: bool) -> HostRecord {
        HostRecord {
            role: Role::Participant,
            identity: format!("person {index}"),
            index,
            unfinished: None,
            address: None,
            verified,
            failure: None,
        }
    }

    #[test]
    fn a_seat_is_what_the_machine_says_before_what_the_journal_says() {
        let mut state = State::default();
        // By name in the state, by place in the room.
        for (name, index, verified) in [
            ("zoo", 0, true),
            ("abandon", 1, false),
            ("zebra", 2, true),
            ("able", 3, true),
        ] {
            state.hosts.insert(name.into(), record(index, verified));
        }
        let seats = seats(&state, |name| match name {
            "zoo" | "abandon" => Some(true),
            "zebra" => Some(false),
            _ => None,
        });
        let seen: Vec<(&str, Condition)> = seats
            .iter()
            .map(|seat| (seat.word.as_str(), seat.condition))
            .collect();
        assert_eq!(
            seen,
            [
                ("zoo", Condition::Verified),
                ("abandon", Condition::Unfinished),
                // Verified once; now nobody can work there.
                ("zebra", Condition::Stopped),
                ("able", Condition::Absent),
            ]
        );
    }

    #[test]
    fn a_seat_carries_what_the_last_run_left() {
        let mut state = State::default();
        let host = HostRecord {
            role: Role::Spare,
            unfinished: Some(Effect::Configure),
            address: Some([10, 231, 7, 10].into()),
            failure: Some("step `node`: bitcoind does not run".into()),
            ..record(0, false)
        };
        state.hosts.insert("zoo".into(), host);
        let seats = seats(&state, |_| Some(true));
        assert_eq!(
            serde_json::to_value(&seats).unwrap(),
            serde_json::json!([{
                "word": "zoo",
                "role": "spare",
                "identity": "person 0",
                "address": "10.231.7.10",
                "condition": "unfinished",
                "unfinished": "configure",
                "failure": "step `node`: bitcoind does not run",
            }])
        );
    }
}
