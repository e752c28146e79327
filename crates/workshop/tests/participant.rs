//! The participant's verbs as they are typed: what they print, what they keep, and how they exit.
//!
//! Each test has a home of its own with a small tree whose bitcoind is a C program with two tracepoints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;

const CALLS: &str = "\
#include <util/trace.h>
// TRACEPOINT(fixture, two_sites) is called below.

void Work()
{
    TRACEPOINT(fixture, two_sites, wide, narrow);
}
";

const DOCUMENT: &str = "\
# User-space, Statically Defined Tracing (USDT) for Bitcoin Core

### Context `fixture`

#### Tracepoint `fixture:no_args`

Is called once.

#### Tracepoint `fixture:two_sites`

Is called twice.

#### Tracepoint `fixture:constant`

Is called once.
";

const NAMES: [&str; 3] = ["fixture:no_args", "fixture:two_sites", "fixture:constant"];

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for (name, text) in [
            ("tree/CMakeLists.txt", "set(CLIENT_VERSION_MAJOR 31)\n"),
            ("tree/src/x.cpp", CALLS),
            ("tree/doc/tracing.md", DOCUMENT),
        ] {
            home.write(name, text.as_bytes());
        }
        home
    }

    /// With a bitcoind made of the C program of `probe`'s tests.
    fn built() -> Self {
        let home = Self::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probe/tests/fixture.c");
        home.compile(&source, "tree/build/bin/bitcoind");
        home
    }

    fn compile(&self, source: &Path, name: &str) {
        let program = self.path(name);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let made = std::process::Command::new("cc")
            .args(["-O2", "-DSEMAPHORES", "-o"])
            .args([&program, source])
            .status()
            .expect("the tests need a C compiler: apt-get install gcc");
        assert!(made.success());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("workshop"));
        command
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("CLICOLOR_FORCE")
            .env_remove("NO_COLOR");
        command
    }

    /// One run: the command line, both outputs and the exit status, without the folder of this run.
    fn run(&self, args: &[&str]) -> String {
        self.run_with(args, b"")
    }

    fn run_with(&self, args: &[&str], stdin: &[u8]) -> String {
        let output = Command::from_std(self.command())
            .args(args)
            .write_stdin(stdin)
            .output()
            .unwrap();
        let text = format!(
            "$ workshop {}\n{}{}[exit {}]\n",
            args.join(" "),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap()
        );
        let real = self.dir.path().canonicalize().unwrap();
        text.replace(real.to_str().unwrap(), "HOME")
            .replace(self.dir.path().to_str().unwrap(), "HOME")
    }

    fn answer(&self, question: &str, words: &[&str]) {
        let run = self.run(&[&["answer", "task1", question], words].concat());
        assert!(run.ends_with("[exit 0]\n"), "{run}");
    }

    fn answer_all(&self) {
        self.answer("tracepoints", &NAMES);
        self.answer("arguments", &["readelf", "-n"]);
        self.answer("documented", &["yes"]);
        self.answer("source", &["src/x.cpp:6"]);
    }
}

const CHECK: [&str; 4] = ["check", "task1", "--tree", "tree"];

/// Moments are the only thing that differs between two runs.
fn without_moments() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "MOMENT");
    settings.add_filter(r"progress\.\d+\.json", "progress.SECONDS.json");
    settings.bind_to_scope()
}

