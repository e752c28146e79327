//! By process: that one with all its threads, and nothing else, not even what has its number later.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use probe::{Counted, Probe, Session, Target};

use crate::mode::Mode;
use crate::tick::{SMALL, Tick};
use crate::tracee::{Tracee, copy, id};

const THREADS: u64 = 4;
const EVENTS: u64 = 50;

in_most_modes! { one_of_two its_end a_reused_number a_file_that_was_replaced }

fn one_of_two(mode: Mode) {
    let program = mode.program("threads");
    let mut traced = Tracee::threads(&program, THREADS, EVENTS);
    let mut other = Tracee::threads(&program, THREADS, EVENTS);
    let mut session = attach(mode, traced.pid());
    // One that hooks both, so that the other's events reach the kernel's side too.
    let both = mode.attach(&Target::path(&program), [Probe::new(id("threads:tick"))]);
    for tracee in [&mut traced, &mut other] {
        tracee.fire();
        tracee.fire_from_new_threads();
        // A forked process is another one, though its memory is a copy, breakpoints and all.
        tracee.fire_from_a_fork();
    }
    session.stop().unwrap();
    exact(&session.counted().unwrap(), 2);
    let pid = traced.pid();
    let count = session.drain(|event| {
        assert_eq!((event.pid, event.foreign), (pid, false));
    });
    assert_eq!(count as u64, THREADS * EVENTS * 2);
    let all = both.finish().unwrap().probes[0].events;
    assert_eq!(all, 2 * (2 * THREADS + 1) * EVENTS);
}

fn its_end(mode: Mode) {
    let program = mode.program("threads");
    let mut traced = Tracee::threads(&program, THREADS, EVENTS);
    let session = attach(mode, traced.pid());
    traced.fire();
    assert!(!session.ended());
    traced.end();
    // Does not wait for events that nobody sends any more.
    session.wait(Duration::from_secs(3600)).unwrap();
    assert!(session.ended());
    exact(&session.finish().unwrap(), 1);
}

fn a_reused_number(mode: Mode) {
    let program = mode.program("threads");
    let mut traced = Tracee::threads(&program, THREADS, EVENTS);
    let pid = traced.pid();
    let session = attach(mode, pid);
    let both = mode.attach(&Target::path(&program), [Probe::new(id("threads:tick"))]);
    traced.fire();
    traced.end();

    let mut next = with_number(pid, &program);
    next.fire();
    assert_eq!(
        both.counted().unwrap().probes[0].events,
        2 * THREADS * EVENTS
    );
    assert!(session.ended());
    exact(&session.finish().unwrap(), 1);
}

/// A process whose number was another's before. Others start processes too, and may be faster.
fn with_number(pid: u32, program: &Path) -> Tracee {
    for _ in 0..1000 {
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
        let started = Tracee::threads(program, THREADS, EVENTS);
        if started.pid() == pid {
            return started;
        }
    }
    panic!("no process got the number {pid}");
}

fn a_file_that_was_replaced(mode: Mode) {
    let program = mode.program("threads");
    let mut traced = Tracee::threads(&program, THREADS, EVENTS);
    // As a build does it: another file gets the name.
    let new = copy(&program);
    let inode = fs::metadata(&new).unwrap().ino();
    fs::rename(&new, &program).unwrap();
    let session = attach(mode, traced.pid());
    traced.fire();
    exact(&session.counted().unwrap(), 1);
    assert_eq!(session.running().pids, [traced.pid()]);
    // By its name it is the new file, and the running process another.
    let by_path = mode.attach(&Target::path(&program), [Probe::new(id("threads:tick"))]);
    traced.fire();
    assert_eq!(by_path.counted().unwrap().probes[0].events, 0);
    let others = by_path.running().others;
    assert_eq!(others.len(), 1);
    assert_eq!(others[0].0, traced.pid());
    assert_eq!(fs::metadata(&program).unwrap().ino(), inode);
    exact(&session.finish().unwrap(), 2);
}

fn attach(mode: Mode, pid: u32) -> Session {
    let tick = Probe::new(id("threads:tick"));
    mode.attach(&Target::Pid(pid), [tick.sum(SMALL).stream([])])
}

/// So many batches of one process.
fn exact(counted: &Counted, batches: u64) {
    let counted = &counted.probes[0];
    assert_eq!(counted.events, batches * THREADS * EVENTS);
    let values = Tick::all(THREADS, EVENTS, batches).map(|tick| tick.integer(SMALL));
    assert_eq!(counted.measures[0].sum, Some(values.sum()));
}
