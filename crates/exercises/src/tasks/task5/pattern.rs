//! When a tracepoint fires: how often in each part of each run, and what that amounts to.

use std::collections::BTreeMap;

use super::seen::{Run, RunKind, Timeline, What};
use crate::tracepoint::Tracepoint;

/// How often it fired in each part of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Until the node answered, and a moment longer.
    pub(super) starting: u64,
    /// While it was used.
    pub(super) running: u64,
    /// From the request to end on.
    pub(super) stopping: u64,
}

impl Counts {
    const ONCE_STARTING: Self = Self {
        starting: 1,
        running: 0,
        stopping: 0,
    };
    const ONCE_STOPPING: Self = Self {
        starting: 0,
        running: 0,
        stopping: 1,
    };

    fn all(self) -> u64 {
        self.starting + self.running + self.stopping
    }
}

/// What the firings of one tracepoint amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Once in every start that succeeds, and at no other time.
    Start,
    /// Once in every clean stop, and at no other time.
    Stop,
    /// In no run.
    Never,
    /// Once in the start and once in the stop.
    Both,
    /// More than once in one part of a run: how often, and in which.
    Often(u64, Part),
    /// Once, in use: after the start and before the stop.
    Running,
    /// In the start with a new data directory only.
    NewDirectory,
    /// In the start with an existing data directory only.
    OldDirectory,
    /// In the stop by SIGTERM only.
    Signal,
    /// In the stop over RPC only.
    Call,
    /// None of these.
    Irregular,
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Until the node answered.
    Starting,
    /// In use.
    Running,
    /// From the request to end on.
    Stopping,
}

/// All runs, by their kind, for one tracepoint.
#[derive(Clone, Debug)]
pub(super) struct Firings(BTreeMap<RunKind, Counts>);

impl Firings {
    pub(super) fn of(tracepoint: &Tracepoint, timeline: &Timeline) -> Self {
        let runs = timeline.runs.iter();
        Self(
            runs.map(|run| (run.kind, counts(tracepoint, run)))
                .collect(),
        )
    }

    /// How often it fired in a run; not at all in one that was not made.
    pub(super) fn get(&self, kind: RunKind) -> Counts {
        self.0.get(&kind).copied().unwrap_or_default()
    }

    pub(super) fn pattern(&self) -> Pattern {
        let terminated = self.get(RunKind::Terminated);
        let stopped = self.get(RunKind::Stopped);
        let killed = self.get(RunKind::Killed);
        if let Some((count, part)) = self.most() {
            return Pattern::Often(count, part);
        }
        let clean = [terminated, stopped];
        let each = |counts: Counts| clean.iter().all(|one| *one == counts);
        if each(Counts::ONCE_STARTING) && killed == Counts::ONCE_STARTING {
            return Pattern::Start;
        }
        if each(Counts::ONCE_STOPPING) && killed.starting + killed.running == 0 {
            return Pattern::Stop;
        }
        if self.0.values().all(|counts| counts.all() == 0) {
            return Pattern::Never;
        }
        let [starting, running, stopping] = [
            clean.map(|one| one.starting),
            clean.map(|one| one.running),
            clean.map(|one| one.stopping),
        ];
        match (starting, running, stopping) {
            ([1, 1], _, [1, 1]) => Pattern::Both,
            ([0, 0], [0, 0], [1, 0]) => Pattern::Signal,
            ([0, 0], [0, 0], [0, 1]) => Pattern::Call,
            ([1, 0], [0, 0], [0, 0]) => Pattern::NewDirectory,
            ([0, 1], [0, 0], [0, 0]) => Pattern::OldDirectory,
            ([0, 0], [a, b], [0, 0]) if a + b + killed.running > 0 => Pattern::Running,
            _ => Pattern::Irregular,
        }
    }

    /// Where it fired more than once, most often. A failed start is a start and a stop in one, and left out.
    fn most(&self) -> Option<(u64, Part)> {
        [RunKind::Terminated, RunKind::Stopped, RunKind::Killed]
            .into_iter()
            .map(|kind| self.get(kind))
            .flat_map(|one| {
                [
                    (one.starting, Part::Starting),
                    (one.running, Part::Running),
                    (one.stopping, Part::Stopping),
                ]
            })
            .filter(|(count, _)| *count > 1)
            .max_by_key(|(count, _)| *count)
    }
}

fn counts(tracepoint: &Tracepoint, run: &Run) -> Counts {
    let mut counts = Counts::default();
    let mut part = Part::Starting;
    for moment in &run.moments {
        match &moment.what {
            What::Used => part = Part::Running,
            What::Asked => part = Part::Stopping,
            What::Fired(fired) if fired == tracepoint => match part {
                Part::Starting => counts.starting += 1,
                Part::Running => counts.running += 1,
                Part::Stopping => counts.stopping += 1,
            },
            _ => {}
        }
    }
    // There are many of them, so it matters little in which part they are counted.
    counts.running += run.more.get(tracepoint).copied().unwrap_or(0);
    counts
}
