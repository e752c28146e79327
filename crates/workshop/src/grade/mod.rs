//! Re-checks every host with a checker of the instructor's own, and judges here what it saw.

mod checker;
mod judge;
pub(crate) mod line;
mod remote;
pub(crate) mod report;

use std::path::Path;

use exercises::verdict::State;
use exercises::{TASKS, Task};
use provisioner::Failure;
use provisioner::room::Seat;
use provisioner::visit::{Visit, Visits, visit};
use serde::Serialize;
use tokio::sync::watch;

pub(crate) use checker::Checker;
pub(crate) use judge::Graded;

use crate::room;
use crate::room::progress::{self, HostSays};

/// What to grade with.
pub(crate) struct Grading {
    pub(crate) tasks: Vec<&'static Task>,
    pub(crate) checker: Checker,
    /// The seed of the unit test of task 3, fresh: numbers of any earlier run are wrong in this one.
    pub(crate) seed: String,
}

/// One host's grade. There is one for each task, also when the host could not be looked at.
#[derive(Debug, Serialize)]
pub(crate) struct HostGrade {
    pub(crate) word: String,
    pub(crate) participant: String,
    pub(crate) tasks: Vec<Graded>,
    /// Why the host could not be graded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// Why what the host says of its progress is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<String>,
}

impl HostGrade {
    /// How many tasks are verified.
    pub(crate) fn passed(&self) -> usize {
        let passed = |graded: &&Graded| graded.verified == State::Passed;
        self.tasks.iter().filter(passed).count()
    }
}

/// 32 random bytes, as the unit test wants them.
pub(crate) fn fresh_seed() -> std::io::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Grades the hosts of `seats` side by side, until `stop` is set.
pub(crate) async fn grade(
    path: &Path,
    seats: Vec<Seat>,
    visits: Visits,
    grading: Grading,
    stop: watch::Receiver<bool>,
) -> Vec<HostGrade> {
    let tasks = grading.tasks.clone();
    let grading = std::sync::Arc::new(grading);
    let visited = visit(path, seats, visits, move |visit| {
        let (grading, stop) = (grading.clone(), stop.clone());
        async move { one(visit, &grading, stop).await }
    })
    .await;
    visited
        .into_iter()
        .map(|visited| {
            let seat = visited.seat;
            let failed = |failure: Failure| {
                let tasks = tasks.iter().map(|task| Graded::nothing(task, &failure));
                HostGrade {
                    word: seat.word.clone(),
                    participant: seat.identity.clone(),
                    tasks: tasks.collect(),
                    failure: Some(failure.message.clone()),
                    progress: None,
                }
            };
            visited.result.unwrap_or_else(failed)
        })
        .collect()
}

async fn one(
    visit: Visit,
    grading: &Grading,
    stop: watch::Receiver<bool>,
) -> Result<HostGrade, Failure> {
    if *stop.borrow() {
        return Err(Failure {
            message: format!("{}: was not begun", visit.seat.word),
            hint: None,
        });
    }
    let says = progress::ask(&visit.ssh).await?;
    let tasks = &grading.tasks;
    let checker = grading.checker.clone();
    let seen = remote::examine(&visit, checker, tasks, &grading.seed, stop).await?;
    if seen.status != Some(0) && seen.bytes.is_empty() {
        let said = provisioner::host::last_lines(&seen.errors, 3).join("\n");
        return Err(Failure {
            message: format!(
                "{}: the checker did not run there: {}",
                visit.seat.word,
                room::line(&said, 400)
            ),
            hint: Some("does it run on the hosts' system? --checker FILE names another".into()),
        });
    }
    let (word, seed) = (visit.seat.word.clone(), grading.seed.clone());
    let tasks = grading.tasks.clone();
    // Evidence may be made to be slow to judge: not on a thread that others wait for.
    let judged = tokio::task::spawn_blocking(move || {
        let graded = judge::grade(&seen.bytes, &tasks, &word, &seed, &says);
        (graded, says)
    });
    let (tasks, says) = judged.await.map_err(|error| Failure {
        message: format!("{}: {error}", visit.seat.word),
        hint: None,
    })?;
    let grade = HostGrade {
        word: visit.seat.word,
        participant: visit.seat.identity,
        tasks,
        failure: None,
        progress: match says {
            HostSays::Progress(_) => None,
            HostSays::Unreadable(why) => Some(format!("the progress file {why}")),
        },
    };
    visit.report.done(format!(
        "{} of {} verified",
        grade.passed(),
        grade.tasks.len()
    ));
    Ok(grade)
}

/// The tasks of that list, or all.
pub(crate) fn tasks(names: &[String]) -> miette::Result<Vec<&'static Task>> {
    if names.is_empty() {
        return Ok(TASKS.to_vec());
    }
    let named: Vec<&Task> = names
        .iter()
        .map(|name| crate::commands::the_task(name))
        .collect::<miette::Result<_>>()?;
    // In the workshop's order, and each once.
    Ok(TASKS
        .iter()
        .filter(|task| named.iter().any(|named| named.id == task.id))
        .copied()
        .collect())
}
