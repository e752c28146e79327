//! By path: every process that runs the file, whenever it starts and by whatever name; no other.

use std::fs;
use std::os::unix::fs::symlink;

use probe::{Probe, Session, Target};

use crate::mode::Mode;
use crate::tick::{SMALL, Tick};
use crate::tracee::{Tracee, copy, folder, id};

const THREADS: u64 = 2;
const EVENTS: u64 = 100;

in_every_mode! { before_it_starts links_and_copies }

fn before_it_starts(mode: Mode) {
    let program = mode.program("threads");
    let session = attach(mode, &Target::path(&program));
    for run in 1..=2 {
        let mut tracee = Tracee::threads(&program, THREADS, EVENTS);
        assert_eq!(session.running().pids, [tracee.pid()]);
        tracee.fire();
        let counted = &session.counted().unwrap().probes[0];
        assert_eq!(counted.events, run * THREADS * EVENTS);
        let values = Tick::all(THREADS, EVENTS, 1).map(|tick| tick.integer(SMALL));
        let sum = values.sum::<i128>() * i128::from(run);
        assert_eq!(counted.measures[0].sum, Some(sum));
        tracee.end();
    }
    assert!(!session.ended(), "a path does not end");
}

fn links_and_copies(mode: Mode) {
    let program = mode.program("threads");
    let (hard, symbolic) = (folder().join("hard"), folder().join("symbolic"));
    fs::hard_link(&program, &hard).unwrap();
    symlink(&program, &symbolic).unwrap();
    let copy = copy(&program);

    // One is told the file's own name, one a link's.
    let sessions = [&program, &symbolic].map(|path| attach(mode, &Target::path(path)));
    let mut seen = [&program, &hard, &symbolic].map(|path| Tracee::threads(path, 1, EVENTS));
    let mut other = Tracee::threads(&copy, 1, EVENTS);
    other.fire();
    for session in &sessions {
        assert_eq!(session.counted().unwrap().probes[0].events, 0);
    }
    let running = sessions[0].running();
    assert_eq!(running.others, [(other.pid(), copy)]);
    let mut pids = seen.each_ref().map(Tracee::pid);
    pids.sort_unstable();
    for (count, tracee) in (1..).zip(&mut seen) {
        tracee.fire();
        for session in &sessions {
            assert_eq!(session.running().pids, pids);
            assert_eq!(session.counted().unwrap().probes[0].events, count * EVENTS);
        }
    }
}

fn attach(mode: Mode, target: &Target) -> Session {
    mode.attach(target, [Probe::new(id("threads:tick")).sum(SMALL)])
}
