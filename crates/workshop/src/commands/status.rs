//! `workshop status`: the room as it is.

use std::collections::BTreeMap;

use exercises::TASKS;
use exercises::progress::Stage;
use provisioner::room::{Condition, Seat, Spent, room_with_costs, spent_in_all};
use provisioner::state::Role;
use provisioner::visit::{Visits, visit};
use serde::Serialize;

use super::instructor::{self, InventoryArgs, Listing};
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::room::PATIENCE;
use crate::room::progress::{self, HostSays, Told};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
}

/// Each is a connection and one small file: so many at once are no burden.
const PARALLEL: usize = 32;

#[derive(Serialize)]
struct Document {
    hosts: Vec<Host>,
}

#[derive(Serialize)]
struct Host {
    #[serde(flatten)]
    seat: Seat,
    /// What the host says of its participant's progress; none of the builder, and of hosts that do not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// Why it does not answer, though it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_answer: Option<String>,
}

#[derive(Serialize)]
struct Progress {
    passed: usize,
    of: usize,
    tasks: Vec<Told>,
    /// Why its file is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

/// Exit 1 when some host is not verified or does not answer.
pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let hosts = instructor::block_on(look(args))??;
    let well = hosts
        .iter()
        .all(|host| host.seat.condition == Condition::Verified && host.no_answer.is_none());
    let outcome = if well { Outcome::Yes } else { Outcome::No };
    if output.json() {
        output.document("status", &Document { hosts })?;
        return Ok(outcome);
    }
    if hosts.is_empty() {
        output.remark("Nothing was provisioned here yet: `workshop provision`.");
        return Ok(outcome);
    }
    let seats: Vec<Seat> = hosts.iter().map(|host| host.seat.clone()).collect();
    let billed = seats.iter().any(|seat| seat.spent.is_some());
    let mut header = vec!["word", "address", "participant", "state", "tasks passed"];
    if billed {
        header.push("cost so far");
    }
    let mut table = Listing::with(header.into_iter().map(str::to_owned).collect());
    for host in hosts {
        let spent = host.seat.spent.as_ref().map(Spent::told);
        let (state, tasks) = (host.state(), host.tasks());
        let address = host.seat.address;
        let address = address.map(|address| address.to_string());
        let mut row = vec![
            host.seat.word,
            address.unwrap_or_default(),
            host.seat.identity,
            state,
            tasks,
        ];
        if billed {
            row.push(spent.unwrap_or_default());
        }
        table.push(row);
    }
    output.text(&table.to_string())?;
    for sum in spent_in_all(&seats) {
        output.text(&format!("In all so far: {sum}, tax included.\n"))?;
    }
    // Also where nobody could be asked for prices.
    let costs = |seat: &Seat| seat.condition == Condition::Stopped && seat.billed;
    if seats.iter().any(costs) {
        output.remark(
            "Hosts that are off cost as much as those that run. `workshop destroy` ends that; it collects the work first.",
        );
    }
    Ok(outcome)
}

async fn look(args: &Args) -> std::result::Result<Vec<Host>, provisioner::ProvisionError> {
    let path = &args.inventory.inventory;
    let seats = room_with_costs(path).await?;
    let asked = seats.iter().filter(|seat| {
        seat.role != Role::Builder
            && matches!(seat.condition, Condition::Verified | Condition::Unfinished)
    });
    let visits = Visits {
        parallel: PARALLEL,
        patience: PATIENCE,
        events: None,
    };
    let visited = visit(path, asked.cloned().collect(), visits, |visit| async move {
        progress::ask(&visit.ssh).await
    })
    .await;
    let mut answers: BTreeMap<String, _> = visited
        .into_iter()
        .map(|visited| (visited.seat.word, visited.result))
        .collect();
    let hosts = seats.into_iter().map(|seat| {
        let (progress, no_answer) = match answers.remove(&seat.word) {
            None => (None, None),
            Some(Ok(says)) => (Some(Progress::of(&says)), None),
            Some(Err(failure)) => (None, Some(failure.message)),
        };
        Host {
            seat,
            progress,
            no_answer,
        }
    });
    Ok(hosts.collect())
}

impl Progress {
    fn of(says: &HostSays) -> Self {
        let tasks = says.tasks();
        Self {
            passed: tasks
                .iter()
                .filter(|told| told.stage == Stage::Passed)
                .count(),
            of: TASKS.len(),
            unreadable: match says {
                HostSays::Progress(_) => None,
                HostSays::Unreadable(why) => Some(why.to_string()),
            },
            tasks,
        }
    }
}

impl Host {
    fn state(&self) -> String {
        if let Some(why) = &self.no_answer {
            let line = why.lines().next().unwrap_or_default();
            return format!("NO ANSWER: {line}");
        }
        match (self.seat.condition, &self.seat.failure) {
            (Condition::Verified, _) => "verified".to_owned(),
            (Condition::Unfinished, Some(why)) => format!("FAILED: {why}"),
            (Condition::Unfinished, None) => "unfinished".to_owned(),
            (Condition::Stopped, _) => {
                let state = match &self.seat.powered_off {
                    Some(note) => note.told(),
                    None => "stopped".to_owned(),
                };
                let costs = if self.seat.billed {
                    "; still costs"
                } else {
                    ""
                };
                format!("{state}{costs}")
            }
            (Condition::Absent, _) => "absent".to_owned(),
        }
    }

    fn tasks(&self) -> String {
        match &self.progress {
            None => String::new(),
            Some(Progress {
                unreadable: Some(why),
                ..
            }) => format!("? the progress file {why}"),
            Some(progress) => format!("{} of {}", progress.passed, progress.of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_off_and_billed_is_marked() {
        let host = |condition, billed| Host {
            seat: Seat {
                word: "able".to_owned(),
                role: Role::Participant,
                identity: "Ada".to_owned(),
                address: None,
                condition,
                unfinished: None,
                failure: None,
                powered_off: None,
                billed,
                spent: None,
            },
            progress: None,
            no_answer: None,
        };
        let state = |condition, billed| host(condition, billed).state();
        assert_eq!(state(Condition::Stopped, true), "stopped; still costs");
        assert_eq!(state(Condition::Stopped, false), "stopped");
        assert_eq!(state(Condition::Verified, true), "verified");
    }
}
