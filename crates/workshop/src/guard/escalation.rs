//! When a guard acts: samples in, actions out. Knows no clock, no file and no process.
//!
//! Each resource climbs on its own: calm, warned, stopped, off. What was warned of is looked at again after the
//! grace; where it has ended, its watch begins anew. Processor time, memory and egress are all means over a
//! while: of seconds a second, of bytes, of bytes a second. The disk is a level, and harms only while it grows:
//! a host that is merely full can be tidied up in peace.

use std::collections::VecDeque;
use std::time::Duration;

use provisioner::guard::Config;

/// What a host can be used up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    Cpu,
    Memory,
    Disk,
    Egress,
}

/// What was seen at one moment. `None` could not be found out this time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Since any fixed moment.
    pub(crate) at: Duration,
    /// Processor time spent so far, without the node's.
    pub(crate) cpu: Option<Duration>,
    /// Bytes that processes have now.
    pub(crate) memory: Option<u64>,
    /// Bytes of files now, without the node's.
    pub(crate) disk: Option<u64>,
    /// Bytes sent so far.
    pub(crate) sent: Option<u64>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Warn(Finding),
    Stop(Finding),
    PowerOff(Finding),
    /// It has ended by itself or with what was stopped.
    Ease(Resource),
}

/// What was too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) resource: Resource,
    /// In the resource's unit: processors, bytes, or bytes a second.
    pub(crate) seen: f64,
    /// From where on it is too much.
    pub(crate) limit: f64,
    /// Over how long; the disk is a level.
    pub(crate) window: Option<Duration>,
}

/// What the host has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) cpus: f64,
    pub(crate) memory: u64,
}

/// The state of a guard.
#[derive(Debug)]
pub(crate) struct Escalation {
    means: Vec<Mean>,
    disk: Option<Disk>,
}

impl Escalation {
    pub(crate) fn new(config: &Config, capacity: Capacity) -> Self {
        let grace = config.grace();
        let mean = |resource, limit, seconds| Mean {
            resource,
            limit,
            window: Duration::from_secs(seconds),
            grace,
            history: VecDeque::new(),
            stage: Stage::Calm,
        };
        let cpu = config.cpu.map(|share| {
            let limit = capacity.cpus * share.percent as f64 / 100.0;
            mean(Resource::Cpu, limit, share.seconds)
        });
        let memory = config.memory.map(|share| {
            let limit = capacity.memory as f64 * share.percent as f64 / 100.0;
            mean(Resource::Memory, limit, share.seconds)
        });
        let egress = config.egress.map(|volume| {
            let limit = volume.bytes as f64 / volume.seconds.max(1) as f64;
            mean(Resource::Egress, limit, volume.seconds)
        });
        Self {
            means: [cpu, memory, egress].into_iter().flatten().collect(),
            disk: config.disk_bytes.map(|limit| Disk::new(limit, grace)),
        }
    }

    /// Takes note of a sample, and says what it asks for.
    pub(crate) fn see(&mut self, sample: &Sample) -> Vec<Action> {
        let mut actions: Vec<Action> = self
            .means
            .iter_mut()
            .filter_map(|mean| mean.see(sample))
            .collect();
        if let (Some(disk), Some(used)) = (&mut self.disk, sample.disk) {
            actions.extend(disk.see(sample.at, used));
        }
        actions
    }

    /// Whether somebody was warned and what is to blame may soon be asked for.
    pub(crate) fn is_tense(&self) -> bool {
        let disk = self.disk.as_ref().map(|disk| disk.stage);
        self.means
            .iter()
            .map(|mean| mean.stage)
            .chain(disk)
            .any(|stage| stage != Stage::Calm)
    }
}

/// How far it has come, and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Calm,
    Warned(Duration),
    Stopped(Duration),
    Off(Duration),
}

/// A mean over a while.
#[derive(Debug)]
struct Mean {
    resource: Resource,
    limit: f64,
    window: Duration,
    grace: Duration,
    /// When, and the sum until then: of seconds, of bytes, or of byte seconds.
    history: VecDeque<(Duration, f64)>,
    stage: Stage,
}

