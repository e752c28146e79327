//! A process in a pid namespace of its own, as in a container.

use std::path::Path;
use std::process::Command;

use probe::{Probe, Target};

use crate::mode::Mode;
use crate::tick::{SMALL, TID};
use crate::tracee::{Tracee, id};

const THREADS: u64 = 2;
const EVENTS: u64 = 100;

in_every_mode! { by_path by_pid }

/// Counted, and its numbers are told to be the machine's.
fn by_path(mode: Mode) {
    let program = mode.program("threads");
    let mut inside = contained(&program);
    let mut session = mode.attach(&Target::path(&program), [tick()]);
    let pid = session.running().pids[0];
    inside.fire();
    // One that lives where the session does.
    let mut outside = Tracee::threads(&program, THREADS, EVENTS);
    outside.fire();
    session.stop().unwrap();
    let mut foreign = 0;
    let count = session.drain(|event| {
        if event.pid == outside.pid() {
            assert!(!event.foreign);
            return;
        }
        assert_eq!((event.pid, event.foreign), (pid, true));
        foreign += 1;
    });
    assert_eq!(
        (foreign, count as u64),
        (THREADS * EVENTS, 2 * THREADS * EVENTS)
    );
    assert_eq!(
        session.counted().unwrap().probes[0].events,
        2 * THREADS * EVENTS
    );
}

/// By its number as we see it, which is not its own.
fn by_pid(mode: Mode) {
    let program = mode.program("threads");
    let mut inside = contained(&program);
    let all = mode.attach(&Target::path(&program), [Probe::new(id("threads:tick"))]);
    let pid = all.running().pids[0];
    // Has the same number in a namespace of its own.
    let mut other = contained(&program);
    let mut session = mode.attach(&Target::Pid(pid), [tick()]);
    inside.fire();
    other.fire();
    session.stop().unwrap();
    let count = session.drain(|event| {
        assert_eq!((event.pid, event.foreign), (1, false), "{event:?}");
        // As the program sees itself.
        assert_eq!(event.value(TID.into()).unwrap().get(), event.tid.into());
    });
    assert_eq!(count as u64, THREADS * EVENTS);
    assert_eq!(
        session.counted().unwrap().probes[0].events,
        THREADS * EVENTS
    );
    assert_eq!(all.finish().unwrap().probes[0].events, 2 * THREADS * EVENTS);
}

fn tick() -> Probe {
    Probe::new(id("threads:tick")).sum(SMALL).stream([])
}

fn contained(program: &Path) -> Tracee {
    Tracee::ready(
        Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child"])
            .arg(program)
            .args([THREADS.to_string(), EVENTS.to_string()]),
    )
}
