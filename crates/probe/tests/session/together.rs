//! Two tracers of one program do not disturb each other.

use probe::{Key, Probe, Target};

use crate::mode::Mode;
use crate::tick::{KEY, SMALL, Tick, WIDE};
use crate::tracee::{Tracee, id};

const THREADS: u64 = 2;
const EVENTS: u64 = 1000;

in_most_modes! { two_sessions }

fn two_sessions(mode: Mode) {
    let program = mode.program("threads");
    let mut tracee = Tracee::threads(&program, THREADS, EVENTS);
    let tick = || Probe::new(id("threads:tick"));
    let sum = |batches, arg| {
        let values = Tick::all(THREADS, EVENTS, batches).map(|tick| tick.integer(arg));
        Some(values.sum::<i128>())
    };
    let first = mode.attach(&Target::path(&program), [tick().sum(SMALL)]);
    let second = mode.attach(
        &Target::Pid(tracee.pid()),
        [
            tick().sum(WIDE).group_by(Key::Integer { arg: KEY }),
            Probe::new(id("threads:done")),
        ],
    );
    tracee.fire();

    let counted = first.finish().unwrap();
    assert_eq!(counted.probes[0].events, THREADS * EVENTS);
    assert_eq!(counted.probes[0].measures[0].sum, sum(1, SMALL));

    // The first has gone, and with it its breakpoints and its share of the semaphore.
    tracee.fire();
    let counted = second.finish().unwrap();
    assert_eq!(counted.probes[0].events, 2 * THREADS * EVENTS);
    assert_eq!(counted.probes[0].measures[0].sum, sum(2, WIDE));
    let grouped: u64 = counted.probes[0].groups.iter().map(|one| one.events).sum();
    assert_eq!(grouped, 2 * THREADS * EVENTS);
    assert_eq!(counted.probes[1].events, 2);
    tracee.end();
}
