//! When the new tracepoints fire: the one for the start, and the one for the shutdown.

use std::cmp::Reverse;

use super::misses::{Role, missing};
use super::notes;
use super::pattern::{Firings, Pattern};
use super::seen::{NewCall, Run, RunKind, Seen, Timeline, What};
use crate::evidence::Observed;
use crate::tracepoint::Tracepoint;
use crate::verdict::Judged;

/// Every run that the judgement needs.
const RUNS: [RunKind; 4] = [
    RunKind::Terminated,
    RunKind::Stopped,
    RunKind::Refused,
    RunKind::Killed,
];

/// The new tracepoints and when they fire.
pub(super) struct Watched<'a> {
    pub(super) timeline: &'a Timeline,
    pub(super) calls: &'a [NewCall],
    pub(super) new: Vec<(&'a Tracepoint, Firings, Pattern)>,
}

/// What the timeline shows of the new tracepoints; what stands in the way is already a judgement.
pub(super) fn watched(seen: &Seen) -> Result<Watched<'_>, Judged> {
    let difference = notes::difference(seen)?;
    if difference.new.is_empty() {
        return Err(Judged::Unknown {
            why: "there is nothing new to watch yet".to_owned(),
            remedy: "that can be seen once the program has it".to_owned(),
        });
    }
    let timeline = match &seen.timeline {
        Observed::Known(timeline) => timeline,
        unknown @ Observed::Unknown { .. } => return Err(unknown.judge(|_| Judged::right(""))),
    };
    let made = |kind| timeline.runs.iter().any(|run| run.kind == kind);
    if !RUNS.into_iter().all(made) {
        return Err(Judged::Unknown {
            why: "not every start and stop was made".to_owned(),
            remedy: "run the check again".to_owned(),
        });
    }
    let new = difference.new.into_iter().map(|one| {
        let firings = Firings::of(one, timeline);
        let pattern = firings.pattern();
        (one, firings, pattern)
    });
    Ok(Watched {
        timeline,
        calls: &seen.calls,
        new: new.collect(),
    })
}

impl<'a> Watched<'a> {
    fn with(&self, wanted: Pattern) -> Vec<&'a Tracepoint> {
        let new = self.new.iter();
        new.filter(|(_, _, pattern)| *pattern == wanted)
            .map(|(one, ..)| *one)
            .collect()
    }

    /// The ones for the start; first those that do not fire when the start fails.
    pub(super) fn starts(&self) -> Vec<&'a Tracepoint> {
        let mut starts = self.with(Pattern::Start);
        starts.sort_by_key(|one| self.fires_when_refused(one));
        starts
    }

    /// The ones for the shutdown; first those that fire in every shutdown.
    pub(super) fn stops(&self) -> Vec<&'a Tracepoint> {
        let mut stops = self.with(Pattern::Stop);
        stops.sort_by_key(|one| Reverse(self.fires_when_refused(one)));
        stops
    }

    fn fires_when_refused(&self, one: &Tracepoint) -> bool {
        self.fired_in(one, RunKind::Refused)
    }

    /// Whether it fired in the stop that was a SIGKILL.
    pub(super) fn fires_when_killed(&self, one: &Tracepoint) -> bool {
        Firings::of(one, self.timeline)
            .get(RunKind::Killed)
            .stopping
            > 0
    }

    fn fired_in(&self, one: &Tracepoint, kind: RunKind) -> bool {
        let mut runs = self.timeline.runs.iter().filter(|run| run.kind == kind);
        runs.any(|run| run.first(&What::Fired(one.clone())).is_some())
    }

    /// How a stop ended that should have been clean and was not.
    fn crash(&self) -> Option<&'a str> {
        [RunKind::Terminated, RunKind::Stopped]
            .into_iter()
            .filter_map(|kind| self.run(kind))
            .flat_map(|run| &run.moments)
            .find_map(|moment| match &moment.what {
                What::Ended { clean: false, how } => Some(how.as_str()),
                _ => None,
            })
    }

    /// The kernel had no room for some events, so what was counted may be too little.
    pub(super) fn lost(&self) -> Option<Judged> {
        (self.timeline.lost > 0).then(|| Judged::Unknown {
            why: format!(
                "{} events came faster than they could be kept",
                self.timeline.lost
            ),
            remedy: "one of the new tracepoints fires very often: leave it out for this check"
                .to_owned(),
        })
    }

    fn run(&self, kind: RunKind) -> Option<&'a Run> {
        self.timeline.runs.iter().find(|run| run.kind == kind)
    }
}

impl Run {
    /// When this happened first, in microseconds since tracing began.
    fn first(&self, what: &What) -> Option<u64> {
        let mut moments = self.moments.iter();
        moments
            .find(|moment| moment.what == *what)
            .map(|moment| moment.at)
    }
}

pub(super) fn started(seen: &Seen) -> Judged {
    let watched = match watched(seen) {
        Ok(watched) => watched,
        Err(judged) => return judged,
    };
    let Some(one) = watched.starts().first().copied() else {
        return missing(&watched, Role::Start);
    };
    if let Some(judged) = watched.lost() {
        return judged;
    }
    let early = watched.fires_when_refused(one);
    let says = format!("{one} fired once in each start{}", when(&watched, one));
    Judged::right(says).with_remark(early.then(|| {
        "it fires also when the start fails: we tried with a port that was taken. Where nothing can fail any \
         more it would say that Bitcoin Core has started"
            .to_owned()
    }))
}

/// How long before or after the node answered.
fn when(watched: &Watched<'_>, one: &Tracepoint) -> String {
    let times = watched.run(RunKind::Terminated).and_then(|run| {
        let fired = run.first(&What::Fired(one.clone()))?;
        Some((fired, run.first(&What::Answered)?))
    });
    match times {
        Some((fired, answered)) if fired <= answered => {
            format!(", {} before the node answered", span(answered - fired))
        }
        Some((fired, answered)) => {
            format!(", {} after the node answered", span(fired - answered))
        }
        None => String::new(),
    }
}

fn span(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

pub(super) fn stopped(seen: &Seen) -> Judged {
    let watched = match watched(seen) {
        Ok(watched) => watched,
        Err(judged) => return judged,
    };
    if let Some(how) = watched.crash() {
        return Judged::wrong(
            format!("the program ended with {how} when it was asked to stop"),
            "start and stop bitcoind -regtest yourself, and read what it says last",
        );
    }
    let Some(one) = watched.stops().first().copied() else {
        return missing(&watched, Role::Stop);
    };
    if let Some(judged) = watched.lost() {
        return judged;
    }
    let also = if watched.fires_when_refused(one) {
        "; also after a start that failed, which is normal there"
    } else {
        ""
    };
    Judged::right(format!(
        "{one} fired once in each stop, by SIGTERM and by `bitcoin-cli stop`{also}"
    ))
}
