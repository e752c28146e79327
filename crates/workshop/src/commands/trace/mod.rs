//! `workshop trace BINARY|PID PROBE [ACTIONS…]… [-- CMD…]`: counts, adds up and prints tracepoints of a program
//! while it runs.

mod args;
mod ask;
mod command;
mod follow;
mod histogram;
mod json;
mod live;
mod names;
mod parts;
mod printer;
pub(super) mod quantity;
mod request;
mod running;
mod signals;
mod table;
pub(crate) mod target;
mod tell;
mod value;
mod watch;
mod wrong;

use std::path::Path;
use std::time::Instant;

use miette::{IntoDiagnostic as _, WrapErr as _};
use probe::usdt::Tracepoints;
use probe::{Options, Probe, Target};

pub(crate) use self::args::Args;
use self::request::Traced;
use self::signals::Signals;
use self::tell::Tell;
use self::watch::Watch;
use crate::cli::{Outcome, Result};
use crate::gather;
use crate::output::Output;
use crate::participant::Host;

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let started = Instant::now();
    let common = &args.common;
    let target = target::target(&common.target);
    if common.follow && matches!(target, Target::Pid(_)) {
        return Err(miette::miette!(
            help =
                "name the program's file: every process that runs it is traced, also the next one",
            "--follow goes with a file, not with a process"
        ));
    }
    let traced = understand(args, &target)?;
    let command = command::find(&common.command)?;
    // Before anything is attached: from here on Ctrl-C shows what was counted.
    let signals = Signals::install()
        .into_diagnostic()
        .wrap_err("cannot wait for signals")?;
    let probes: Vec<Probe> = traced.iter().map(|one| one.probe.clone()).collect();
    let session = Options::default()
        .events_bytes(common.buffer)
        .groups(common.groups)
        .attach(&target, probes)?;
    let tell = Tell {
        common,
        target: &target,
        traced: &traced,
        output,
    };
    Watch::new(session, signals, tell).run(command, started)
}

/// What is traced, understood by the program's notes and the documented interface.
fn understand(args: &Args, target: &Target) -> miette::Result<Vec<Traced>> {
    let file = target::file(target);
    let program = program(&file, target)?;
    let interface = gather::interface_of(&Host::here()?, &file);
    let shown = args.common.target.display().to_string();
    request::traced(&args.asks, &program, &shown, &interface).map_err(wrong::report)
}

fn program(file: &Path, target: &Target) -> miette::Result<Tracepoints> {
    let program = match (probe::usdt::read_file(file), target) {
        (Ok(program), _) => program,
        (Err(probe::usdt::Error::Open { source, .. }), Target::Pid(pid)) => {
            return Err(probe::Error::NoProcess { pid: *pid, source }.into());
        }
        (Err(error), _) => return Err(error.into()),
    };
    if program.tracepoints.is_empty() {
        let path = file.read_link().unwrap_or_else(|_| file.to_owned());
        return Err(probe::Error::NoTracepoints { path }.into());
    }
    Ok(program)
}

/// What the exit status says: whether the numbers are whole, and the command did not fail.
fn outcome(complete: bool, failed: bool) -> Outcome {
    if complete && !failed {
        Outcome::Yes
    } else {
        Outcome::No
    }
}

/// Whether nothing is missing from what was counted.
fn complete(counted: &probe::Counted) -> bool {
    counted.probes.iter().all(|one| one.lost.nothing())
}
