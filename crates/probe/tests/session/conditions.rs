//! Conditions: every comparison, of signed and of unsigned arguments, and several at once.

use probe::{Compare, Condition, Probe, Target};

use crate::mode::Mode;
use crate::tick::{KEY, LARGE, SMALL, Tick, WIDE};
use crate::tracee::{Tracee, id};

const EVENTS: u64 = 300;

in_most_modes! { comparisons several }

const COMPARES: [Compare; 6] = [
    Compare::Equal,
    Compare::NotEqual,
    Compare::Less,
    Compare::LessOrEqual,
    Compare::Greater,
    Compare::GreaterOrEqual,
];

fn comparisons(mode: Mode) {
    // Comparing the first as unsigned or the second as signed would turn the order around.
    let mut values: Vec<(u8, i128)> = vec![(SMALL, -1), (LARGE, 1 << 63)];
    // Perf events are slow to close.
    if !mode.perf_events {
        let (min, max) = (i128::from(i64::MIN), i128::from(i64::MAX));
        values.extend([(SMALL, 0), (SMALL, 7), (SMALL, min), (SMALL, max)]);
        values.extend([(WIDE, min), (WIDE, max), (WIDE, -1), (WIDE, 0)]);
        values.extend([(LARGE, 0), (LARGE, u64::MAX.into()), (LARGE, max)]);
        values.extend([(KEY, 0), (KEY, 255), (KEY, 247), (KEY, 256)]);
    }
    let conditions: Vec<_> = values
        .into_iter()
        .flat_map(|(arg, value)| {
            COMPARES.map(|compare| Condition {
                arg,
                compare,
                value,
            })
        })
        .collect();
    let requests: Vec<_> = conditions.iter().map(|one| vec![*one]).collect();
    check(mode, &requests);
}

fn several(mode: Mode) {
    let parsed = |text: &str| text.parse::<Condition>().unwrap();
    let all = [
        "arg2 >= -4",
        "arg2 < 5",
        "arg1 >= 0x8000000000000000",
        "arg3 != 255",
    ];
    let requests: Vec<Vec<_>> = [&all[..], &all[1..], &all[..2], &["arg2 < 0", "arg2 > 0"]]
        .iter()
        .map(|texts| texts.iter().map(|text| parsed(text)).collect())
        .collect();
    let counts = check(mode, &requests);
    assert!(counts[0] > 0 && counts[0] < counts[1], "{counts:?}");
    assert_eq!(counts[3], 0);
}

/// Counts under each request's conditions, against the same conditions on the known events.
fn check(mode: Mode, requests: &[Vec<Condition>]) -> Vec<u64> {
    let program = mode.program("threads");
    let probes = requests.iter().map(|conditions| {
        let tick = Probe::new(id("threads:tick")).sum(SMALL);
        conditions.iter().fold(tick, |tick, one| tick.only_if(*one))
    });
    let session = mode.attach(&Target::path(&program), probes);
    Tracee::threads(&program, 1, EVENTS).fire();
    let counted = session.finish().unwrap().probes;
    for (conditions, counted) in requests.iter().zip(&counted) {
        let passed =
            || Tick::all(1, EVENTS, 1).filter(|tick| conditions.iter().all(|one| holds(one, tick)));
        assert_eq!(
            counted.events,
            passed().count() as u64,
            "{mode:?} {conditions:?}"
        );
        let sum = passed().map(|tick| tick.integer(SMALL)).sum();
        assert_eq!(
            counted.measures[0].sum,
            Some(sum),
            "{mode:?} {conditions:?}"
        );
    }
    counted.iter().map(|one| one.events).collect()
}

fn holds(condition: &Condition, tick: &Tick) -> bool {
    let (left, right) = (tick.integer(condition.arg), condition.value);
    match condition.compare {
        Compare::Equal => left == right,
        Compare::NotEqual => left != right,
        Compare::Less => left < right,
        Compare::LessOrEqual => left <= right,
        Compare::Greater => left > right,
        Compare::GreaterOrEqual => left >= right,
    }
}
