//! The instructor's laptop falls asleep in the middle of a run.

use std::process::Command;
use std::time::Duration;

use super::workshop::{Inventory, Workshop, eventually, run, word_of};

/// Longer than a host is silent before its connection counts as lost.
const ASLEEP: Duration = Duration::from_secs(75);

#[test]
fn a_run_that_slept_ends_and_the_next_one_is_as_any_other() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada")]));
    let hosts = workshop.provision();
    let ada = word_of(&hosts, "Ada");
    // Its side there goes on for as long as it is let.
    let tracer = r#"printf '%s\n' '#!/bin/bash' '[ "$1" = --version ] || exec sleep 600' > /usr/local/bin/bpftrace
        chmod 755 /usr/local/bin/bpftrace"#;
    workshop.root(ada, tracer);
    workshop.says(
        "ada",
        ada,
        "mkdir -p workshop && echo 'BEGIN {}' > workshop/task3.bt",
    );
    let mut grading = workshop.start(&["grade", "--json"]);
    let pid = grading.pid().to_string();
    eventually("the checker runs", || {
        let seen = workshop.root(ada, "pgrep -af '[s]leep 600' || true");
        if seen.is_empty() { Err(seen) } else { Ok(()) }
    });
    let signal = |signal: &str| run(Command::new("kill").args(["-s", signal, &pid])).exits(0);
    signal("STOP");
    std::thread::sleep(ASLEEP);
    signal("CONT");
    // What was asked for, or why not: never a run that hangs or dies.
    let ran = grading.finish();
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let host = &report["hosts"][0];
    assert_eq!(host["word"], ada, "{report}");
    assert_eq!(host["tasks"].as_array().unwrap().len(), 6, "{report}");
    workshop.provision_changes_nothing();
}
