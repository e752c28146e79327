//! `workshop trace` as it is typed, on a C program that fires a known number of tracepoints with known arguments.
//!
//! Tracing needs root; `cargo xtask test` runs these tests so.

#[path = "trace/counts.rs"]
mod counts;
#[path = "trace/ends.rs"]
mod ends;
#[path = "trace/events.rs"]
mod events;
#[path = "trace/follow.rs"]
mod follow;
#[path = "trace/refused.rs"]
mod refused;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Nothing here takes a second; a machine that is busy with everything else may take many.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with the program in it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// With the program as `fixture`.
    fn new() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "tracing needs root: run the tests as root, or all of them by `cargo xtask test`"
        );
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        place.compile("fixture", &[]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn compile(&self, name: &str, options: &[&str]) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace/fixture.c");
        let output = Command::new("cc")
            .args(["-O2", "-o"])
            .args([&self.path(name), &source])
            .args(options)
            .output()
            .expect("the tests need a C compiler: apt-get install gcc");
        assert!(
            output.status.success(),
            "the tests need sys/sdt.h: apt-get install systemtap-sdt-dev\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("workshop"));
        command
            .current_dir(self.dir.path())
            .args(args)
            .env("HOME", self.dir.path())
            .env_remove("COLUMNS")
            .env_remove("CLICOLOR_FORCE")
            .env_remove("NO_COLOR");
        command
    }

    /// A run to its end.
    fn run(&self, args: &[&str]) -> Output {
        self.command(args).stdin(Stdio::null()).output().unwrap()
    }

    /// A run to its end as a transcript: command line, both outputs, exit status. Times, rates and process
    /// numbers are of this run only.
    fn told(&self, args: &[&str]) -> String {
        let output = self.run(args);
        format!(
            "$ workshop {}\n{}{}[exit {}]\n",
            args.join(" "),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap()
        )
    }

    /// A run to its end: its exit status and its JSON lines.
    fn json(&self, args: &[&str]) -> (i32, Vec<Value>) {
        let output = self.run(&[&["--json", "trace"], args].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        });
        (output.status.code().unwrap(), lines.collect())
    }

    /// The last line of such a run, which has to exit with `status`.
    fn counted(&self, status: i32, args: &[&str]) -> Value {
        let (exit, lines) = self.json(args);
        assert_eq!(exit, status, "{lines:?}");
        assert_eq!(lines[0]["type"], "ready");
        let last = lines.last().unwrap().clone();
        assert_eq!(last["type"], "counted");
        assert_eq!(last["schema"], 1);
        last
    }

    /// Starts `workshop --json trace …` and waits until it is ready.
    fn tracing(&self, args: &[&str]) -> Started {
        let mut command = self.command(&[&["--json", "trace"], args].concat());
        let started = Started::new(command.stderr(Stdio::inherit()));
        let ready = started.json();
        assert_eq!(ready["type"], "ready", "{ready}");
        started
    }

    /// Starts the program.
    fn fixture(&self, args: &[&str]) -> Started {
        Started::new(Command::new(self.path("fixture")).args(args))
    }

    /// Runs the program to its end.
    fn fire(&self, rounds: &str) {
        let mut command = Command::new(self.path("fixture"));
        assert!(command.arg(rounds).status().unwrap().success());
    }
}

/// A process that runs, and what it prints. Killed when a test gives it up.
struct Started {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Started {
    fn new(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
        }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Has a program that was started with `lines` fire, and waits until it has.
    fn fire_line(&mut self) {
        writeln!(self.stdin.as_mut().unwrap()).unwrap();
        assert_eq!(self.line(), "done");
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        drop(self.stdin.take());
        self.child.wait().unwrap()
    }

    /// Its last JSON line; it has to exit with `status`.
    fn counted(mut self, status: i32) -> Value {
        let last = std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).last();
        assert_eq!(self.wait().code(), Some(status));
        let last: Value = serde_json::from_str(&last.unwrap()).unwrap();
        assert_eq!(last["type"], "counted", "{last}");
        last
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended, and that is all we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Snapshots without what is of one run only.
fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r" +[\d,.]+/s", " [rate]/s");
    settings.add_filter(r"ready after [\d.]+ m?s", "ready after [time]");
    settings.add_filter(r"/tmp/\.tmp\w+", "[dir]");
    // Of tests that run beside this one.
    settings.add_filter(r"(?m)^process(es)? [\d, ]+ runs? [/\[].*\n", "");
    settings
}

/// The tracepoint of that index in a `counted` document.
fn tracepoint(counted: &Value, index: usize) -> &Value {
    &counted["tracepoints"][index]
}

/// How many events each tracepoint of a `counted` document has.
fn events(counted: &Value) -> Vec<u64> {
    let all = counted["tracepoints"].as_array().unwrap();
    all.iter()
        .map(|one| one["events"].as_u64().unwrap())
        .collect()
}
