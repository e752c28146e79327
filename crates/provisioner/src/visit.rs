//! Goes to hosts side by side, over one connection each, and changes nothing that we know of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc::UnboundedSender};
use tokio::task::JoinSet;

use crate::host::{Ssh, Target};
use crate::job::{JobEvent, Reporter};
use crate::provision::Failure;
use crate::room::{Condition, Seat};
use crate::state::Keys;

/// How to go.
#[derive(Debug)]
pub struct Visits {
    /// Hosts at once.
    pub parallel: usize,
    /// How long a host may take to let us in.
    pub patience: Duration,
    /// Who draws.
    pub events: Option<UnboundedSender<JobEvent>>,
}

/// What whoever visits has in hand.
pub struct Visit {
    /// The host.
    pub seat: Seat,
    /// The connection, as root. It is closed after the visit.
    pub ssh: Arc<Ssh>,
    /// Says what goes on.
    pub report: Reporter,
}

/// What came of a visit.
#[derive(Debug)]
pub struct Visited<T> {
    /// The host.
    pub seat: Seat,
    /// What was found, or why the host could not be looked at.
    pub result: Result<T, Failure>,
}

/// Does `work` on every host of `seats`, which belong to the workshop at `path`. Results are in the order of
/// `seats`; a host that fails is one of them.
pub async fn visit<T, F>(
    path: &Path,
    seats: Vec<Seat>,
    visits: Visits,
    work: impl Fn(Visit) -> F + Clone + Send + Sync + 'static,
) -> Vec<Visited<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let keys = Keys::of(path);
    let instructor = keys
        .instructor()
        .map(|key| key.private())
        .map_err(|error| Failure::new(&error));
    let gate = Arc::new(Semaphore::new(visits.parallel.max(1)));
    let mut set = JoinSet::new();
    for (at, seat) in seats.into_iter().enumerate() {
        let report = Reporter::new(&seat.word, visits.events.clone());
        let target = target(&seat, &keys);
        let (gate, key, work) = (Arc::clone(&gate), instructor.clone(), work.clone());
        let patience = visits.patience;
        set.spawn(async move {
            let _permit = gate.acquire_owned().await;
            let result = async {
                let ssh = Ssh::connect(&target?, key?, patience).await;
                let ssh = Arc::new(ssh.map_err(|error| Failure::new(&error))?);
                let visit = Visit {
                    seat: seat.clone(),
                    ssh: Arc::clone(&ssh),
                    report: report.clone(),
                };
                let result = work(visit).await;
                if let Some(ssh) = Arc::into_inner(ssh) {
                    ssh.close().await;
                }
                result
            }
            .await;
            if let Err(failure) = &result {
                report.failed(failure.line());
            }
            (at, Visited { seat, result })
        });
    }
    let mut all = Vec::new();
    while let Some(joined) = set.join_next().await {
        // A panic is a defect of ours; it must not pass for a host that was never asked for.
        all.push(joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, visited)| visited).collect()
}

fn target(seat: &Seat, keys: &Keys) -> Result<Target, Failure> {
    let failed = |why: &str| Failure {
        message: format!("{}: {why}", seat.word),
        hint: Some("`workshop provision` makes and starts what is missing".into()),
    };
    let address = match seat.condition {
        Condition::Absent => return Err(failed("it does not exist")),
        Condition::Stopped => return Err(failed("it is stopped")),
        Condition::Verified | Condition::Unfinished => seat.address,
    };
    let address = address.ok_or_else(|| failed("its address is not known"))?;
    keys.root(&seat.word, address)
        .map_err(|error| Failure::new(&error))
}
