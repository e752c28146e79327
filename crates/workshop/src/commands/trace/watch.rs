//! The time between attached and detached: takes events, signals, deadlines and the ends of processes as they
//! come.

use std::time::{Duration, Instant};

use miette::{IntoDiagnostic as _, WrapErr as _};
use probe::{Counted, Session, Target};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::args::Common;
use super::command::{self, Found};
use super::follow::{self, Look};
use super::live::Live;
use super::printer::Printer;
use super::running::Seen;
use super::signals::{Signals, reached_everybody};
use super::tell::{End, Tell};
use crate::cli::Result;

/// Events that are taken before anything else is looked at.
const BITE: usize = 4096;

/// An attached session and everything that goes with it.
pub(super) struct Watch<'a> {
    common: &'a Common,
    session: Session,
    signals: Signals,
    tell: Tell<'a>,
    printer: Printer,
    live: Live,
    seen: Seen,
}

impl<'a> Watch<'a> {
    pub(super) fn new(session: Session, signals: Signals, tell: Tell<'a>) -> Self {
        let common = tell.common;
        let prints = tell.traced.iter().any(|one| one.print.is_some());
        let alone = !prints && common.command.is_empty();
        Self {
            common,
            session,
            signals,
            printer: Printer::new(tell.output, tell.traced),
            tell,
            live: Live::new(alone, common.top),
            seen: Seen::default(),
        }
    }

    /// Says that it is ready, starts the command, and stays until the end.
    pub(super) fn run(mut self, command: Option<Found<'_>>, started: Instant) -> Result {
        self.ready(started, command.is_some())?;
        let mut child = match command {
            Some(found) => Some(found.start(self.tell.output.json())?),
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
            .drain(|event| self.printer.event(event, self.tell.traced));
        self.printer.flush()?;
        self.live.clear();
        let counted = self.session.counted()?;
        let running = self.session.running();
        self.seen
            .others(&running, self.tell.target, self.tell.output);
        if let (Some(child), Some(status)) = (&child, status) {
            self.tell.output.remark(child.told(status));
        }
        self.tell
            .result(&self.session, &counted, lasted, Some(end), status)?;
        let failed = end == End::Command && status.is_some_and(|status| !status.success());
        Ok(super::outcome(super::complete(&counted), failed))
    }

    fn ready(&mut self, started: Instant, runs_command: bool) -> miette::Result<()> {
        let took = started.elapsed();
        self.tell.ready(&self.session, took)?;
        let running = self.session.running();
        self.seen
            .start(&running, self.tell.target, runs_command, self.tell.output);
        Ok(())
    }

    /// Takes what comes until there is a reason to end.
    fn stay(&mut self, child: &mut Option<command::Running>) -> miette::Result<End> {
        let mut follow = match (self.common.follow, self.tell.target) {
            (true, Target::Path(path)) => Some(follow::Follow::new(path)),
            _ => None,
        };
        let mut next = self.common.interval;
        let mut interrupted = false;
        loop {
            let traced = self.tell.traced;
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
        self.tell
            .output
            .remark("waiting for the command to end; once more ends at once");
    }

    fn follow(&mut self, follow: &mut follow::Follow) -> miette::Result<()> {
        match follow.look(&mut self.session)? {
            Look::Same => {}
            Look::Followed => self.tell.followed(&self.session)?,
            Look::Refused(error) => {
                let report = miette::Report::from(error);
                let text = crate::diagnostic::render(report.as_ref());
                self.tell.output.remark(text.trim_end());
                self.tell
                    .output
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
        follow: Option<&follow::Follow>,
    ) -> miette::Result<()> {
        let mut fds = vec![
            PollFd::new(&self.session, PollFlags::IN),
            PollFd::new(&self.signals, PollFlags::IN),
        ];
        let others = [
            self.session.process_fd(),
            child.and_then(command::Running::fd),
            follow.and_then(follow::Follow::fd),
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
        if self.tell.output.json() {
            return self.tell.result(&self.session, counted, now, None, None);
        }
        self.live
            .draw(self.tell.output, self.tell.traced, counted, now)
    }
}
