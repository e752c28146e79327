//! Counts the events of one tracepoint, in every process that runs a program, now or later:
//!
//! ```text
//! $ sudo cargo run --package probe --example count -- build/bin/bitcoind net:inbound_message 10
//! counting net:inbound_message of build/bin/bitcoind at 1 call site
//! 1842 events in 10.0 s
//! ```
//!
//! Without SECONDS it counts for ten. With `--perf-events` as the first word it hooks as on kernels before 6.10.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use probe::{Options, Probe, Target};

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let perf_events = words.first().is_some_and(|word| word == "--perf-events");
    if perf_events {
        words.remove(0);
    }
    let counted = match words.as_slice() {
        [path, name] => count(path, name, "10", perf_events),
        [path, name, seconds] => count(path, name, seconds, perf_events),
        _ => Err("usage: count [--perf-events] PATH PROVIDER:NAME [SECONDS]".into()),
    };
    let Err(error) = counted else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("caused by: {error}");
        cause = error.source();
    }
    ExitCode::from(2)
}

fn count(path: &str, name: &str, seconds: &str, perf_events: bool) -> Result<(), Box<dyn Error>> {
    let duration = Duration::try_from_secs_f64(seconds.parse()?)?;
    let session = Options::default()
        .perf_events(perf_events)
        .attach(&Target::path(path), [Probe::new(name.parse()?)])?;
    let sites = session.call_sites();
    let plural = if sites == 1 { "" } else { "s" };
    // From here on nothing is missed.
    println!("counting {name} of {path} at {sites} call site{plural}");
    std::thread::sleep(duration);
    let lasted = session.since_start();
    // Exact, because it is detached first.
    let counted = session.finish()?;
    for probe in &counted.probes {
        println!("{} events in {:.1} s", probe.events, lasted.as_secs_f64());
    }
    Ok(())
}
