//! `grade` on real hosts: one who solved a task, one who did not and says so, and one who is hostile.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::left::nothing_is_left;
use super::workshop::{Inventory, Workshop, eventually, program, run, word_of};

const PEOPLE: [(&str, &str); 3] = [("Ada", "ada"), ("Bob", "bob"), ("Cat", "cat")];

/// The program under test without what only debuggers read: it goes over the network.
pub(super) fn checker(workshop: &Workshop) -> String {
    let path = workshop.path().join("checker");
    let mut strip = Command::new("strip");
    run(strip.arg("-o").arg(&path).arg(program())).exits(0);
    path.display().to_string()
}

fn grade(workshop: &Workshop, checker: &str, status: i32) -> Value {
    let ran = workshop.run(&[
        "grade",
        "--json",
        "--tasks",
        "task0,task3",
        "--checker",
        checker,
    ]);
    serde_json::from_str(&ran.exits(status)).unwrap()
}

pub(super) fn graded<'a>(report: &'a Value, word: &str, task: &str) -> &'a Value {
    let host = host(report, word);
    let mut tasks = host["tasks"].as_array().unwrap().iter();
    tasks.find(|one| one["task"] == task).unwrap()
}

fn host<'a>(report: &'a Value, word: &str) -> &'a Value {
    let mut hosts = report["hosts"].as_array().unwrap().iter();
    hosts.find(|host| host["word"] == word).unwrap()
}

/// Solves task 0 as a participant does, and checks it.
pub(super) fn solve_task0(workshop: &Workshop, key: &str, word: &str) {
    for command in [
        "workshop answer task0 kernel \"$(uname -r)\"",
        "workshop answer task0 memory \"$(awk '/MemTotal/ { print $2 \" kB\" }' /proc/meminfo)\"",
        "workshop answer task0 root yes",
        "workshop check task0",
    ] {
        workshop.says(key, word, command);
    }
}

const PROGRESS: &str = ".local/state/workshop/progress.json";

#[test]
fn a_grade_believes_what_it_saw_and_no_host() {
    let workshop = Workshop::new(&Inventory::new(&PEOPLE));
    let hosts = workshop.provision();
    let words: Vec<&str> = PEOPLE
        .iter()
        .map(|(name, _)| word_of(&hosts, name))
        .collect();
    let [ada, bob, cat] = words[..] else { panic!() };
    let checker = checker(&workshop);

    // Ada solves task 0 and checks it.
    solve_task0(&workshop, "ada", ada);
    let counted = workshop.says("ada", ada, &format!("cat {PROGRESS}"));

    // Bob answers wrong, and gives himself everything.
    workshop.says("bob", bob, "workshop answer task0 kernel 0.1");
    let mut tasks = String::new();
    for task in 0..6 {
        let comma = if task == 0 { "" } else { "," };
        let _ = write!(
            tasks,
            r#"{comma}"task{task}":{{"attempts":1,"first_passed":"2026-11-25T10:00:00Z"}}"#
        );
    }
    let forged = format!(
        "mkdir -p .local/state/workshop && echo '{{\"schema\":1,\"tasks\":{{{tasks}}}}}' > {PROGRESS}"
    );
    workshop.says("bob", bob, &forged);

    // Cat's file never ends, and her programs are not what they are called.
    let hostile = format!(
        "mkdir -p .local/state/workshop && ln -sf /dev/zero {PROGRESS} && \
         sudo sh -c 'rm /usr/local/bin/workshop; printf \"#!/bin/sh\\necho passed\\n\" > /usr/local/bin/workshop; \
         chmod 755 /usr/local/bin/workshop'"
    );
    workshop.says("cat", cat, &hostile);

    // The room is shown all the same.
    let ran = workshop.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&ran.exits(0)).unwrap();
    assert_eq!(host(&status, ada)["progress"]["passed"], 1);
    assert_eq!(host(&status, bob)["progress"]["passed"], 6);
    assert_eq!(host(&status, cat)["progress"]["passed"], 0);
    workshop.says(
        "cat",
        cat,
        &format!("rm {PROGRESS}; head -c 3000000 /dev/zero > {PROGRESS}"),
    );
    let status = workshop.run(&["status"]).exits(0);
    assert!(
        status.contains("? the progress file is larger than any progress"),
        "{status}"
    );

    let report = grade(&workshop, &checker, 1);
    let right = graded(&report, ada, "task0");
    assert_eq!(
        (&right["verified"], &right["differs"]),
        (&"passed".into(), &Value::Null),
        "{right}"
    );
    assert_eq!(graded(&report, ada, "task3")["verified"], "not-passed");
    for task in ["task0", "task3"] {
        let wrong = graded(&report, bob, task);
        assert_eq!(wrong["verified"], "not-passed", "{wrong}");
        let differs = wrong["differs"].as_str().unwrap();
        assert!(
            differs.starts_with("host says passed, verified says not passed: "),
            "{differs}"
        );
    }
    assert_eq!(graded(&report, cat, "task0")["verified"], "not-passed");
    assert_eq!(
        host(&report, cat)["progress"],
        "the progress file is larger than any progress"
    );
    for word in words.iter().copied() {
        nothing_is_left(|line| workshop.root(word, line));
    }
    // A grade is no attempt.
    assert_eq!(
        workshop.says("ada", ada, &format!("cat {PROGRESS}")),
        counted
    );

    // One host alone, one task: everybody passed.
    let one = [
        "grade",
        "--only",
        ada,
        "--tasks",
        "0",
        "--checker",
        &checker,
        "--output",
        "grade.csv",
    ];
    workshop.run(&one).exits(0);
    let csv = std::fs::read_to_string(workshop.path().join("grade.csv")).unwrap();
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(
        csv.contains(&format!("{ada},Ada,task0,passed,passed,no,")),
        "{csv}"
    );

    // A host whose sshd is gone stops nobody.
    workshop.root(
        cat,
        "systemctl stop ssh.socket ssh.service 2>/dev/null; true",
    );
    let report = grade(&workshop, &checker, 1);
    assert!(host(&report, cat)["failure"].is_string(), "{report}");
    assert_eq!(graded(&report, ada, "task0")["verified"], "passed");

    nothing_stays_of_a_grade_that_is_cut_off(&workshop, &checker, ada, bob);
}

