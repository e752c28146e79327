//! `workshop rehearse` on a host where somebody works: everything is judged as it deserves, their work is as it was,
//! and a rehearsal that was killed is no obstacle to the next.

use std::time::Duration;

use serde_json::Value;

use super::workshop::{Inventory, Workshop, eventually, word_of};

/// What a rehearsal must not touch.
const WORK: &str = "cat ~/workshop/answers.yaml ~/.local/state/workshop/progress.json; \
                    stat -c '%n %i %y' ~/bitcoin ~/bitcoin/src/init.cpp ~/bitcoin/build/bin/bitcoind";

/// What it leaves when it is over.
const LEFT: &str = "pgrep -af '[r]ehearse --here' || true; ls -d /var/lib/workshop-rehearsal /tmp/workshop-check-* \
                    2>/dev/null || true; findmnt -rno TARGET | grep -E '^/home' || true";

#[test]
fn a_short_rehearsal() {
    let mut inventory = Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]);
    // A compiler and a test side by side take more than the gigabyte that other tests have.
    inventory.memory_mib = 3072;
    let workshop = Workshop::new(&inventory);
    let hosts = workshop.provision();
    let word = word_of(&hosts, "Ada");
    let ada = |line: &str| workshop.says("ada", word, line);
    ada("workshop answer task0 root yes; workshop check task0 || true");
    let before = ada(WORK);

    let none = workshop.run(&["rehearse", "--quick"]);
    assert_eq!(none.status, Some(2), "{none:?}");
    assert!(none.stderr.contains("no verified spare host"), "{none:?}");

    // Killed in the middle, and begun anew. The host's side notices with the next thing that it has to tell.
    let killed = workshop.start(&["rehearse", word, "--task", "task3"]);
    eventually("a rehearsal runs", || {
        let seen = workshop.root(word, "pgrep -af '[r]ehearse --here' || true");
        if seen.is_empty() { Err(seen) } else { Ok(()) }
    });
    // It takes a minute, and does something by now.
    assert!(killed.killed_after(Duration::from_secs(2)));
    eventually("the killed one is over", || {
        match workshop.root(
            word,
            "flock -n /run/lock/workshop-rehearsal true && echo free || echo held",
        ) {
            free if free == "free" => Ok(()),
            held => Err(held),
        }
    });

    let ran = workshop.run(&["rehearse", word, "--quick", "--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    let tried = document["tried"].as_array().unwrap();
    let misjudged: Vec<_> = tried
        .iter()
        .filter(|one| one["misjudged"] != Value::Array(vec![]))
        .collect();
    assert!(misjudged.is_empty(), "{misjudged:#?}");
    assert_eq!(document["not_tried"], Value::Array(vec![]));
    assert_eq!(ran.status, Some(0));
    for task in 0..6 {
        let of_task = tried
            .iter()
            .filter(|one| one["task"] == format!("task{task}"));
        assert!(of_task.count() >= 3, "task{task}: {tried:#?}");
    }
    assert_eq!(ada(WORK), before);
    assert_eq!(workshop.root(word, LEFT), "");
}

/// All of them: what `rehearse` promises to instructors, and what this repository promises of its checks.
#[test]
#[ignore = "takes a quarter of an hour: fifty programs are built"]
fn everything_is_judged_as_it_deserves() {
    let mut inventory = Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]);
    inventory.memory_mib = 3072;
    let workshop = Workshop::new(&inventory);
    let hosts = workshop.provision();
    let ran = workshop.run(&["rehearse", word_of(&hosts, "Ada")]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.stdout, ran.stderr);
}
