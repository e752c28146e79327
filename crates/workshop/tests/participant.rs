//! The participant's verbs as they are typed: what they print, what they keep, and how they exit.
//!
//! Each test has a home of its own with a small tree whose bitcoind is a C program with two tracepoints.

#[path = "participant/hints.rs"]
mod hints;
#[path = "participant/home.rs"]
mod home;
#[path = "participant/prompts.rs"]
mod prompts;
#[path = "participant/reset.rs"]
mod reset;
#[path = "participant/start.rs"]
mod start;
#[path = "participant/state.rs"]
mod state;
#[path = "participant/task3.rs"]
mod task3;
#[path = "participant/terminal.rs"]
mod terminal;
#[path = "participant/watch.rs"]
mod watch;

use std::fs;
use std::process::Stdio;

use home::{CHECK, Home, NAMES, without_moments};

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
    let home = Home::built();
    let newer = "{\"schema\": 9, \"tasks\": {}}";
    home.write("state/workshop/progress.json", newer.as_bytes());
    let read = home.run(&["progress"]);
    assert_eq!(home.read("state/workshop/progress.json"), newer);
    insta::assert_snapshot!([read, home.run(&CHECK)].join("\n"));
    let kept: Vec<_> = fs::read_dir(home.path("state/workshop"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(kept.contains(&newer.to_owned()), "{kept:?}");
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
