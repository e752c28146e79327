//! A program that is rebuilt while it is traced: `Session::follow` goes on where it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use miette::Diagnostic as _;
use probe::{Error, Probe, Session, Target, Value};

use crate::mode::Mode;
use crate::tick::{LARGE, SMALL, Tick};
use crate::tracee::{Tracee, alone, compiled, id, overwrite, own, run};

const THREADS: u64 = 2;
const EVENTS: u64 = 100;

in_most_modes! { by_rename with_other_operands in_place }

// Nothing is hooked in these until the program is right again.
in_link_modes! { half_written without_the_tracepoint without_any with_another_sign }

/// The linker writes another file and gives it the name.
fn by_rename(mode: Mode) {
    let (program, mut session) = traced(mode);
    fs::rename(rebuilt(mode), &program).unwrap();
    goes_on(&mut session, &program);
}

/// Arguments lie elsewhere: in registers at first, then on the stack.
fn with_other_operands(mode: Mode) {
    let program = mode.program("threads");
    let done = Probe::new(id("threads:done"));
    let mut session = mode.attach(&Target::path(&program), [done.sum(0).sum(1).stream([])]);
    ran(&program);
    fs::rename(rebuilt(mode), &program).unwrap();
    assert!(alone(|| session.follow().unwrap()), "not followed");
    ran(&program);
    session.stop().unwrap();
    let counted = &session.counted().unwrap().probes[0];
    let sums: Vec<_> = counted
        .measures
        .iter()
        .map(|one| (one.count, one.sum))
        .collect();
    let twice = |value: u64| (2, Some(2 * i128::from(value)));
    assert_eq!(sums, [twice(THREADS), twice(EVENTS)]);
    let count = session.drain(|event| {
        let values = [0, 1].map(|arg| event.value(arg).map(Value::get));
        assert_eq!(values, [THREADS, EVENTS].map(|value| Some(value.into())));
    });
    assert_eq!(count, 2);
}

/// The linker writes into the same file.
fn in_place(mode: Mode) {
    let (program, mut session) = traced(mode);
    overwrite(&rebuilt(mode), &program);
    goes_on(&mut session, &program);
}

/// And takes its time.
fn half_written(mode: Mode) {
    let (program, mut session) = traced(mode);
    let new = rebuilt(mode);
    let size = fs::metadata(&new).unwrap().len();
    for part in [0, 10, size / 2, size - 1] {
        let script = r#"head -c "$1" "$2" > "$3""#;
        run(Command::new("sh")
            .args(["-c", script, "sh", &part.to_string()])
            .args([&new, &program]));
        assert!(
            !session.follow().unwrap(),
            "taken with {part} of {size} bytes"
        );
    }
    fs::remove_file(&program).unwrap();
    assert!(!session.follow().unwrap(), "taken without being there");
    overwrite(&new, &program);
    goes_on(&mut session, &program);
}

fn without_the_tracepoint(mode: Mode) {
    let (program, mut session) = traced(mode);
    fs::rename(mode.program("parts"), &program).unwrap();
    let error = session.follow().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}`: there is no tracepoint threads:tick",
            program.display()
        )
    );
    // The next build has it again.
    fs::rename(rebuilt(mode), &program).unwrap();
    goes_on(&mut session, &program);
}

/// Built without USDT. While it is fresh it may be an unfinished file.
fn without_any(mode: Mode) {
    let (program, mut session) = traced(mode);
    let plain = mode.program("plain");
    fs::rename(&plain, &program).unwrap();
    assert!(!session.follow().unwrap());
    let minute_ago = SystemTime::now() - Duration::from_secs(60);
    let file = fs::File::options().append(true).open(&program).unwrap();
    file.set_modified(minute_ago).unwrap();
    drop(file);
    let error = session.follow().unwrap_err();
    assert!(matches!(error, Error::NoTracepoints { .. }), "{error}");
    assert!(error.help().unwrap().to_string().contains("WITH_USDT=ON"));
    fs::rename(rebuilt(mode), &program).unwrap();
    goes_on(&mut session, &program);
}

/// What was added up as signed cannot be gone on with as unsigned.
fn with_another_sign(mode: Mode) {
    let (program, mut session) = traced(mode);
    let flags = [mode.flags(), &["-DOTHER_SIGN"]].concat();
    fs::rename(own(&compiled("threads", &flags)), &program).unwrap();
    let error = session.follow().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}`: arg2 of threads:tick was signed and is unsigned now",
            program.display()
        )
    );
    fs::rename(rebuilt(mode), &program).unwrap();
    goes_on(&mut session, &program);
}

/// A traced program that has run once.
fn traced(mode: Mode) -> (PathBuf, Session) {
    let program = mode.program("threads");
    let tick = Probe::new(id("threads:tick"));
    let tick = tick.sum(SMALL).range(LARGE).stream([]);
    let mut session = mode.attach(&Target::path(&program), [tick]);
    ran(&program);
    assert!(!session.follow().unwrap(), "nothing was rebuilt");
    (program, session)
}

/// Another build of it, with everything in another place.
fn rebuilt(mode: Mode) -> PathBuf {
    let flags = [mode.flags(), &["-O0"]].concat();
    own(&compiled("threads", &flags))
}

fn ran(program: &Path) {
    let mut tracee = Tracee::threads(program, THREADS, EVENTS);
    tracee.fire();
    tracee.end();
}

/// The rebuilt program is followed, and its events are counted with those before.
fn goes_on(session: &mut Session, program: &Path) {
    // Rewritten in place, it would run into breakpoints where call sites were before.
    assert!(alone(|| session.follow().unwrap()), "not followed");
    assert!(!session.follow().unwrap(), "followed twice");
    ran(program);
    session.stop().unwrap();
    let counted = &session.counted().unwrap().probes[0];
    assert_eq!(counted.events, 2 * THREADS * EVENTS);
    assert!(counted.lost.nothing(), "{:?}", counted.lost);
    let values = |arg| Tick::all(THREADS, EVENTS, 1).map(move |tick| tick.integer(arg));
    let [small, large] = counted.measures.as_slice() else {
        panic!("{:?}", counted.measures);
    };
    assert_eq!(small.sum, Some(2 * values(SMALL).sum::<i128>()));
    let range = values(LARGE).min().zip(values(LARGE).max());
    assert_eq!(large.range, range);
    // Also events from before, which nobody has taken yet.
    let mut sum = 0;
    session.drain(|event| match event.value(SMALL.into()) {
        Some(Value::Signed(value)) => sum += i128::from(value),
        other => panic!("{other:?}"),
    });
    assert_eq!(Some(sum), small.sum);
}
