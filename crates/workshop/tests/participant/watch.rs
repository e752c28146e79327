//! `workshop watch`: passes the moment that the work is right.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Pid, Signal, kill_process};

use super::home::{Home, NAMES};
use super::terminal::{CTRL_C, PATIENCE, Terminal};

const WATCH: [&str; 4] = ["watch", "task1", "--tree", "tree"];

/// A watch off a terminal.
struct Watch {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Watch {
    fn start(home: &Home, args: &[&str]) -> Self {
        let mut child = home
            .command()
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            lines: lines(child.stdout.take().unwrap()),
            errors: lines(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The next lines, up to one that ends so, without the times of day.
    fn until(&self, end: &str) -> Vec<String> {
        until(&self.lines, end)
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Its status, and what it still printed.
    fn ends(mut self) -> (Option<i32>, Vec<String>) {
        let rest = std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let _ = sender.send(line.unwrap());
        }
    });
    receiver
}

fn until(lines: &Receiver<String>, end: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    loop {
        let line = lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|_| panic!("no line ends with {end:?}: {seen:#?}"));
        // `14:05:09 ` before what is new.
        let is_time = line.get(..9).is_some_and(|time| {
            time.bytes()
                .all(|byte| byte.is_ascii_digit() || b": ".contains(&byte))
        });
        seen.push(if is_time { line[9..].to_owned() } else { line });
        if seen.last().unwrap().ends_with(end) {
            return seen;
        }
    }
}

#[test]
fn it_tells_what_is_new_and_ends_when_all_is_right() {
    let home = Home::built();
    let watch = Watch::start(&home, &WATCH);
    let first = watch.until("task1: not passed");
    assert_eq!(first.len(), 9, "{first:#?}");
    home.answer("documented", &["no"]);
    assert_eq!(
        watch.until("doc/tracing.md"),
        [
            "✗ whether all are documented: you said “no”",
            "    we found every one of the program's in doc/tracing.md"
        ]
    );
    home.answer("documented", &["yes"]);
    assert_eq!(
        watch.until("“yes”"),
        ["✓ whether all are documented: you said “yes”"]
    );
    home.answer("arguments", &["readelf", "-n"]);
    watch.until("shows them here");
    home.answer("source", &["src/x.cpp:6"]);
    watch.until("calls fixture:two_sites");
    home.answer("tracepoints", &NAMES);
    let last = watch.until("task1: passed");
    assert_eq!(
        last,
        [
            "✓ the tracepoints of the program: 3 of 3 named",
            "task1: passed"
        ]
    );
    let (status, rest) = watch.ends();
    assert_eq!((status, rest), (Some(0), vec![]));
    let progress = home.run(&["progress"]);
    // One for each verdict that was new.
    assert!(progress.contains("; 6 attempts,"), "{progress}");
}

#[test]
fn it_sees_the_program_come() {
    let home = Home::new();
    home.answer_all();
    let watch = Watch::start(&home, &WATCH);
    watch.until("task1: could not check");
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../probe/tests/fixture.c");
    home.compile(&source, "tree/build/bin/bitcoind");
    watch.until("task1: passed");
    assert_eq!(watch.ends().0, Some(0));
}

#[test]
fn what_has_passed_passes_at_once() {
    let home = Home::built();
    home.answer_all();
    let run = home.run(&WATCH);
    assert!(
        run.contains("\ntask1: passed\n") && run.ends_with("[exit 0]\n"),
        "{run}"
    );
}

#[test]
fn an_edit_in_the_middle_is_told_once_and_mended() {
    let home = Home::built();
    home.answer_all();
    home.answer("documented", &["no"]);
    let watch = Watch::start(&home, &WATCH);
    watch.until("task1: not passed");
    let answers = home.read("workshop/answers.yaml");
    home.write("workshop/answers.yaml", b"task1:\n  documented: [yes\n");
    until(
        &watch.errors,
        "error: this is not YAML: unclosed bracket '['",
    );
    home.write("workshop/answers.yaml", answers.as_bytes());
    // All of it again: what came before the trouble is far up.
    assert_eq!(watch.until("task1: not passed").len(), 6);
    home.answer("documented", &["yes"]);
    watch.until("task1: passed");
    assert_eq!(watch.ends().0, Some(0));
}

#[test]
fn ctrl_c_ends_with_the_last_verdict() {
    let home = Home::built();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let watch = Watch::start(&home, &WATCH);
        watch.until("task1: not passed");
        watch.signal(signal);
        assert_eq!(watch.ends(), (Some(1), vec![]), "{signal:?}");
    }
    fs::remove_dir_all(home.path("tree")).unwrap();
    let watch = Watch::start(&home, &[&WATCH[..], &["--json"]].concat());
    until(&watch.errors, "(Ctrl-C ends)");
    watch.signal(Signal::INT);
    let (status, document) = watch.ends();
    let document = document.join("\n");
    // Interrupted before the first verdict there is none to tell.
    if !document.is_empty() {
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["command"], "watch");
    }
    assert_eq!(status, Some(1).filter(|_| !document.is_empty()).or(Some(2)));
}

#[test]
fn in_a_terminal_too() {
    let home = Home::built();
    let mut terminal = Terminal::run(&home, &WATCH);
    terminal.shows("task1: not passed", 1);
    home.answer("documented", &["yes"]);
    terminal.shows("✓ whether all are documented", 1);
    terminal.types(CTRL_C);
    let (status, screen) = terminal.ends();
    assert_eq!(status, Some(1), "{screen}");
    assert!(
        screen.trim_end().ends_with("no longer watching task1"),
        "{screen}"
    );
    for line in screen.lines() {
        assert!(line.chars().count() <= 80, "{line}\nin\n{screen}");
    }
}
