//! docs/instructor.md, from the first command to the last, on a workshop of its own.
//!
//! A command that is new in the document needs a line here that says how it is run.

use std::process::Command;

use super::code::code;
use super::workshop::{Inventory, Ran, Workshop, program, run};

const DOCUMENT: &str = include_str!("../../../../docs/instructor.md");

/// How a command of the document is run.
enum Way {
    /// As it stands there, with names in the places of WORD and DIR, and its exit status.
    AsItIs(i32),
    /// With this line: what it stands for is asked for, takes long, or serves until it is ended.
    By(&'static str, i32),
    /// Another line has it with its arguments.
    Mentioned,
}

use Way::{AsItIs, By, Mentioned};

/// In the document's order, which is that of the day.
const COMMANDS: &[(&str, Way)] = &[
    ("workshop init", AsItIs(0)),
    (
        "workshop register",
        By("echo quit | workshop register --listen 127.0.0.1:0", 0),
    ),
    ("workshop add --dry-run *.pub", AsItIs(0)),
    ("workshop add 'Ada Lovelace' --key ada.pub", AsItIs(0)),
    ("workshop plan", AsItIs(0)),
    ("workshop provision", AsItIs(0)),
    ("workshop doctor", AsItIs(0)),
    ("workshop handouts", AsItIs(0)),
    // All of it takes a quarter of an hour; `rehearse.rs` does more.
    ("workshop rehearse", By("workshop rehearse --task task0", 0)),
    (
        "workshop register --poster html > wall.html",
        By(
            "workshop register --poster html > wall.html && test -s wall.html",
            0,
        ),
    ),
    ("workshop add", Mentioned),
    ("workshop handouts eject DIR", AsItIs(0)),
    ("workshop handouts --templates DIR", AsItIs(0)),
    ("workshop status", AsItIs(0)),
    ("workshop ssh WORD", By("workshop ssh WORD true", 0)),
    // Nobody has solved anything.
    ("workshop grade", AsItIs(1)),
    ("workshop collect", AsItIs(0)),
    (
        "workshop rebuild WORD",
        By("workshop rebuild WORD --yes", 0),
    ),
    // Without a terminal it is shown once.
    ("workshop board", AsItIs(0)),
    (
        "workshop board --web",
        By(
            "workshop board --web 127.0.0.1:0 > url & \
             until grep -qs http url; do sleep 0.1; done; kill $!; wait $!",
            0,
        ),
    ),
    ("workshop wake WORD", AsItIs(0)),
    ("workshop wake --all", AsItIs(0)),
    ("workshop destroy", By("workshop destroy --yes", 0)),
    ("workshop destroy --label", AsItIs(0)),
    // Nothing has the label any more; `collect.rs` has a workshop whose state is lost.
    (
        "workshop destroy --label LABEL",
        By("workshop destroy --label LABEL --yes", 2),
    ),
];

/// Each command once, in the document's order.
fn commands() -> Vec<String> {
    let mut found = Vec::new();
    for line in code(DOCUMENT) {
        let line = line.split('#').next().unwrap_or_default();
        let line: Vec<&str> = line.split_whitespace().collect();
        let line = line.join(" ");
        if line.starts_with("workshop ") && !found.contains(&line) {
            found.push(line);
        }
    }
    found
}

fn shell(workshop: &Workshop, line: &str) -> Ran {
    let folder = program().parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut sh = Command::new("sh");
    sh.args(["-c", line])
        .env("PATH", format!("{folder}:{path}"))
        .current_dir(workshop.path());
    run(&mut sh)
}

/// What step 1 of the document leaves to an editor: limits of this machine's size, a spare, and no example person.
const EDITED: &str = "\
workshop: {name: A day}
bitcoin: {source: crate, chain: regtest}
hosts: {provider: local, spare: 1, limits: {memory: 1024MiB, cpus: 2, pids: 1000}}
participants: []
";

#[test]
fn each_command_of_the_instructors_document_runs() {
    let known: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    assert_eq!(commands(), known);

    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada")]));
    let inventory = workshop.path().join("inventory.yaml");
    std::fs::remove_file(&inventory).unwrap();
    for (command, way) in COMMANDS {
        let (line, status) = match way {
            AsItIs(status) => (*command, *status),
            By(line, status) => (*line, *status),
            Mentioned => continue,
        };
        let mut line = line.replace("DIR", "templates");
        if line.contains("WORD") {
            let status = workshop.run(&["status", "--json"]).json();
            let mut hosts = status["hosts"].as_array().unwrap().iter();
            let ada = hosts
                .find(|host| host["identity"] == "Ada Lovelace")
                .unwrap();
            line = line.replace("WORD", ada["word"].as_str().unwrap());
        }
        if line.contains("LABEL") {
            line = line.replace("LABEL", &workshop.id().unwrap());
        }
        let ran = shell(&workshop, &line);
        assert_eq!(
            ran.status,
            Some(status),
            "{line}: {}{}",
            ran.stdout,
            ran.stderr
        );
        if *command == "workshop init" {
            std::fs::write(&inventory, EDITED).unwrap();
        }
    }
}
