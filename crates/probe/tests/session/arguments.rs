//! Every argument of the generated program as its source has it: streamed one by one, and added up.

use std::process::Command;

use probe::usdt::Machine;
use probe::{Counted, Event, Part, Probe, Session, Target, Value};

use crate::mode::Mode;
use crate::sdt::{self, Arg, Value as Expected};
use crate::tracee::{compiled, id, own, run};

const ROUNDS: usize = 2;

in_most_modes! { streamed added_up }

fn streamed(mode: Mode) {
    for (level, table) in tables(mode) {
        let probes = table.iter().map(|one| {
            let texts = one.calls[0].iter().enumerate();
            let texts = texts.filter(|(_, arg)| matches!(arg.value, Expected::Text(_)));
            Probe::new(id(&format!("{}:{}", sdt::PROVIDER, one.name)))
                .stream(texts.map(|(at, _)| text(at)))
        });
        let (mut session, ended) = ran(mode, level, probes);
        // The order of the source: all of it is one thread.
        let mut expected = (0..ROUNDS).flat_map(|_| {
            let probes = table.iter().enumerate();
            probes.flat_map(|(at, one)| one.calls.iter().map(move |call| (at, call)))
        });
        let mut unreadable = 0;
        session.drain(|event| {
            let (probe, call) = expected.next().expect("there are more events than calls");
            let context = format!("{mode:?} {level} {}", event.id);
            assert_eq!(event.probe, probe, "{context}");
            assert_eq!(event.argument_count(), call.len(), "{context}");
            unreadable += check(event, call, level, &context);
        });
        assert!(
            expected.next().is_none(),
            "there are fewer events than calls"
        );
        drop(session);
        let lost: u64 = ended.probes.iter().map(|one| one.lost.unreadable).sum();
        assert_eq!(lost, unreadable, "{mode:?} {level}");
        assert!(ended.probes.iter().all(|one| one.lost.dropped == 0));
    }
}

/// What is traced, by level of optimization.
fn tables(mode: Mode) -> Vec<(&'static str, Vec<sdt::Probe>)> {
    let table = || sdt::fixture().probes;
    if mode.perf_events {
        // How a call site is hooked does not change how its arguments are read: a few of every kind, and the one with
        // several call sites.
        let mut few: Vec<_> = table().into_iter().step_by(16).collect();
        few.extend(table().into_iter().filter(|one| one.name == "sites"));
        vec![("-O2", few)]
    } else {
        vec![("-O0", table()), ("-O2", table())]
    }
}

/// Compares an event's arguments and tells how many of them could not be read.
fn check(event: &Event<'_>, call: &[Arg], level: &str, context: &str) -> u64 {
    let mut unreadable = 0;
    for (at, arg) in call.iter().enumerate() {
        let number = |value: i64| match arg.signed {
            true => Some(Value::Signed(value)),
            false => Some(Value::Unsigned(value.cast_unsigned())),
        };
        let expected = match arg.value {
            Expected::Int(value) => number(value),
            Expected::Elsewhere(value) if decoded(level) => number(value),
            Expected::Elsewhere(_) | Expected::Unsupported => None,
            Expected::Text(text) => {
                assert_eq!(event.bytes(at), Some(text.as_bytes()), "{context}: arg{at}");
                // Wherever it lies.
                event.value(at).filter(|address| address.get() != 0)
            }
        };
        assert_eq!(event.value(at), expected, "{context}: arg{at}");
        unreadable += u64::from(expected.is_none());
    }
    unreadable
}

fn added_up(mode: Mode) {
    for (level, table) in tables(mode) {
        // What is added up of each probe: a sum and a range of every integer, four arguments at a time.
        let mut asked = Vec::new();
        for one in &table {
            let integers: Vec<u8> = (0..)
                .zip(&one.calls[0])
                .filter(|(_, arg)| is_integer(arg, level))
                .map(|(at, _)| at)
                // Of a probe with several call sites those that all of them have.
                .filter(|at| one.calls.iter().all(|call| usize::from(*at) < call.len()))
                .collect();
            asked.extend(integers.chunks(4).map(|args| (one, args.to_vec())));
        }
        let probes = asked.iter().map(|(one, args)| {
            let probe = Probe::new(id(&format!("{}:{}", sdt::PROVIDER, one.name)));
            args.iter()
                .fold(probe, |probe, arg| probe.sum(*arg).range(*arg))
        });
        let (_, ended) = ran(mode, level, probes);
        for ((one, args), counted) in asked.iter().zip(&ended.probes) {
            let context = format!("{mode:?} {level} {} {args:?}", one.name);
            assert_eq!(
                counted.events,
                (one.calls.len() * ROUNDS) as u64,
                "{context}"
            );
            assert!(counted.lost.nothing(), "{context}: {:?}", counted.lost);
            for (arg, measured) in args.iter().zip(&counted.measures) {
                let values = || one.calls.iter().map(|call| added(&one.calls, call, *arg));
                assert_eq!(measured.arg, *arg, "{context}");
                assert_eq!(measured.count, counted.events, "{context}");
                let sum = values().sum::<i128>() * ROUNDS as i128;
                assert_eq!(measured.sum, Some(sum), "{context}: arg{arg}");
                let range = values().min().zip(values().max());
                assert_eq!(measured.range, range, "{context}: arg{arg}");
            }
        }
    }
}

/// A value as it is added up: one that is signed at any call site is signed at all.
fn added(calls: &[Vec<Arg>], call: &[Arg], arg: u8) -> i128 {
    let arg = usize::from(arg);
    let (Expected::Int(value) | Expected::Elsewhere(value)) = call[arg].value else {
        panic!("not an integer: {:?}", call[arg]);
    };
    if calls.iter().any(|call| call[arg].signed) {
        value.into()
    } else {
        value.cast_unsigned().into()
    }
}

fn is_integer(arg: &Arg, level: &str) -> bool {
    match arg.value {
        Expected::Int(_) => true,
        Expected::Elsewhere(_) => decoded(level),
        Expected::Text(_) | Expected::Unsupported => false,
    }
}

/// Whether operands of globals can be decoded: without optimization they are taken into registers first.
fn decoded(level: &str) -> bool {
    level == "-O0" || Machine::HERE != Machine::X86_64
}

fn text(at: usize) -> Part {
    Part::Text {
        arg: u8::try_from(at).unwrap(),
        capacity: 100,
    }
}

/// Attaches to the program before it runs, runs it, and stops.
fn ran(mode: Mode, level: &str, probes: impl IntoIterator<Item = Probe>) -> (Session, Counted) {
    let flags = [&[level], mode.flags()].concat();
    let program = own(&compiled("sdt", &flags));
    let mut session = mode.attach(&Target::path(&program), probes);
    run(Command::new(&program).arg(ROUNDS.to_string()));
    session.stop().unwrap();
    let counted = session.counted().unwrap();
    (session, counted)
}