#[test]
fn wrong_then_right_then_passed() {
    let _filters = without_moments();
    let home = Home::built();
    let mut runs = vec![home.run(&["tasks"]), home.run(&CHECK)];
    home.answer_all();
    home.answer("tracepoints", &NAMES[..2]);
    home.answer("source", &["src/x.cpp:2"]);
    runs.push(home.run(&CHECK));
    home.answer_all();
    runs.push(home.run(&CHECK));
    runs.push(home.run(&["tasks"]));
    runs.push(home.run(&["progress"]));
    // What passed stays so, whatever a later check sees.
    home.answer("documented", &["no"]);
    runs.push(home.run(&CHECK));
    runs.push(home.run(&["progress", "--json"]));
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn evidence_is_judged_the_same_elsewhere() {
    let home = Home::built();
    home.answer_all();
    home.answer("source", &["src/x.cpp:2"]);
    let looked = home.run(&[&CHECK[..], &["--json", "--evidence", "e.json"]].concat());
    fs::remove_dir_all(home.path("tree")).unwrap();
    let replayed = home.run(&["check", "task1", "--json", "--replay", "e.json"]);
    let body = |run: &str| run.split_once('\n').unwrap().1.to_owned();
    assert_eq!(body(&looked), body(&replayed));
    assert!(looked.ends_with("[exit 1]\n"), "{looked}");
    assert!(looked.contains("\"schema\": 1"), "{looked}");
    // A replay is no attempt.
    assert!(home.run(&["progress"]).contains("; 1 attempt,"));
    home.write("newer.json", b"{\"schema\": 2}");
    home.write("cut.json", b"{\"schema\": 1,");
    insta::assert_snapshot!(
        [
            home.run(&["check", "task0", "--replay", "e.json"]),
            home.run(&["check", "task1", "--replay", "newer.json"]),
            home.run(&["check", "task1", "--replay", "cut.json"]),
        ]
        .join("\n")
    );
}

#[test]
fn what_cannot_be_checked_says_why() {
    let _filters = without_moments();
    let home = Home::new();
    home.answer_all();
    let nothing = home.path("none.c");
    fs::write(&nothing, "int main(void) { return 0; }\n").unwrap();
    home.compile(&nothing, "none");
    let made = std::process::Command::new("mkfifo")
        .arg(home.path("fifo"))
        .status()
        .unwrap();
    assert!(made.success());
    let binary = |name: &str| home.run(&[&CHECK[..], &["--binary", name]].concat());
    insta::assert_snapshot!(
        [
            home.run(&CHECK),
            binary("none"),
            binary("fifo"),
            binary("tree"),
            home.run(&["tracepoints", "none"]),
            home.run(&["tracepoints", "fifo"]),
            home.run(&["progress"]),
        ]
        .join("\n")
    );
}

#[test]
fn tracepoints_of_a_program() {
    let home = Home::built();
    let run = home.run(&["tracepoints", "tree/build/bin/bitcoind"]);
    for line in [
        "fixture:two_sites  (2 call sites, semaphore 0x",
        "3 tracepoints\n[exit 0]",
    ] {
        assert!(run.contains(line), "{run}");
    }
    let json = home.run(&["tracepoints", "--json", "tree/build/bin/bitcoind"]);
    assert!(json.contains("{\n  \"schema\": 1,\n  \"command\": \"tracepoints\""));
}

#[test]
fn slips_are_told_what_was_meant() {
    let home = Home::new();
    insta::assert_snapshot!(
        [
            home.run(&["show", "tsak1"]),
            home.run(&["check", "homework"]),
            home.run(&["answer", "task0", "kernl", "6.12"]),
            home.run(&["answer", "task0", "colour", "red"]),
            home.run(&["answer", "0", "KERNEL"]),
        ]
        .join("\n")
    );
    assert!(!home.path("workshop").exists(), "nothing was to be kept");
}

#[test]
fn odd_answers() {
    let home = Home::new();
    let long = "x".repeat(100_000);
    let megabyte = vec![b'x'; 1 << 20];
    let answer = ["answer", "task0", "memory"];
    let with = |text: &str, stdin: &[u8]| {
        home.run_with(&[&answer[..], &[text]].concat(), stdin)
            .replace(&long, "LONG")
            .replace('\u{1b}', "ESC")
    };
    insta::assert_snapshot!(
        [
            with("\u{1b}[1;32m3 GiB\u{1b}[0m", b""),
            with("-3 GiB", b""),
            with("-", "3\u{a0}GiB\r\n".as_bytes()),
            with("", b""),
            with(&long, b""),
            with("-", &megabyte),
            with("-", b"\x7fELF\xff\xfe"),
            with("-", b"3\0GiB"),
            with("-", b""),
            home.run(&answer),
        ]
        .join("\n")
    );
}

#[test]
fn a_broken_file_of_answers_is_shown_and_left_alone() {
    let home = Home::new();
    let mut runs = Vec::new();
    for text in [
        "task0:\n  kernel: [6.12\n",
        "task0:\n  kernel: 6.12\n  memroy: 3 GiB\n",
        "task0:\n  kernel: {a: b}\n",
        "taks0:\n  kernel: 6.12\n",
    ] {
        home.write("workshop/answers.yaml", text.as_bytes());
        runs.push(home.run(&["answer", "task0", "root", "yes"]));
        let check = home.run(&["check", "task0"]);
        assert!(check.ends_with("[exit 2]\n"), "{check}");
        assert_eq!(home.read("workshop/answers.yaml"), text);
    }
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn answers_may_lie_elsewhere() {
    let home = Home::built();
    home.write("mine.yaml", b"# mine\ntask1:\n  arguments: readelf -n\n");
    let run = home.run(&[
        "answer",
        "--answers",
        "mine.yaml",
        "task1",
        "documented",
        "yes",
    ]);
    assert!(run.contains("kept in mine.yaml"), "{run}");
    let check = home.run(&[&CHECK[..], &["--answers", "mine.yaml"]].concat());
    assert!(check.contains("`readelf -n` shows them here"), "{check}");
    assert!(home.read("mine.yaml").starts_with("# mine\n"));
    assert!(!home.path("workshop").exists());
}

#[test]
fn progress_of_a_newer_version_is_kept_aside() {
    let _filters = without_moments();
    let home = Home::new();
    let newer = "{\"schema\": 9, \"tasks\": {}}";
    home.write("state/workshop/progress.json", newer.as_bytes());
    insta::assert_snapshot!(home.run(&["progress"]));
    let kept: Vec<_> = fs::read_dir(home.path("state/workshop"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(kept, [newer]);
}

#[test]
fn checks_at_once_all_count() {
    let home = Home::built();
    let checks: Vec<_> = (0..8)
        .map(|_| {
            let mut check = home.command();
            check.args(CHECK).stdin(Stdio::null());
            check.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut check in checks {
        assert_eq!(check.wait().unwrap().code(), Some(1));
    }
    let progress = home.run(&["progress"]);
    assert!(progress.contains("; 8 attempts,"), "{progress}");
}

#[test]
fn colours_only_where_they_are_seen() {
    let home = Home::built();
    let check = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.command();
        command.args(CHECK).args(args);
        command.envs(variables.iter().copied());
        let output = command.stdin(Stdio::null()).output().unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!check(&[], &[]));
    assert!(!check(&[], &[("NO_COLOR", "1")]));
    assert!(check(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!check(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    // The reading end is gone before the program begins.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = home
        .command()
        .args(["show", "task1"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn completions_and_manual_pages() {
    let home = Home::new();
    for (shell, mark) in [
        ("bash", "complete -F _workshop"),
        ("zsh", "#compdef workshop"),
        ("fish", "complete -c workshop"),
    ] {
        let run = home.run(&["completions", shell]);
        assert!(run.contains(mark) && run.ends_with("[exit 0]\n"), "{shell}");
    }
    let run = home.run(&["man", "man1"]);
    assert!(run.ends_with("[exit 0]\n"), "{run}");
    for page in ["workshop.1", "workshop-check.1", "workshop-provision.1"] {
        assert!(home.read(&format!("man1/{page}")).contains(".TH"), "{page}");
    }
}
