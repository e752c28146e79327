//! `workshop monitor [BINARY|PID]`: a node's peers and messages, live.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};
use miette::{IntoDiagnostic as _, WrapErr as _};

use super::participant::rpc_place;
use super::trace::quantity::duration;
use crate::cli::{Outcome, Result};
use crate::monitor::owner::Owner;
use crate::monitor::record::{Lines, Recorder};
use crate::monitor::rpc::{Asker, Place};
use crate::monitor::signals::Signals;
use crate::monitor::source::MessageSource as _;
use crate::monitor::target::choose;
use crate::monitor::usdt::Usdt;
use crate::monitor::view::{Recording, Theme};
use crate::monitor::watch::Watch;
use crate::monitor::{lines, screen, wake};
use crate::output::{Output, can_draw};
use crate::participant::{Host, state_folder};

/// Watch a node's peers and messages live, by its tracepoints. Needs root.
///
/// On a terminal it draws; keys are told by `?`. Elsewhere, and with `--json`, it prints a JSON line for every
/// message and for what is recognised: peers, handshakes, pings and their pongs, connections that end.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The program, or a process by its number. Else the host's own node, or the one bitcoind that runs here.
    #[arg(value_name = "BINARY|PID")]
    target: Option<PathBuf>,

    /// End after so long: 30s, 5m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,

    /// Append what is recognised to this file. On a workshop's host it is kept for `workshop check`.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Keep no record.
    #[arg(long, conflicts_with = "record")]
    no_record: bool,

    /// Where the node's RPC interface is, instead of what its own options say.
    #[arg(long, value_name = "HOST:PORT", value_parser = rpc_place)]
    rpc: Option<String>,

    /// The cookie file to log in there.
    #[arg(long, value_name = "FILE", requires = "rpc")]
    cookie: Option<PathBuf>,

    /// Do not ask the node over RPC: peers appear with their first message.
    #[arg(long, conflicts_with = "rpc")]
    no_rpc: bool,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let host = Host::here()?;
    let chosen = choose(args.target.as_deref(), &host)?;
    let (wake, woken) = wake::pair().into_diagnostic()?;
    let on_screen = !output.json() && can_draw();
    let signals = Signals::watch(&wake, on_screen)
        .into_diagnostic()
        .wrap_err("cannot wait for signals")?;
    let source = Usdt::attach(&chosen)?;
    let since_start = source.now();
    let lines = Lines::new(jiff::Timestamp::now(), since_start, std::process::id());
    let (recorder, unrecorded) = match record(args, &host, &lines)? {
        Ok(recorder) => (recorder, None),
        Err(why) => (None, Some(why)),
    };
    let clock = Instant::now();
    let asker = (!args.no_rpc).then(|| {
        let place = Place {
            rpc: args.rpc.clone(),
            cookie: args.cookie.clone(),
        };
        Asker::start(place, wake.clone(), move || since_start + clock.elapsed())
    });
    let mut watch = Watch::new(Box::new(source), recorder, asker, args.duration, woken);
    if let Some(why) = unrecorded {
        output.remark(format_args!("remark: not recorded: {why}"));
        watch.recording = Recording::Failed(why);
    }
    let ran = if on_screen {
        let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let ran = screen::run(&mut watch, &lines, &signals, &wake, Theme::new(colour));
        watch.end();
        ran
    } else {
        lines::run(&mut watch, &lines, &signals, output)
    };
    signals.finish();
    ran?;
    Ok(Outcome::Yes)
}

/// The record that was asked for, else a workshop's own; or why that one cannot be kept.
fn record(
    args: &Args,
    host: &Host,
    lines: &Lines,
) -> miette::Result<std::result::Result<Option<Recorder>, String>> {
    if let Some(path) = &args.record {
        let recorder = Recorder::start(path, lines.clone())
            .into_diagnostic()
            .wrap_err_with(|| format!("the record {} cannot be written", path.display()))?;
        return Ok(Ok(Some(recorder)));
    }
    // Only a workshop's host has a check that reads it.
    if args.no_record || host.word.is_none() {
        return Ok(Ok(None));
    }
    let owner = Owner::behind_sudo();
    let folder = match &owner {
        Some(owner) => owner.state_folder(),
        None => state_folder()?,
    };
    let path = folder.join("workshop/monitor.jsonl");
    // Nobody asked for it by name: the monitor is of use without.
    let recorder = Recorder::start_for(&path, lines.clone(), owner.as_ref());
    Ok(recorder
        .map(Some)
        .map_err(|error| format!("{}: {error}", path.display())))
}
