//! Two threads at once, and every number as exact as from one.

use std::collections::BTreeMap;

use probe::{Bucket, GroupKey, Histogram, Key, Linear, Probe, ProbeCounts, Target};

use crate::mode::Mode;
use crate::tick::{HASH, KEY, LARGE, SMALL, Tick, WIDE, WORD};
use crate::tracee::{Tracee, id};

const THREADS: u64 = 2;
const EVENTS: u64 = 200_000;

in_every_mode! { sums_ranges_and_histograms groups from_one_moment_to_another }

/// Steps that do not fit evenly: the last ends above `max`.
const STEPS: Linear = Linear {
    min: -5,
    max: 4,
    step: 2,
};

fn sums_ranges_and_histograms(mode: Mode) {
    let tick = || Probe::new(id("threads:tick"));
    let extremes = Linear {
        min: i64::MIN,
        max: i64::MAX,
        step: 1 << 57,
    };
    let counted = fired(
        mode,
        [
            tick()
                .sum(WIDE)
                .range(WIDE)
                .log2_histogram(WIDE)
                .sum(LARGE)
                .range(LARGE)
                .log2_histogram(LARGE),
            tick()
                .sum(SMALL)
                .range(SMALL)
                .linear_histogram(SMALL, STEPS)
                .linear_histogram(WIDE, extremes)
                .sum(KEY)
                .range(KEY),
        ],
    );
    for (at, (probe, measure, arg)) in [(0, 0, WIDE), (0, 1, LARGE), (1, 0, SMALL), (1, 2, KEY)]
        .into_iter()
        .enumerate()
    {
        let measured = &counted[probe].measures[measure];
        let values = || Tick::all(THREADS, EVENTS, 1).map(|tick| tick.integer(arg));
        let context = format!("{mode:?} {at}: arg{arg}");
        assert_eq!(measured.arg, arg, "{context}");
        assert_eq!(measured.count, THREADS * EVENTS, "{context}");
        assert_eq!(measured.sum, Some(values().sum()), "{context}");
        assert_eq!(
            measured.range,
            values().min().zip(values().max()),
            "{context}"
        );
    }
    // More than 64 bits, and below zero: what the test is about.
    assert!(counted[0].measures[0].sum < Some(i64::MIN.into()));
    assert!(counted[0].measures[1].sum > Some(u64::MAX.into()));
    histogram(counted[0].measures[0].histogram.as_ref(), WIDE);
    histogram(counted[0].measures[1].histogram.as_ref(), LARGE);
    histogram(counted[1].measures[0].histogram.as_ref(), SMALL);
    histogram(counted[1].measures[1].histogram.as_ref(), WIDE);
}

/// Every bucket has the values between its bounds, and every value has a bucket.
fn histogram(histogram: Option<&Histogram>, arg: u8) {
    let histogram = histogram.unwrap();
    assert_eq!(histogram.total(), THREADS * EVENTS);
    let mut values: Vec<_> = Tick::all(THREADS, EVENTS, 1)
        .map(|tick| tick.integer(arg))
        .collect();
    values.sort_unstable();
    for Bucket { low, high, count } in histogram.buckets() {
        let below = |bound: i128| values.partition_point(|value| *value < bound);
        let first = low.map_or(0, below);
        let end = high.map_or(values.len(), below);
        assert_eq!(
            count,
            (end - first) as u64,
            "arg{arg} from {low:?} to {high:?}"
        );
    }
}

fn groups(mode: Mode) {
    let by = |key| Probe::new(id("threads:tick")).group_by(key);
    let counted = fired(
        mode,
        [
            by(Key::Integer { arg: KEY }).sum(WIDE).range(LARGE),
            by(Key::Integer { arg: SMALL }),
            by(Key::Text { arg: WORD }).sum(LARGE),
            by(Key::Bytes {
                arg: HASH,
                length: 32,
            }),
        ],
    );
    let integer = |value: i128| GroupKey::Integer(value);
    grouped(&counted[0], |tick| integer(tick.key.into()));
    grouped(&counted[1], |tick| integer(tick.small.into()));
    grouped(&counted[2], |tick| {
        let word = tick.word.as_bytes();
        GroupKey::Text(word[..word.len().min(63)].to_vec())
    });
    grouped(&counted[3], |tick| GroupKey::Bytes(tick.hash().to_vec()));
}

/// Groups against what each event's key is.
fn grouped(counted: &ProbeCounts, key: impl Fn(&Tick) -> GroupKey) {
    let mut expected: BTreeMap<GroupKey, Vec<Tick>> = BTreeMap::new();
    for tick in Tick::all(THREADS, EVENTS, 1) {
        expected.entry(key(&tick)).or_default().push(tick);
    }
    assert_eq!(counted.groups.len(), expected.len());
    assert!(counted.groups.is_sorted_by(|a, b| a.events >= b.events));
    for group in &counted.groups {
        let ticks = &expected[&group.key];
        let key = &group.key;
        assert_eq!(group.events, ticks.len() as u64, "{key:?}");
        assert_eq!(group.measures.len(), counted.measures.len(), "{key:?}");
        for measured in &group.measures {
            let values = || ticks.iter().map(|tick| tick.integer(measured.arg));
            assert_eq!(measured.count, group.events, "{key:?}");
            if let Some(sum) = measured.sum {
                assert_eq!(sum, values().sum(), "{key:?}: arg{}", measured.arg);
            }
            if let Some(range) = measured.range {
                let expected = values().min().zip(values().max());
                assert_eq!(Some(range), expected, "{key:?}: arg{}", measured.arg);
            }
        }
    }
}

/// All probes start and stop together, in the midst of events, though hooking them takes its time.
fn from_one_moment_to_another(mode: Mode) {
    let program = mode.program("threads");
    // More than are ever fired: it is killed in the end.
    let mut tracee = Tracee::threads(&program, 1, 1 << 40);
    tracee.begin(b't');
    let tick = || Probe::new(id("threads:tick"));
    let probes = [tick(), tick().sum(SMALL).log2_histogram(KEY)];
    let mut session = mode.attach(&Target::path(&program), probes);
    while session.counted().unwrap().probes[0].events < 1000 {}
    session.stop().unwrap();
    let counted = session.counted().unwrap().probes;
    // One event may be under way at either moment.
    let difference = counted[0].events.abs_diff(counted[1].events);
    assert!(difference <= 2, "{difference}");
    let histogram = counted[1].measures[1].histogram.as_ref().unwrap();
    assert_eq!(histogram.total(), counted[1].events);
    // Nothing is under way any more.
    assert_eq!(
        session.counted().unwrap().probes[0].events,
        counted[0].events
    );
}

/// What is counted while both threads fire everything.
fn fired(mode: Mode, probes: impl IntoIterator<Item = Probe>) -> Vec<ProbeCounts> {
    let program = mode.program("threads");
    let mut tracee = Tracee::threads(&program, THREADS, EVENTS);
    let session = mode.attach(&Target::path(&program), probes);
    tracee.fire();
    let counted = session.finish().unwrap().probes;
    for one in &counted {
        assert_eq!(one.events, THREADS * EVENTS, "{mode:?}");
        assert!(one.lost.nothing(), "{mode:?}: {:?}", one.lost);
    }
    tracee.end();
    counted
}
