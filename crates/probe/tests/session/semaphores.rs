//! The semaphore as the traced program has it in its memory: raised while somebody traces, and never left raised.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use probe::{Probe, Target, usdt};

use crate::mode::Mode;
use crate::tracee::{Tracee, example, id};

#[test]
fn raised_while_attached_by_one_link() {
    raised_while_attached(false);
}

#[test]
fn raised_while_attached_by_perf_events() {
    raised_while_attached(true);
}

fn raised_while_attached(perf_events: bool) {
    let mode = Mode {
        perf_events,
        gated: true,
    };
    let program = mode.program("threads");
    let tracee = Tracee::threads(&program, 1, 1);
    let other = Tracee::threads(&program, 1, 1);
    let semaphores = || [&tracee, &other].map(|one| semaphore(one.pid(), &program));
    let tick = || Probe::new(id("threads:tick"));

    assert_eq!(semaphores(), [0, 0]);
    let by_path = mode.attach(&Target::path(&program), [tick()]);
    assert!(
        semaphores().iter().all(|value| *value > 0),
        "{:?}",
        semaphores()
    );
    // A program that starts later has it raised from the first instruction on.
    let later = Tracee::threads(&program, 1, 1);
    assert!(semaphore(later.pid(), &program) > 0);
    let by_pid = mode.attach(&Target::Pid(tracee.pid()), [tick()]);
    drop(by_path);
    // Where nobody traces any more, and where somebody does.
    lowered(other.pid(), &program);
    lowered(later.pid(), &program);
    assert!(semaphore(tracee.pid(), &program) > 0);
    drop(by_pid);
    lowered(tracee.pid(), &program);
}

#[test]
fn lowered_when_the_tracer_is_killed_by_one_link() {
    lowered_when_the_tracer_is_killed(&[]);
}

#[test]
fn lowered_when_the_tracer_is_killed_by_perf_events() {
    lowered_when_the_tracer_is_killed(&["--perf-events"]);
}

fn lowered_when_the_tracer_is_killed(options: &[&str]) {
    let mode = Mode {
        perf_events: !options.is_empty(),
        gated: true,
    };
    let program = mode.program("threads");
    let mut tracee = Tracee::threads(&program, 1, 1);
    assert_eq!(semaphore(tracee.pid(), &program), 0);

    let mut tracer = Tracee::start(
        Command::new(example("count"))
            .args(options)
            .arg(&program)
            .args(["threads:tick", "3600"]),
    );
    let expected = format!(
        "counting threads:tick of {} at 2 call sites\n",
        program.display()
    );
    assert_eq!(tracer.line(), expected);
    assert!(semaphore(tracee.pid(), &program) > 0);

    // SIGKILL: it has no chance to clean up.
    drop(tracer);
    lowered(tracee.pid(), &program);
    // And it works for the next.
    let session = mode.attach(&Target::path(&program), [Probe::new(id("threads:tick"))]);
    tracee.fire();
    assert_eq!(session.finish().unwrap().probes[0].events, 1);
    lowered(tracee.pid(), &program);
}

/// Waits until the semaphore is down again. That is when the last file descriptor is closed, and a process that
/// another test is just starting has a copy of each until it runs its own program.
fn lowered(pid: u32, program: &Path) {
    let patience = Instant::now() + Duration::from_secs(60);
    while semaphore(pid, program) != 0 {
        assert!(Instant::now() < patience, "the semaphore stays raised");
        sleep(Duration::from_millis(1));
    }
}

/// The semaphore of `threads:tick` in a process's memory, which is only read.
fn semaphore(pid: u32, program: &Path) -> u16 {
    let found = usdt::read_file(program).unwrap();
    let semaphores = found.get(&id("threads:tick")).unwrap().semaphores();
    let offset = semaphores[0].offset.unwrap();
    let address = address(pid, program, offset);
    let mut value = [0; 2];
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    memory.read_exact_at(&mut value, address).unwrap();
    u16::from_le_bytes(value)
}

/// Where a byte of the file's data lies in a process, once it is mapped: a process is told to run its program before
/// the kernel has mapped it.
fn address(pid: u32, program: &Path, offset: u64) -> u64 {
    let start = Instant::now();
    loop {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        if let Some(address) = mapped(&maps, program, offset) {
            return address;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{} is not in:\n{maps}",
            program.display()
        );
        sleep(Duration::from_millis(1));
    }
}

fn mapped(maps: &str, program: &Path, offset: u64) -> Option<u64> {
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    maps.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let writable = fields.next()?.contains('w');
        let first = hex(fields.next()?);
        let path: PathBuf = fields.nth(2)?.into();
        let length = hex(end) - hex(start);
        let here = writable && path == program && (first..first + length).contains(&offset);
        here.then(|| hex(start) + offset - first)
    })
}
