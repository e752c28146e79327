//! The room as it is: every host with what the journal and the machine say of it. Changes nothing.

use std::path::Path;

use serde::Serialize;

use crate::cloud::price::Amount;
use crate::cloud::{Endpoint, HostStatus, Provider};
use crate::cost::bill;
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
    /// Whether somebody is billed for it as long as it exists, running or not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub billed: bool,
    /// What it has cost so far, and costs as long as it exists, running or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
}

/// What a host costs, tax included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// So far, in cents; none where nobody says when it was made.
    pub so_far: Option<String>,
    /// Of an hour.
    pub hourly: String,
    /// ISO 4217.
    pub currency: String,
    #[serde(skip)]
    amount: Option<Amount>,
}

impl Spent {
    fn of(host: &HostStatus, now: jiff::Timestamp) -> Option<Self> {
        let price = host.price.as_ref()?;
        let amount = host.made.map(|made| bill(price, made, now));
        Some(Self {
            so_far: amount.map(Amount::cents),
            hourly: price.hourly_gross().to_string(),
            currency: price.currency.clone(),
            amount,
        })
    }

    /// `1.20 EUR`, with a `?` where it is not known.
    pub fn told(&self) -> String {
        format!(
            "{} {}",
            self.so_far.as_deref().unwrap_or("?"),
            self.currency
        )
    }
}

/// What all of them have cost so far, by currency; of those whose costs are known.
pub fn spent_in_all(seats: &[Seat]) -> Vec<String> {
    let mut sums: std::collections::BTreeMap<&str, Amount> = std::collections::BTreeMap::new();
    for spent in seats.iter().filter_map(|seat| seat.spent.as_ref()) {
        let sum = sums.entry(&spent.currency).or_default();
        *sum = *sum + spent.amount.unwrap_or_default();
    }
    sums.into_iter()
        .map(|(currency, sum)| format!("{} {currency}", sum.cents()))
        .collect()
}

/// Every host the workshop at `path` knows, in the order of their places; none before the first run.
///
/// # Errors
/// The state, or what runs on this machine, cannot be read.
pub async fn room(path: &Path) -> Result<Vec<Seat>, ProvisionError> {
    Ok(look(path, false).await?.0)
}

/// As [`room`], with what each host has cost. Prices are asked for, so this is for whoever shows them.
///
/// # Errors
/// As [`room`]'s.
pub async fn room_with_costs(path: &Path) -> Result<Vec<Seat>, ProvisionError> {
    Ok(look(path, true).await?.0)
}

/// The seats, and the hosts that they were made of.
pub(crate) async fn look(
    path: &Path,
    costs: bool,
) -> Result<(Vec<Seat>, Vec<HostStatus>), ProvisionError> {
    let Some(state) = state::read(path)? else {
        return Ok((vec![], vec![]));
    };
    let Ok(id) = state.id.parse() else {
        return Ok((vec![], vec![]));
    };
    let provider = Provider::open(state.provider, id, &state::folder_of(path), None)?;
    let there = if costs {
        provider.list_with_prices().await?
    } else {
        provider.list().await?
    };
    let mut seats = seats(&state, |name| {
        there
            .iter()
            .find(|host| host.name == name)
            .map(|host| host.running)
    });
    let now = jiff::Timestamp::now();
    for seat in &mut seats {
        let host = there.iter().find(|host| host.name == seat.word);
        seat.billed = host.is_some() && Provider::bills(state.provider);
        seat.spent = host.and_then(|host| Spent::of(host, now));
        if seat.condition == Condition::Stopped {
            seat.powered_off = provider.note(&seat.word).await?;
        }
    }
    Ok((seats, there))
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
                billed: false,
                spent: None,
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
