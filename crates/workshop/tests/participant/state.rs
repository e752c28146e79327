//! What is kept survives other terminals, `kill -9` and damage.

use std::fs;
use std::process::Stdio;

use super::home::{CHECK, Home, without_moments};

/// All that lies in a folder.
fn names(home: &Home, folder: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(home.path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn answers_of_two_terminals_are_all_kept() {
    let home = Home::new();
    let questions = [
        ("task0", "kernel"),
        ("task0", "memory"),
        ("task0", "root"),
        ("task1", "tracepoints"),
        ("task1", "arguments"),
        ("task1", "documented"),
        ("task1", "source"),
        ("task1", "cost"),
    ];
    for round in ["one", "two"] {
        let runs: Vec<_> = questions
            .iter()
            .map(|(task, question)| {
                let mut answer = home.command();
                answer.args(["answer", task, question, round]);
                answer.stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut run in runs {
            assert_eq!(run.wait().unwrap().code(), Some(0));
        }
        let answers = home.read("workshop/answers.yaml");
        assert_eq!(answers.matches(round).count(), questions.len(), "{answers}");
    }
    assert_eq!(names(&home, "workshop"), ["answers.yaml"]);
    assert_eq!(names(&home, "state/workshop"), ["lock", "progress.json"]);
}

#[test]
fn kill_9_at_any_moment_loses_nothing() {
    let home = Home::built();
    home.answer_all();
    home.run(&CHECK);
    for round in 0..60_u64 {
        let mut command = home.command();
        match round % 3 {
            0 => command.args(["answer", "task0", "memory", &format!("{round} GiB")]),
            1 => command.args(["hint", "task0"]),
            _ => command.args(CHECK),
        };
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From before its first instruction to after its last.
        std::thread::sleep(std::time::Duration::from_micros(round * 400));
        child.kill().unwrap();
        child.wait().unwrap();
        let tasks = home.run(&["tasks", "--json"]);
        assert!(!tasks.contains("remark"), "{tasks}");
        let answers = home.read("workshop/answers.yaml");
        assert!(answers.contains("src/x.cpp:6"), "{answers}");
    }
    // Nothing is locked, what was achieved is still there, and the next write takes away what was left.
    home.run(&["answer", "task0", "memory", "3", "GiB"]);
    assert!(home.run(&CHECK).ends_with("[exit 0]\n"));
    assert!(
        home.run(&["tasks"])
            .contains("List the tracepoints         passed")
    );
    assert_eq!(names(&home, "workshop"), ["answers.yaml"]);
    assert_eq!(names(&home, "state/workshop"), ["lock", "progress.json"]);
}

#[test]
fn what_killed_runs_left_is_swept_and_nothing_else() {
    let home = Home::new();
    home.write("workshop/.answers.yaml.Ab12Cd.unfinished", b"task0:\n");
    home.write("workshop/.answers.yaml.swp", b"an editor's");
    home.write("workshop/.other.unfinished", b"mine");
    home.run(&["answer", "task0", "memory", "3", "GiB"]);
    assert_eq!(
        names(&home, "workshop"),
        [".answers.yaml.swp", ".other.unfinished", "answers.yaml"]
    );
}

#[test]
fn damaged_progress_is_kept_aside_and_counting_goes_on() {
    let _filters = without_moments();
    let home = Home::built();
    let damaged: [&[u8]; 4] = [b"{\"schema\": 1, \"tas", b"", b"\xff\0\xfe", b"[]"];
    let mut runs = Vec::new();
    for bytes in damaged {
        home.write("state/workshop/progress.json", bytes);
        runs.push(home.run(&["tasks"]));
        // Reading changes nothing.
        assert_eq!(
            fs::read(home.path("state/workshop/progress.json")).unwrap(),
            bytes
        );
        let check = home.run(&CHECK);
        let remark = check.lines().find(|line| line.starts_with("remark:"));
        runs.push(remark.unwrap_or(&check).to_owned());
        assert!(check.ends_with("[exit 1]\n"), "{check}");
        assert!(home.run(&["progress"]).contains("; 1 attempt,"));
    }
    let kept: Vec<Vec<u8>> = names(&home, "state/workshop")
        .iter()
        .filter(|name| !["lock", "progress.json"].contains(&name.as_str()))
        .map(|name| fs::read(home.path(&format!("state/workshop/{name}"))).unwrap())
        .collect();
    assert_eq!(kept, damaged);
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn a_link_to_the_answers_stays_one() {
    let home = Home::new();
    home.write("notes/mine.yaml", b"# mine\n");
    fs::create_dir(home.path("workshop")).unwrap();
    std::os::unix::fs::symlink("../notes/mine.yaml", home.path("workshop/answers.yaml")).unwrap();
    home.run(&["answer", "task0", "memory", "3 GiB"]);
    assert!(home.path("workshop/answers.yaml").is_symlink());
    assert_eq!(
        home.read("notes/mine.yaml"),
        "# mine\ntask0:\n  memory: \"3 GiB\"\n"
    );
}

#[test]
fn a_verdict_is_told_even_when_it_cannot_be_counted() {
    let home = Home::built();
    home.answer_all();
    fs::remove_dir_all(home.path("state")).unwrap();
    home.write("state", b"a file in the way\n");
    let check = home.run(&CHECK);
    assert!(check.contains("task1: passed\n"), "{check}");
    assert!(check.contains("remark: not counted: "), "{check}");
    assert!(check.ends_with("[exit 0]\n"), "{check}");
    // An answer that could be lost to another terminal is refused.
    let answer = home.run(&["answer", "task1", "documented", "no"]);
    assert!(answer.ends_with("[exit 2]\n"), "{answer}");
    assert!(
        home.read("workshop/answers.yaml")
            .contains("documented: \"yes\"")
    );
}
