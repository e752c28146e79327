//! Starts and stops a program a few times while its new tracepoints are traced.
//!
//! Four runs: one stopped by SIGTERM, one with the same data directory that is stopped over RPC, and while that
//! one runs, one that cannot start because its port is taken, and one that is its peer and is killed. So every
//! way in and out is seen, messages and a block too, and two nodes at most run at once.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use exercises::Tracepoint;
use exercises::tasks::task5::seen::{Moment, Run, RunKind, Timeline, What};
use probe::usdt::ProbeId;
use probe::{Probe, Session, Target};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::CouldNot;
use super::cancel::Cancel;
use super::regtest::{Datadir, Node, Setup, Stop};
use super::root::Observation;

/// A node answers slightly before its start is complete. So long at least the start may go on.
const SETTLE: Duration = Duration::from_millis(200);
/// So long at most, when nothing has fired yet: a busy server is slow at times.
const SETTLE_MOST: Duration = Duration::from_secs(2);
/// A start that fails does so within a second; a busy server takes longer.
const REFUSED: Duration = Duration::from_secs(60);
/// So often a tracepoint's firings in one run are kept with their time; more are counted.
const KEPT: u64 = 1_000;
/// Tracepoints that a program may have more than the base. Nobody adds that many by hand.
const MOST: usize = 256;

/// Traces the new tracepoints of a program while it is started and stopped.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Starts {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its new tracepoints.
    pub(crate) tracepoints: Vec<Tracepoint>,
}

impl Observation for Starts {
    const NAME: &'static str = "starts";
    type Seen = Timeline;

    fn look(&self, cancel: &Cancel) -> Result<Timeline, CouldNot> {
        if self.tracepoints.len() > MOST {
            return Err(CouldNot::new(
                format!("{} tracepoints are new", self.tracepoints.len()),
                format!("leave at most {MOST} of them"),
            ));
        }
        let before = identity(&self.program);
        let mut recorder = Recorder::new(self)?;
        recorder.all_runs(&Setup::new(&self.program), cancel)?;
        if identity(&self.program) != before {
            return Err(CouldNot::new(
                "the program was built again while it was looked at",
                "run the check again when it is built",
            ));
        }
        recorder.finish()
    }
}

/// What tells a file from the one that a linker has put in its place.
fn identity(program: &Path) -> Option<(u64, u64, i64, i64)> {
    let data = std::fs::metadata(program).ok()?;
    Some((data.dev(), data.ino(), data.mtime(), data.mtime_nsec()))
}

/// Writes down what happens, from one clock.
struct Recorder<'a> {
    session: Session,
    tracepoints: &'a [Tracepoint],
    runs: Vec<Run>,
    /// What has fired, by process and tracepoint.
    fired: BTreeMap<(u32, usize), Fired>,
}

#[derive(Default)]
struct Fired {
    at: Vec<u64>,
    more: u64,
}

impl<'a> Recorder<'a> {
    fn new(starts: &'a Starts) -> Result<Self, CouldNot> {
        let probes = starts.tracepoints.iter().map(|one| {
            let id = ProbeId {
                provider: one.context.clone().into(),
                name: one.event.clone().into(),
            };
            Probe::new(id).stream([])
        });
        let target = Target::path(&starts.program);
        Ok(Self {
            session: Session::attach(&target, probes).map_err(|error| CouldNot::of(&error))?,
            tracepoints: &starts.tracepoints,
            runs: Vec::new(),
            fired: BTreeMap::new(),
        })
    }

    fn all_runs(&mut self, setup: &Setup, cancel: &Cancel) -> Result<(), CouldNot> {
        let directory = Datadir::new()?;
        let (run, node) = self.start(RunKind::Terminated, setup, &directory, cancel)?;
        node.call("uptime", &[])?;
        self.stop(run, node, Stop::Signal(Signal::TERM), cancel)?;

        let (stopped, node) = self.start(RunKind::Stopped, setup, &directory, cancel)?;
        self.refused(setup, &node, cancel)?;
        self.killed(setup, &node, cancel)?;
        self.stop(stopped, node, Stop::Rpc, cancel)
    }

    /// Starts a node and waits until its start is complete.
    fn start(
        &mut self,
        kind: RunKind,
        setup: &Setup,
        directory: &Datadir,
        cancel: &Cancel,
    ) -> Result<(usize, Node), CouldNot> {
        let (run, mut node) = self.spawn(kind, setup, directory)?;
        node.until_it_answers(super::regtest::START, cancel)?;
        self.now(run, What::Answered);
        let answered = self.session.since_start();
        loop {
            if cancel.sleep(Duration::from_millis(20)) {
                return Err(CouldNot::cancelled());
            }
            self.drain();
            let waited = self.session.since_start().saturating_sub(answered);
            if waited >= SETTLE_MOST || (waited >= SETTLE && self.fired_once(node.pid())) {
                break;
            }
        }
        self.now(run, What::Used);
        Ok((run, node))
    }