/// Interrupted or killed at any moment. Ada's tracer never attaches, so that her check goes on for the half minute
/// that it is given, on a machine of any speed.
fn nothing_stays_of_a_grade_that_is_cut_off(
    workshop: &Workshop,
    checker: &str,
    ada: &str,
    bob: &str,
) {
    // It is called what it stands for: nothing of it may be left.
    let tracer = r#"printf '%s\n' '#!/bin/bash' '[ "$1" = --version ] || exec -a "bpftrace -f json" sleep 600' \
        > /usr/local/bin/bpftrace; chmod 755 /usr/local/bin/bpftrace"#;
    workshop.root(ada, tracer);
    workshop.says(
        "ada",
        ada,
        "mkdir -p workshop && echo 'BEGIN {}' > workshop/task3.bt",
    );
    // Wherever it is, while the participant's side looks, and while root's side waits for the tracer.
    for moment in [
        None,
        Some("[e]vidence --seed"),
        Some("[b]pftrace -f json 600"),
    ] {
        for signal in ["INT", "KILL"] {
            let mut grading = workshop.start(&["grade", "--only", ada, bob, "--checker", checker]);
            match moment {
                Some(pattern) => eventually("the checker runs", || {
                    let seen = workshop.root(ada, &format!("pgrep -af '{pattern}' || true"));
                    if seen.is_empty() { Err(seen) } else { Ok(()) }
                }),
                None => std::thread::sleep(Duration::from_millis(600)),
            }
            let pid = grading.pid().to_string();
            run(Command::new("kill").args(["-s", signal, &pid])).exits(0);
            let ran = grading.finish();
            // Nobody knows how far it was, when nobody looked.
            if moment.is_some() {
                let status = (signal == "INT").then_some(2);
                assert_eq!(ran.status, status, "{moment:?}: {ran:?}");
                let told = ran.stderr.contains("was interrupted");
                assert_eq!(told, signal == "INT", "{moment:?}: {ran:?}");
            }
            for word in [ada, bob] {
                nothing_is_left(|line| workshop.root(word, line));
            }
        }
    }
}
