//! `many WORKSHOP FOLDER MILLISECONDS HOSTS…`: a `provision` that finds nothing to do, on so many hosts behind a link
//! with so long a round trip. `cargo xtask bench --many` runs it, in a network namespace of its own.
//!
//! The hosts are stand-ins (`hosts.rs`): SSH servers on loopback addresses that say of every step that it is satisfied. All
//! on the controller's side is real: the program, its inventory and journal, handshakes, keys, scripts, and what it
//! makes of the answers. What is not in the figures is the hosts' own work, which is theirs and side by side.
#![allow(clippy::print_stdout, reason = "a program")]

mod hosts;
mod measured;
mod state;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let mut next = || {
        arguments
            .next()
            .ok_or("many WORKSHOP FOLDER MILLISECONDS HOSTS…")
    };
    let (workshop, folder) = (next()?, next()?);
    let round_trip: u64 = next()?.to_string_lossy().parse()?;
    let counts: Vec<u16> = arguments
        .map(|count| Ok(count.to_string_lossy().parse()?))
        .collect::<Result<_>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let key = state::host_key(&folder)?;
    let hosts = runtime.block_on(hosts::serve(
        key.private(),
        Duration::from_millis(round_trip),
    ))?;
    println!("hosts   seconds  ms a host  peak MB  files  cpu s  connections a host");
    let mut one = None;
    for count in counts {
        let place = folder.join(format!("{count}-hosts"));
        let cache = state::write(&place, &workshop, count, &key)?;
        let run = || {
            let mut command = Command::new(&workshop);
            command
                .args(["provision", "--json", "--inventory"])
                .arg(place.join("inventory.yaml"))
                .env("XDG_CACHE_HOME", &cache)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                // A line a host.
                .stderr(Stdio::null());
            command
        };
        hosts.forget();
        let measured = measured::run(&mut run())?;
        state::nothing_was_done(&measured.stdout, count)?;
        let connections = f64::from(hosts.connections()) / f64::from(count);
        // What any run costs, whatever the number of hosts.
        let base = *one.get_or_insert(measured.seconds);
        println!(
            "{count:5}  {:8.2}  {:9.1}  {:7.0}  {:5}  {:5.2}  {connections:.2}",
            measured.seconds,
            1000.0 * (measured.seconds - base) / f64::from(count.max(2) - 1),
            measured.peak,
            measured.files,
            measured.processor,
        );
    }
    Ok(())
}