impl Mean {
    fn see(&mut self, sample: &Sample) -> Option<Action> {
        let sum = match self.resource {
            Resource::Cpu => sample.cpu?.as_secs_f64(),
            Resource::Egress => sample.sent? as f64,
            Resource::Memory | Resource::Disk => {
                let bytes = sample.memory? as f64;
                self.history.back().map_or(0.0, |(before, sum)| {
                    sum + bytes * sample.at.saturating_sub(*before).as_secs_f64()
                })
            }
        };
        self.history.push_back((sample.at, sum));
        let longest = self.window.max(self.grace);
        while self.history.len() > 2
            && (self.history.get(1)).is_some_and(|(at, _)| *at + longest <= sample.at)
        {
            self.history.pop_front();
        }
        let now = sample.at;
        match self.stage {
            Stage::Calm => {
                let finding = self.too_much(self.window)?;
                self.stage = Stage::Warned(now);
                Some(Action::Warn(finding))
            }
            Stage::Warned(since) if now >= since + self.grace => Some(match self.goes_on() {
                Some(finding) => {
                    self.stage = Stage::Stopped(now);
                    Action::Stop(finding)
                }
                None => self.ease(),
            }),
            Stage::Stopped(since) if now >= since + self.grace => Some(match self.goes_on() {
                Some(finding) => {
                    self.stage = Stage::Off(now);
                    Action::PowerOff(finding)
                }
                None => self.ease(),
            }),
            // It should be off by now; whoever is asked again asks harder.
            Stage::Off(since) if now >= since + self.grace => {
                self.stage = Stage::Off(now);
                Some(Action::PowerOff(self.finding(self.limit, self.grace)))
            }
            Stage::Warned(_) | Stage::Stopped(_) | Stage::Off(_) => None,
        }
    }

    /// Whether it is still too much: by the second half of the grace, so that whoever ends it in time has.
    fn goes_on(&self) -> Option<Finding> {
        self.too_much(self.grace / 2)
    }

    fn too_much(&self, span: Duration) -> Option<Finding> {
        let mean = self.mean(span)?;
        (mean >= self.limit).then(|| self.finding(mean, span))
    }

    /// `None` until it was watched for so long.
    fn mean(&self, span: Duration) -> Option<f64> {
        let (now, sum) = *self.history.back()?;
        let begin = now.checked_sub(span)?;
        let (then, before) = *self.history.iter().rev().find(|(at, _)| *at <= begin)?;
        let seconds = now.checked_sub(then)?.as_secs_f64();
        (seconds > 0.0).then(|| (sum - before) / seconds)
    }

    fn ease(&mut self) -> Action {
        self.stage = Stage::Calm;
        // Or what has just ended would count once more.
        let last = self.history.pop_back();
        self.history.clear();
        self.history.extend(last);
        Action::Ease(self.resource)
    }

    fn finding(&self, seen: f64, window: Duration) -> Finding {
        Finding {
            resource: self.resource,
            seen,
            limit: self.limit,
            window: Some(window),
        }
    }
}

/// What files take.
#[derive(Debug)]
struct Disk {
    limit: u64,
    grace: Duration,
    stage: Stage,
    /// What they took when the stage began.
    base: u64,
    /// When somebody was last told.
    told: Duration,
}

/// A log grows a little on every host; what fills a disk grows by more than a hundredth of the limit.
const GROWTH: u64 = 100;
/// What grows by a quarter of the limit within a grace does not wait for its end: it would fill the disk.
const QUICK: u64 = 4;
/// A host that is only full is told so once in a dozen graces.
const REMINDER: u32 = 12;

impl Disk {
    fn new(limit: u64, grace: Duration) -> Self {
        Self {
            limit,
            grace,
            stage: Stage::Calm,
            base: 0,
            told: Duration::ZERO,
        }
    }

    fn see(&mut self, now: Duration, used: u64) -> Option<Action> {
        let finding = Finding {
            resource: Resource::Disk,
            seen: used as f64,
            limit: self.limit as f64,
            window: None,
        };
        let since = match self.stage {
            Stage::Calm if used > self.limit => {
                self.enter(Stage::Warned(now), used);
                self.told = now;
                return Some(Action::Warn(finding));
            }
            Stage::Calm => return None,
            Stage::Warned(since) | Stage::Stopped(since) | Stage::Off(since) => since,
        };
        if used <= self.limit && !matches!(self.stage, Stage::Off(_)) {
            self.stage = Stage::Calm;
            return Some(Action::Ease(Resource::Disk));
        }
        let growth = used.saturating_sub(self.base);
        let due = now >= since + self.grace;
        if !due && growth < self.limit / QUICK {
            return None;
        }
        match self.stage {
            Stage::Off(_) if due => {
                self.enter(Stage::Off(now), used);
                Some(Action::PowerOff(finding))
            }
            Stage::Off(_) | Stage::Calm => None,
            // Full and no longer growing: it stays at the warning.
            Stage::Warned(_) | Stage::Stopped(_) if growth <= self.limit / GROWTH => {
                self.enter(Stage::Warned(now), used);
                (now >= self.told + self.grace * REMINDER).then(|| {
                    self.told = now;
                    Action::Warn(finding)
                })
            }
            Stage::Warned(_) => {
                self.enter(Stage::Stopped(now), used);
                Some(Action::Stop(finding))
            }
            Stage::Stopped(_) => {
                self.enter(Stage::Off(now), used);
                Some(Action::PowerOff(finding))
            }
        }
    }

    fn enter(&mut self, stage: Stage, used: u64) {
        self.stage = stage;
        self.base = used;
    }
}

#[cfg(test)]
mod tests;
