//! What is told besides events: that it is ready, what happened to the file, the result.

use std::process::ExitStatus;
use std::time::Duration;

use probe::{Counted, Session, Target};

use super::args::Common;
use super::json::{self, Described, Other, Ran, Ready, Totals, Tracepoint};
use super::live;
use super::quantity;
use super::request::Traced;
use super::table::{self, Layout};
use crate::output::Output;

/// The verb, as it stands in JSON documents.
const COMMAND: &str = "trace";

/// Tells it to people or to programs.
#[derive(Clone, Copy)]
pub(super) struct Tell<'a> {
    pub(super) common: &'a Common,
    pub(super) target: &'a Target,
    pub(super) traced: &'a [Traced],
    pub(super) output: &'a Output,
}

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
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

impl Tell<'_> {
    /// The line that a script waits for.
    pub(super) fn ready(&self, session: &Session, took: Duration) -> miette::Result<()> {
        let sites = session.call_sites();
        let path = session.path();
        let whom = match self.target {
            Target::Path(_) => path.display().to_string(),
            Target::Pid(pid) => format!("process {pid} ({})", path.display()),
        };
        self.output.remark(format!(
            "tracing {} at {} of {whom}, ready after {}",
            plural(self.traced.len(), "tracepoint"),
            plural(sites, "call site"),
            quantity::seconds(took)
        ));
        if !self.output.json() {
            return Ok(());
        }
        let running = session.running();
        self.output.document(
            COMMAND,
            &Ready {
                r#type: "ready",
                binary: path,
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
        )
    }

    /// The file was replaced, and the new one is traced.
    pub(super) fn followed(&self, session: &Session) -> miette::Result<()> {
        let call_sites = session.call_sites();
        self.output.remark(format!(
            "{} is a new file: traced on at {}",
            session.path().display(),
            plural(call_sites, "call site")
        ));
        if !self.output.json() {
            return Ok(());
        }
        let followed = json::Followed {
            r#type: "followed",
            seconds: json::seconds(session.since_start()),
            call_sites,
        };
        self.output.document(COMMAND, &followed)
    }

    /// The result: in the end, or so far when there is no end yet.
    pub(super) fn result(
        &self,
        session: &Session,
        counted: &Counted,
        lasted: Duration,
        end: Option<End>,
        status: Option<ExitStatus>,
    ) -> miette::Result<()> {
        if self.output.json() {
            return self.output.document(
                COMMAND,
                &Totals {
                    r#type: if end.is_some() { "counted" } else { "so_far" },
                    binary: session.path(),
                    seconds: json::seconds(lasted),
                    ended: end.map(End::word),
                    complete: super::complete(counted),
                    ran: status.map(|status| Ran::new(&self.common.command, status)),
                    tracepoints: Tracepoint::all(self.traced, counted),
                },
            );
        }
        let seconds = lasted.as_secs_f64();
        let probes = counted.probes.iter();
        let rates: Vec<_> = probes.map(|one| live::rate(one.events, seconds)).collect();
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
