//! Whole events: who, when, in which order, and none lost without being told.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use probe::{Event, Part, Probe, Session, Target};

use crate::mode::Mode;
use crate::tick::{HASH, SEQUENCE, SMALL, TID, Tick, WORD};
use crate::tracee::{Tracee, id};

const THREADS: u64 = 2;

in_every_mode! { every_event_in_order flood flood_of_large_events }

fn every_event_in_order(mode: Mode) {
    const EVENTS: u64 = 2000;
    let program = mode.program("threads");
    let mut tracee = Tracee::threads(&program, THREADS, EVENTS);
    let pid = tracee.pid();
    let tick = Probe::new(id("threads:tick")).stream([
        Part::Text {
            arg: WORD,
            capacity: 90,
        },
        Part::Bytes {
            arg: HASH,
            capacity: 32,
            length_arg: None,
        },
    ]);
    let done = Probe::new(id("threads:done")).stream([]);
    let mut session = mode.attach(&Target::path(&program), [tick, done]);
    tracee.fire();
    session.stop().unwrap();
    let lasted = session.since_start();
    // A process's own thread has its file's name, of which the kernel keeps 15 bytes.
    let own = program.file_name().unwrap().to_str().unwrap();
    let own = &own[..own.len().min(15)];

    let mut threads: HashMap<u32, (u64, Duration)> = HashMap::new();
    let (mut ticks, mut dones) = (0, 0);
    session.drain(|event| {
        assert_eq!((event.pid, event.foreign), (pid, false));
        assert!(event.since_start <= lasted);
        if event.probe == 1 {
            assert_eq!(event.id.to_string(), "threads:done");
            assert_eq!(number(event, 0), i128::from(THREADS));
            dones += 1;
            return;
        }
        assert_eq!(
            (event.probe, event.id.to_string().as_str()),
            (0, "threads:tick")
        );
        assert_eq!(number(event, TID), event.tid.into());
        let thread = if event.tid == pid { 0 } else { 1 };
        let name = if thread == 0 { own } else { "thread 1" };
        assert_eq!(event.comm(), name.as_bytes());
        let (next, last) = threads.entry(event.tid).or_default();
        assert_eq!(number(event, SEQUENCE), i128::from(*next));
        assert!(event.since_start > *last, "time stands still or runs back");
        let expected = Tick::of(thread, *next);
        assert_eq!(number(event, SMALL), expected.integer(SMALL));
        assert_eq!(event.bytes(WORD.into()), Some(expected.word.as_bytes()));
        assert_eq!(event.bytes(HASH.into()), Some(expected.hash().as_slice()));
        (*next, *last) = (*next + 1, event.since_start);
        ticks += 1;
    });
    assert_eq!((ticks, dones, threads.len()), (THREADS * EVENTS, 1, 2));
    let counted = session.counted().unwrap();
    assert!(counted.probes.iter().all(|one| one.lost.nothing()));
}

/// More than the smallest ring buffer takes.
fn flood(mode: Mode) {
    flooded(mode, Probe::new(id("threads:tick")).stream([]));
}

/// Of which one alone takes more than a page.
fn flood_of_large_events(mode: Mode) {
    let long = Part::Bytes {
        arg: HASH,
        capacity: 4096,
        length_arg: None,
    };
    let word = Part::Text {
        arg: WORD,
        capacity: 200,
    };
    flooded(mode, Probe::new(id("threads:tick")).stream([word, long]));
}

fn flooded(mode: Mode, tick: Probe) {
    const EVENTS: u64 = 20_000;
    let program = mode.program("threads");
    let mut tracee = Tracee::threads(&program, THREADS, EVENTS);
    let options = mode.options().events_bytes(1);
    let mut session = options
        .attach(&Target::path(&program), [tick.sum(SMALL)])
        .unwrap();
    let mut last: HashMap<u32, i128> = HashMap::new();
    let mut take = |session: &mut Session| {
        session.drain(|event| {
            // Some are missing, but none is out of place.
            let sequence = number(event, SEQUENCE);
            let before = last.insert(event.tid, sequence);
            assert!(before.is_none_or(|before| before < sequence));
        }) as u64
    };

    // Nobody takes any until all have been fired.
    tracee.fire();
    let counted = session.counted().unwrap().probes.remove(0);
    let taken = take(&mut session);
    assert!(taken > 0, "the buffer has no room for a single one");
    assert_eq!(counted.events, THREADS * EVENTS);
    assert_eq!(taken + counted.lost.dropped, THREADS * EVENTS);

    // Somebody takes them meanwhile, as fast as they come or not.
    tracee.begin(b't');
    let mut taken = taken;
    thread::scope(|scope| {
        let fired = scope.spawn(|| tracee.wait());
        while !fired.is_finished() {
            session.wait(Duration::from_millis(1)).unwrap();
            taken += take(&mut session);
        }
    });
    session.stop().unwrap();
    taken += take(&mut session);
    let counted = session.counted().unwrap().probes.remove(0);
    assert_eq!(counted.events, 2 * THREADS * EVENTS);
    assert_eq!(taken + counted.lost.dropped, 2 * THREADS * EVENTS);
    // What is added up knows nothing of it.
    let values = Tick::all(THREADS, EVENTS, 2).map(|tick| tick.integer(SMALL));
    assert_eq!(counted.measures[0].sum, Some(values.sum()));
}

fn number(event: &Event<'_>, arg: u8) -> i128 {
    event.value(arg.into()).unwrap().get()
}
