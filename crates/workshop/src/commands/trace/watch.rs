//! The time between attached and detached: takes events, signals, deadlines and the ends of processes as they
//! come, and tells the result.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, WrapErr as _};
use probe::{Counted, Session, Target};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::args::Common;
use super::command::{self, Found};
use super::follow::{self, Look};
use super::json::{self, Described, Other, Ran, Ready, Totals, Tracepoint};
use super::live::{self, Live};
use super::printer::Printer;
use super::quantity;
use super::request::Traced;
use super::running::Seen;
use super::signals::{Signals, reached_everybody};
use super::table::{self, Layout};
use crate::cli::Result;
use crate::output::Output;

/// Events that are taken before anything else is looked at.
const BITE: usize = 4096;
const NAME: &str = "trace";

/// An attached session and everything that goes with it.
pub(super) struct Watch<'a> {
    common: &'a Common,
    session: Session,
    target: &'a Target,
    traced: &'a [Traced],
    signals: Signals,
    output: &'a Output,
    printer: Printer,
    live: Live,
    seen: Seen,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Interrupted,
    Duration,
    Command,
    Process,
}

impl End {
    fn word(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Duration => "duration",
            Self::Command => "command",
            Self::Process => "process",
        }
    }
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        common: &'a Common,
        session: Session,
        target: &'a Target,
        traced: &'a [Traced],
        signals: Signals,
        output: &'a Output,
    ) -> Self {
        let prints = traced.iter().any(|one| one.print.is_some());
        let alone = !prints && common.command.is_empty();
        Self {
            common,
            session,
            target,
            traced,
            signals,
            output,
            printer: Printer::new(output, traced),
            live: Live::new(alone, common.top),
            seen: Seen::default(),
        }
    }

    /// Says that it is ready, starts the command, and stays until the end.
    pub(super) fn run(mut self, command: Option<Found<'_>>, started: Instant) -> Result {
        self.ready(started, command.is_some())?;
        let mut child = match command {
            Some(found) => Some(found.start(self.output.json())?),
            None => None,
        };
        let end = self.stay(&mut child)?;
        let lasted = self.session.since_start();
        self.session.stop()?;
        let status = match &mut child {
            Some(child) => Some(child.end()?),
            None => None,
        };
        // Nothing comes any more, so this ends.
        self.session
            .drain(|event| self.printer.event(event, self.traced));
        self.printer.flush()?;
        self.live.clear();
        let counted = self.session.counted()?;
        let running = self.session.running();
        self.seen.others(&running, self.target, self.output);
        if let (Some(child), Some(status)) = (&child, status) {
            self.output.remark(child.told(status));
        }
        self.tell(&counted, lasted, Some(end), status)?;
        let failed = end == End::Command && status.is_some_and(|status| !status.success());
        Ok(super::outcome(super::complete(&counted), failed))
    }

    /// The line that a script waits for.
    fn ready(&mut self, started: Instant, runs_command: bool) -> miette::Result<()> {
        let took = started.elapsed();
        let sites = self.session.call_sites();
        let whom = match self.target {
            Target::Path(_) => self.session.path().display().to_string(),
            Target::Pid(pid) => format!("process {pid} ({})", self.session.path().display()),
        };
        self.output.remark(format!(
            "tracing {} at {} of {whom}, ready after {}",
            plural(self.traced.len(), "tracepoint"),
            plural(sites, "call site"),
            quantity::seconds(took)
        ));
        let running = self.session.running();
        if self.output.json() {
            self.output.document(
                NAME,
                &Ready {
                    r#type: "ready",
                    binary: self.session.path(),
                    pid: match self.target {
                        Target::Pid(pid) => Some(*pid),
                        Target::Path(_) => None,
                    },
                    call_sites: sites,
                    ready_ms: json::seconds(took) * 1000.0,
                    tracepoints: Described::all(self.traced),
                    running: running.pids.clone(),
                    others: Other::all(&running),
                },
            )?;
        }
        self.seen
            .start(&running, self.target, runs_command, self.output);
        Ok(())
    }

    /// Takes what comes until there is a reason to end.
    fn stay(&mut self, child: &mut Option<command::Running>) -> miette::Result<End> {
        let mut follow = match (self.common.follow, self.target) {
            (true, Target::Path(path)) => Some(follow::Watch::new(path)),
            _ => None,
        };
        let mut next = self.common.interval;
        let mut interrupted = false;
        loop {
            let traced = self.traced;
            let printer = &mut self.printer;
            let taken = self
                .session
                .drain_up_to(BITE, |event| printer.event(event, traced));
            self.printer.flush()?;
            if let Some(signal) = self.signals.take() {
                interrupted = true;
                let Some(child) = child.as_mut() else {
                    return Ok(End::Interrupted);
                };
                self.pass_on(signal, child);
            }
            if let Some(child) = child.as_mut()
                && child.ended()?.is_some()
            {
                return Ok(if interrupted {
                    End::Interrupted
                } else {
                    End::Command
                });
            }
            if self.session.ended() {
                return Ok(End::Process);
            }
            let now = self.session.since_start();
            if self.common.duration.is_some_and(|end| now >= end) {
                return Ok(End::Duration);
            }
            if let (Some(due), Some(interval)) = (next, self.common.interval)
                && now >= due
            {
                let counted = self.session.counted()?;
                self.so_far(&counted, now)?;
                // From now on and not from when it was due: a stopped terminal is not caught up with.
                next = Some(self.session.since_start() + interval);
            }
            if let Some(follow) = &mut follow {
                self.follow(follow)?;
            }
            if taken < BITE {
                let deadlines = [self.common.duration, next];
                let wait = deadlines
                    .into_iter()
                    .flatten()
                    .map(|at| at.saturating_sub(now))
                    .chain(follow.as_ref().map(|_| follow::LOOK))
                    .min();
                self.wait(wait, child.as_ref(), follow.as_ref())?;
            }
        }
    }

    /// A command is to end as it would without us: what it does while it ends counts too.
    fn pass_on(&mut self, signal: Signal, child: &command::Running) {
        if !reached_everybody(signal) {
            child.signal(signal);
        }
        self.output
            .remark("waiting for the command to end; once more ends at once");
    }

    fn follow(&mut self, follow: &mut follow::Watch) -> miette::Result<()> {
        match follow.look(&mut self.session)? {
            Look::Same => {}
            Look::Followed => {
                let call_sites = self.session.call_sites();
                self.output.remark(format!(
                    "{} is a new file: traced on at {}",
                    self.session.path().display(),
                    plural(call_sites, "call site")
                ));
                if self.output.json() {
                    let followed = json::Followed {
                        r#type: "followed",
                        seconds: json::seconds(self.session.since_start()),
                        call_sites,
                    };
                    self.output.document(NAME, &followed)?;
                }
            }
            Look::Refused(error) => {
                let report = miette::Report::from(error);
                let text = crate::diagnostic::render(report.as_ref());
                self.output.remark(text.trim_end());
                self.output
                    .remark("what was traced before is traced still, until there is another file");
            }
        }
        Ok(())
    }

    /// Waits for something to come.
    fn wait(
        &self,
        timeout: Option<Duration>,
        child: Option<&command::Running>,
        follow: Option<&follow::Watch>,
    ) -> miette::Result<()> {
        let mut fds = vec![
            PollFd::new(&self.session, PollFlags::IN),
            PollFd::new(&self.signals, PollFlags::IN),
        ];
        let others = [
            self.session.process_fd(),
            child.and_then(command::Running::fd),
            follow.and_then(follow::Watch::fd),
        ];
        let others: Vec<_> = others.into_iter().flatten().collect();
        fds.extend(others.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(std::io::Error::from(error))
                .into_diagnostic()
                .wrap_err("cannot wait for events"),
        }
    }

    fn so_far(&mut self, counted: &Counted, now: Duration) -> miette::Result<()> {
        if self.output.json() {
            return self.tell(counted, now, None, None);
        }
        self.live.draw(self.output, self.traced, counted, now)
    }

    /// The result, in the end or so far.
    fn tell(
        &self,
        counted: &Counted,
        lasted: Duration,
        end: Option<End>,
        status: Option<ExitStatus>,
    ) -> miette::Result<()> {
        if self.output.json() {
            return self.output.document(
                NAME,
                &Totals {
                    r#type: if end.is_some() { "counted" } else { "so_far" },
                    binary: self.session.path(),
                    seconds: json::seconds(lasted),
                    ended: end.map(End::word),
                    complete: super::complete(counted),
                    ran: status.map(|status| Ran::new(&self.common.command, status)),
                    tracepoints: Tracepoint::all(self.traced, counted),
                },
            );
        }
        let rates: Vec<_> = counted
            .probes
            .iter()
            .map(|one| live::rate(one.events, lasted.as_secs_f64()))
            .collect();
        let layout = Layout {
            width: live::columns(),
            top: self.common.top,
        };
        self.output
            .text(&table::render(self.traced, counted, &rates, layout))
    }
}

fn plural(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}
