//! What cannot be traced says why, and what to do about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use miette::Diagnostic as _;
use probe::usdt::Machine;
use probe::{Condition, Error, Key, Linear, Part, Probe, Session, Target};

use crate::mode::needs_root;
use crate::tracee::{Tracee, compiled, example, folder, id, output, own, run};

fn threads() -> PathBuf {
    own(&compiled("threads", &[]))
}

fn tick() -> Probe {
    Probe::new(id("threads:tick"))
}

fn refused(target: &Target, probes: impl IntoIterator<Item = Probe>) -> Error {
    Session::attach(target, probes).unwrap_err()
}

/// Compares what is wrong with a request, problem by problem; and the way out.
#[track_caller]
fn problems(probes: impl IntoIterator<Item = Probe>, expected: &[&str]) {
    let program = threads();
    let error = refused(&Target::path(&program), probes);
    let message = error.to_string();
    let problems = message.strip_prefix(&format!("`{}`: ", program.display()));
    let problems: Vec<_> = problems.unwrap().lines().collect();
    assert_eq!(problems, expected);
    let help = format!(
        "`workshop tracepoints {}` lists them with their arguments",
        program.display()
    );
    assert_eq!(error.help().unwrap().to_string(), help);
}

#[test]
fn names_that_are_not_there() {
    let program = threads();
    for (name, meant) in [
        ("threads:tack", "; did you mean threads:tick"),
        ("thread:done", "; did you mean threads:done"),
        ("net:inbound_message", ""),
    ] {
        let error = refused(&Target::path(&program), [Probe::new(id(name))]).to_string();
        let expected = format!(
            "`{}`: there is no tracepoint {name}{meant}",
            program.display()
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn arguments_that_are_not_there() {
    let expected = "threads:tick has no arg8: it has arg0 to arg7";
    problems([tick().sum(8)], &[expected]);
    problems([tick().only_if("arg8 == 0".parse().unwrap())], &[expected]);
    problems([tick().group_by(Key::Text { arg: 8 })], &[expected]);
    problems(
        [tick().stream([Part::Text {
            arg: 8,
            capacity: 8,
        }])],
        &[expected],
    );
    let bytes = Part::Bytes {
        arg: 5,
        capacity: 8,
        length_arg: Some(8),
    };
    problems([tick().stream([bytes])], &[expected]);
    // More than a tracepoint can have.
    problems(
        [tick().sum(255)],
        &["threads:tick has no arg255: it has arg0 to arg7"],
    );
}

#[test]
fn arguments_that_cannot_be_read() {
    let program = threads();
    let error = refused(
        &Target::path(&program),
        [Probe::new(id("threads:real")).sum(0)],
    );
    let text = error.to_string();
    assert!(
        text.contains("arg0 of threads:real cannot be read: `8f@"),
        "{text}"
    );
    assert!(text.contains("floating point"), "{text}");
    // It costs that argument, not the tracepoint.
    let real = Probe::new(id("threads:real")).sum(1).stream([]);
    let mut session = Session::attach(&Target::path(&program), [real]).unwrap();
    Tracee::threads(&program, 1, 7).fire();
    session.stop().unwrap();
    let counted = session.counted().unwrap();
    assert_eq!(counted.probes[0].measures[0].sum, Some(7));
    assert_eq!(counted.probes[0].lost.unreadable, 1);
    let count = session.drain(|event| {
        assert_eq!(event.value(0), None);
        assert_eq!(event.value(1).unwrap().get(), 7);
    });
    assert_eq!(count, 1);
}

#[test]
fn histograms_that_cannot_be_drawn() {
    let of = |arg, min, max, step| [tick().linear_histogram(arg, Linear { min, max, step })];
    let shape = "threads:tick: a histogram needs a step above 0 and an end after its start";
    problems(of(2, 0, 10, 0), &[shape]);
    problems(of(2, 10, 10, 1), &[shape]);
    let steps = "threads:tick: a histogram of 257 steps; 256 are possible: take wider ones";
    problems(of(2, 0, 257, 1), &[steps]);
    let unsigned = "threads:tick: a histogram from -1; arg1 is unsigned";
    problems(of(1, -1, 10, 1), &[unsigned]);
    // The most that goes.
    let program = threads();
    Session::attach(&Target::path(&program), of(2, 0, 256, 1)).unwrap();
}

#[test]
fn more_than_there_is_room_for() {
    let five = (0..5).fold(tick(), |tick, arg| tick.sum(arg));
    let expected = "threads:tick: 5 arguments or histograms to add up, at most 4 are possible";
    problems([five], &[expected]);
    let condition: Condition = "arg0 == 0".parse().unwrap();
    let five = (0..5).fold(tick(), |tick, _| tick.only_if(condition));
    let expected = "threads:tick: 5 conditions, at most 4 are possible";
    problems([five], &[expected]);
    let part = |capacity| Part::Text { arg: 4, capacity };
    let expected = "threads:tick: 5 strings and byte arrays, at most 4 are possible";
    problems([tick().stream([part(8); 5])], &[expected]);
    let expected = "threads:tick: arg4 of 4097 bytes, 1 to 4096 are possible";
    problems([tick().stream([part(4097)])], &[expected]);
    let expected = "threads:tick: arg4 of 0 bytes, 1 to 4096 are possible";
    problems([tick().stream([part(0)])], &[expected]);
    let expected = "threads:tick: more bytes of strings and byte arrays than fit in one event, at most 8192 are possible";
    problems(
        [tick().stream([part(4096), part(4096), part(1)])],
        &[expected],
    );
    let key = Key::Bytes { arg: 5, length: 65 };
    let expected = "threads:tick: arg5 of 65 bytes, 1 to 64 are possible";
    problems([tick().group_by(key)], &[expected]);
}

/// They would always hold, or never.
#[test]
fn conditions_beyond_the_argument_s_type() {
    let only = |text: &str| [tick().only_if(text.parse().unwrap())];
    let unsigned = "threads:tick: arg1 is unsigned, and never -1";
    problems(only("arg1 == -1"), &[unsigned]);
    problems(only("arg1 >= -1"), &[unsigned]);
    let signed = "threads:tick: arg0 is signed, and never 9223372036854775808";
    problems(only("arg0 < 0x8000000000000000"), &[signed]);
}

#[test]
fn every_problem_at_once() {
    problems(
        [
            Probe::new(id("net:inbound_message")),
            tick().sum(9).linear_histogram(
                2,
                Linear {
                    min: 0,
                    max: 1,
                    step: 0,
                },
            ),
            Probe::new(id("threads:done")).group_by(Key::Bytes { arg: 0, length: 0 }),
        ],
        &[
            "there is no tracepoint net:inbound_message",
            "threads:tick has no arg9: it has arg0 to arg7",
            "threads:tick: a histogram needs a step above 0 and an end after its start",
            "threads:done: arg0 of 0 bytes, 1 to 64 are possible",
        ],
    );
    let error = refused(&Target::path(threads()), []);
    assert_eq!(error.to_string(), "there is no tracepoint to trace");
}

#[test]
fn files_that_are_no_programs() {
    let folder = folder();
    let file = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let fifo = folder.join("fifo");
    run(Command::new("mkfifo").arg(&fifo));
    let missing = folder.join("missing");
    let text = file("text", b"#!/bin/sh\nexec bitcoind\n");
    let message = |path: &Path| refused(&Target::path(path), [tick()]).to_string();
    let told = |path: &Path, what: &str| {
        let error = refused(&Target::path(path), [tick()]);
        assert_eq!(
            error.to_string(),
            what.replace("PATH", &path.display().to_string())
        );
        assert!(error.help().is_some(), "{error}");
    };
    told(&folder, "`PATH` is a directory, not a program");
    told(&fifo, "`PATH` is a FIFO, not a program");
    told(Path::new("/dev/null"), "`PATH` is a device, not a program");
    told(&missing, "cannot open `PATH`");
    told(&file("empty", b""), "cannot tell the tracepoints of `PATH`");
    told(&text, "cannot tell the tracepoints of `PATH`");
    let plain = own(&compiled("plain", &[]));
    let error = refused(&Target::path(&plain), [tick()]);
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` has no tracepoints: it was built without USDT",
            plain.display()
        )
    );
    assert!(error.help().unwrap().to_string().contains("-DWITH_USDT=ON"));

    // For another processor: two bytes of the header tell.
    let mut elf = fs::read(threads()).unwrap();
    let (number, name) = match Machine::HERE {
        Machine::X86_64 => (183_u16, "aarch64"),
        _ => (62, "x86_64"),
    };
    elf[18..20].copy_from_slice(&number.to_le_bytes());
    let other = file("other", &elf);
    let expected = format!(
        "`{}` is a program for {name}; this machine is ",
        other.display()
    );
    assert!(
        message(&other).starts_with(&expected),
        "{}",
        message(&other)
    );
}

#[test]
fn processes_that_are_not_there() {
    needs_root();
    let ended = Tracee::start(&mut Command::new("true"));
    let number = ended.pid();
    ended.end();
    // The last is a kernel thread, which has no program.
    assert_eq!(fs::read_to_string("/proc/2/comm").unwrap(), "kthreadd\n");
    for pid in [number, 0, u32::MAX, 2] {
        let error = refused(&Target::Pid(pid), [tick()]);
        assert_eq!(error.to_string(), format!("cannot look at process {pid}"));
        assert!(error.help().unwrap().to_string().contains("kernel threads"));
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn rights_that_are_missing() {
    let program = threads();
    // Root without capabilities is no root.
    let with = |capabilities: &str| -> Output {
        output(
            Command::new("setpriv")
                .arg("--inh-caps=-all")
                .arg(format!("--bounding-set=-all{capabilities}"))
                .arg(example("count"))
                .arg(&program)
                .args(["threads:tick", "0"]),
        )
    };
    for (capabilities, missing) in [
        ("", "CAP_BPF and CAP_PERFMON"),
        (",+bpf", "CAP_PERFMON"),
        (",+perfmon", "CAP_BPF"),
    ] {
        let output = with(capabilities);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text, format!("error: tracing needs {missing}\n"));
        assert_eq!(output.status.code(), Some(2));
    }
    let output = with(",+bpf,+perfmon");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.ends_with("0 events in 0.0 s\n"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
