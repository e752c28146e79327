//! The guard of a host: warns on every terminal, stops what is to blame, and at last powers the host off.
//!
//! `escalation.rs` decides, from samples alone. Everything else here looks at the host and does what it is told.

mod census;
mod escalation;
mod files;
mod host;
mod meter;
mod sources;
mod tell;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use provisioner::guard::Config;

use self::census::Census;
use self::escalation::{Action, Capacity, Escalation, Finding, Resource};
use self::meter::{Meter, Places};
use crate::output::Output;

/// The guard cannot begin.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum GuardError {
    #[error("cannot read {}", path.display())]
    #[diagnostic(help("`workshop provision` writes it."))]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{} is not what a guard goes by", path.display())]
    #[diagnostic(help("`workshop provision` writes it anew."))]
    Config {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{} has format {found}, and this program knows {}", path.display(), Config::SCHEMA)]
    #[diagnostic(help(
        "`workshop provision` brings the program and the file that belong together."
    ))]
    Newer { path: PathBuf, found: u32 },
    #[error("cannot use the folder of the notes, /{}", provisioner::guard::FOLDER)]
    Notes { source: std::io::Error },
}

/// How often it looks at most and at least.
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(15);

/// Guards this host; returns only when it cannot begin.
pub(crate) fn run(path: &Path, output: &Output) -> Result<std::convert::Infallible, GuardError> {
    let config = read(path)?;
    let (notes, before) = tell::Notes::open().map_err(|source| GuardError::Notes { source })?;
    tell::motd(before.as_ref());
    let interval = interval(&config);
    let places = Places::of_this_host();
    let capacity = meter::capacity(&config, &places);
    let mut guard = Guard {
        escalation: Escalation::new(&config, capacity),
        meter: Meter::new(places, &config, interval),
        grace: config.grace(),
        capacity,
        seen: VecDeque::new(),
        powered_off: false,
        notes,
        output: *output,
    };
    loop {
        guard.look();
        std::thread::sleep(interval);
    }
}

fn read(path: &Path) -> Result<Config, GuardError> {
    let text = std::fs::read(path).map_err(|source| GuardError::Read {
        path: path.to_owned(),
        source,
    })?;
    let config: Config = serde_json::from_slice(&text).map_err(|source| GuardError::Config {
        path: path.to_owned(),
        source,
    })?;
    if config.schema != Config::SCHEMA {
        return Err(GuardError::Newer {
            path: path.to_owned(),
            found: config.schema,
        });
    }
    Ok(config)
}

/// A few times within the shortest while that matters.
fn interval(config: &Config) -> Duration {
    let windows = [
        config.cpu.map(|it| it.seconds),
        config.memory.map(|it| it.seconds),
        config.egress.map(|it| it.seconds),
        Some(config.grace_seconds),
    ];
    let shortest = windows.into_iter().flatten().min().unwrap_or_default();
    (Duration::from_secs(shortest) / 6).clamp(OFTEN, SELDOM)
}

struct Guard {
    escalation: Escalation,
    meter: Meter,
    capacity: Capacity,
    grace: Duration,
    /// The processes as they were, back to half a grace ago; only while it matters.
    seen: VecDeque<(Instant, Census)>,
    powered_off: bool,
    notes: tell::Notes,
    output: Output,
}

impl Guard {
    fn look(&mut self) {
        let sample = self.meter.sample();
        for action in self.escalation.see(&sample) {
            match action {
                Action::Warn(finding) => self.warn(&finding),
                Action::Stop(finding) => self.stop(&finding),
                Action::PowerOff(finding) => self.power_off(&finding),
                Action::Ease(resource) => {
                    self.output.remark(format_args!("{resource:?}: eased"));
                }
            }
        }
        if self.escalation.is_tense() {
            let census = self.census();
            self.seen.push_back((Instant::now(), census));
            let half = self.grace / 2;
            while self.seen.len() > 1
                && (self.seen.get(1)).is_some_and(|(at, _)| at.elapsed() >= half)
            {
                self.seen.pop_front();
            }
        } else {
            self.seen.clear();
        }
    }

    fn census(&self) -> Census {
        let all = [
            Resource::Cpu,
            Resource::Memory,
            Resource::Disk,
            Resource::Egress,
        ];
        Census::take(self.meter.places(), &all)
    }

    fn warn(&self, finding: &Finding) {
        let what = tell::finding(finding, self.capacity);
        let next = match finding.resource {
            Resource::Disk => format!(
                "Delete what you do not need. If it goes on growing, what writes most is stopped after {0}, and the server powers off after {0} more.",
                tell::long(self.grace)
            ),
            _ => format!(
                "If that goes on, the busiest job is stopped in {0}, and the server powers off {0} later.",
                tell::long(self.grace)
            ),
        };
        self.say(&[format!("Guard: {what}."), next]);
    }

    fn stop(&self, finding: &Finding) {
        let what = tell::finding(finding, self.capacity);
        let now = self.census();
        let none = Census::default();
        let before = self.seen.front().map_or(&none, |(_, census)| census);
        let Some(culprit) = census::culprit(finding.resource, before, &now) else {
            self.say(&[
                format!("Guard: {what}."),
                format!(
                    "Nothing was found that could be stopped. If that goes on, the server powers off in {}.",
                    tell::long(self.grace)
                ),
            ]);
            return;
        };
        self.say(&[
            format!("Guard: {what}. Stopping {}.", tell::culprit(&culprit)),
            format!(
                "If that does not help, the server powers off in {}.",
                tell::long(self.grace)
            ),
        ]);
        host::stop(&culprit);
    }

    fn power_off(&mut self, finding: &Finding) {
        let what = tell::finding(finding, self.capacity);
        if !self.powered_off
            && let Err(error) = self.notes.power_off(&what)
        {
            self.output
                .remark(format_args!("cannot leave a note: {error}"));
        }
        self.say(&[
            format!("Guard: {what}. The server powers off now."),
            "Your files stay. Your instructor sees why, and can start it again.".to_owned(),
        ]);
        host::power_off(self.powered_off);
        self.powered_off = true;
    }

    /// On every terminal, and in the journal.
    fn say(&self, lines: &[String]) {
        for line in lines {
            self.output.remark(line);
        }
        tell::everybody(lines);
    }
}