    fn spawn(
        &mut self,
        kind: RunKind,
        setup: &Setup,
        directory: &Datadir,
    ) -> Result<(usize, Node), CouldNot> {
        let began = self.micros();
        let node = Node::spawn(setup, directory)?;
        let run = self.runs.len();
        self.runs.push(Run {
            kind,
            pid: node.pid(),
            moments: vec![Moment {
                at: began,
                what: What::Began,
            }],
            more: BTreeMap::new(),
        });
        Ok((run, node))
    }

    /// A second node on the port of the first.
    fn refused(&mut self, setup: &Setup, first: &Node, cancel: &Cancel) -> Result<(), CouldNot> {
        let setup = Setup {
            port: Some(first.address().port()),
            ..setup.clone()
        };
        let directory = Datadir::new()?;
        let (run, node) = self.spawn(RunKind::Refused, &setup, &directory)?;
        let ended = node.wait(REFUSED, cancel)?;
        self.ended(run, ended.status);
        if ended.status.success() {
            return Err(CouldNot::new(
                "a node whose port was taken ended as if all were well",
                "start two nodes with the same -bind yourself",
            ));
        }
        Ok(())
    }

    /// A peer of the first, which is killed when it has the first's new block.
    fn killed(&mut self, setup: &Setup, first: &Node, cancel: &Cancel) -> Result<(), CouldNot> {
        let directory = Datadir::new()?;
        let (run, mut node) = self.start(RunKind::Killed, setup, &directory, cancel)?;
        node.connect_to(first, cancel)?;
        // A block that anybody may spend: no wallet is needed for it.
        first.call(
            "generatetodescriptor",
            &[1.into(), "raw(51)#8lvh9jxk".into()],
        )?;
        node.call("ping", &[])?;
        self.stop(run, node, Stop::Signal(Signal::KILL), cancel)
    }

    fn stop(&mut self, run: usize, node: Node, how: Stop, cancel: &Cancel) -> Result<(), CouldNot> {
        self.now(run, What::Asked);
        let ended = node.stop(how, cancel)?;
        self.ended(run, ended.status);
        self.drain();
        Ok(())
    }

    fn ended(&mut self, run: usize, status: ExitStatus) {
        let what = What::Ended {
            clean: status.success(),
            how: status.to_string(),
        };
        self.now(run, what);
    }

    fn now(&mut self, run: usize, what: What) {
        let at = self.micros();
        if let Some(run) = self.runs.get_mut(run) {
            run.moments.push(Moment { at, what });
        }
    }

    fn micros(&self) -> u64 {
        micros(self.session.since_start())
    }

    fn drain(&mut self) {
        let fired = &mut self.fired;
        self.session.drain(|event| {
            let one = fired.entry((event.pid, event.probe)).or_default();
            match u64::try_from(one.at.len()) {
                Ok(count) if count < KEPT => one.at.push(micros(event.since_start)),
                _ => one.more += 1,
            }
        });
    }

    /// Whether something fired in that process once, and so may be what says that the start is complete.
    fn fired_once(&self, pid: u32) -> bool {
        self.fired
            .iter()
            .any(|((process, _), fired)| *process == pid && fired.at.len() == 1)
    }

    fn finish(mut self) -> Result<Timeline, CouldNot> {
        self.session.stop().map_err(|error| CouldNot::of(&error))?;
        self.drain();
        let counted = self
            .session
            .counted()
            .map_err(|error| CouldNot::of(&error))?;
        let mut runs = self.runs;
        for run in &mut runs {
            for (index, tracepoint) in self.tracepoints.iter().enumerate() {
                let Some(fired) = self.fired.get(&(run.pid, index)) else {
                    continue;
                };
                run.moments.extend(fired.at.iter().map(|at| Moment {
                    at: *at,
                    what: What::Fired(tracepoint.clone()),
                }));
                if fired.more > 0 {
                    run.more.insert(tracepoint.clone(), fired.more);
                }
            }
            // Stable: what happened in the same microsecond stays as it was written down.
            run.moments.sort_by_key(|moment| moment.at);
        }
        Ok(Timeline {
            runs,
            lost: counted.probes.iter().map(|one| one.lost.dropped).sum(),
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
