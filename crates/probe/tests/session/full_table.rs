//! More keys than the table of groups has room for: told, and nothing counted twice or by halves.

use probe::{Counted, Key, Probe, Target};

use crate::mode::Mode;
use crate::tick::{LARGE, SEQUENCE, SMALL, TID, Tick, WIDE};
use crate::tracee::{Tracee, id};

const THREADS: u64 = 2;
const EVENTS: u64 = 500;
const ROOM: u32 = 8;

in_every_mode! { one_probe_without_measures one_probe_with_measures several_probes }

fn one_probe_without_measures(mode: Mode) {
    let counted = fired(mode, [by_sequence()]);
    assert_eq!(counted.probes[0].groups.len(), ROOM as usize);
}

/// As many groups, though each takes three times the room.
fn one_probe_with_measures(mode: Mode) {
    let counted = fired(mode, [by_sequence().sum(SMALL).range(WIDE).sum(LARGE)]);
    assert_eq!(counted.probes[0].groups.len(), ROOM as usize);
}

/// The table is theirs together. A group of the first takes three rows, one of the second a single one: in the end
/// there is room for a part of a group.
fn several_probes(mode: Mode) {
    let by_thread = Probe::new(id("threads:tick")).group_by(Key::Integer { arg: TID });
    let by_sequence = by_sequence().sum(SMALL).range(WIDE).sum(LARGE);
    let counted = fired(mode, [by_sequence, by_thread]);
    assert_eq!(counted.probes[0].groups.len(), ROOM as usize - 1);
}

fn by_sequence() -> Probe {
    Probe::new(id("threads:tick")).group_by(Key::Integer { arg: SEQUENCE })
}

fn fired(mode: Mode, probes: impl IntoIterator<Item = Probe>) -> Counted {
    let program = mode.program("threads");
    let mut tracee = Tracee::threads(&program, THREADS, EVENTS);
    let options = mode.options().groups(ROOM);
    let session = options.attach(&Target::path(&program), probes).unwrap();
    tracee.fire();
    let counted = session.finish().unwrap();
    for one in &counted.probes {
        assert_eq!(one.events, THREADS * EVENTS);
        let grouped: u64 = one.groups.iter().map(|group| group.events).sum();
        assert_eq!(grouped + one.lost.ungrouped, one.events, "{mode:?}");
        for group in &one.groups {
            assert!(group.events > 0, "{mode:?} {:?}", group.key);
            for measured in &group.measures {
                assert_eq!(measured.count, group.events, "{mode:?} {:?}", group.key);
            }
            assert_eq!(group.measures.len(), one.measures.len());
        }
        // What is added up of all events knows nothing of it.
        for measured in &one.measures {
            let values = Tick::all(THREADS, EVENTS, 1).map(|tick| tick.integer(measured.arg));
            assert!(measured.sum.is_none_or(|sum| sum == values.sum()));
        }
    }
    assert!(counted.probes.iter().any(|one| one.lost.ungrouped > 0));
    counted
}
