//! From nothing to verified hosts, and what a changed inventory changes.

use std::time::Instant;

use serde_json::Value;

use super::footprint::{ALL, Footprint, cgroups};
use super::workshop::{Inventory, STATE, Workshop, host_of, output, word_of};

const ADA: (&str, &str) = ("Ada Lovelace", "ada");
const BOB: (&str, &str) = ("Bob", "bob");
const CAT: (&str, &str) = ("Cat", "cat");

/// Each host of a `plan --json` and what would be done.
fn planned(workshop: &Workshop) -> Vec<(String, String)> {
    let document = workshop.run(&["plan", "--json"]).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let hosts = document["hosts"].as_array().unwrap();
    hosts
        .iter()
        .filter(|host| host["role"] != "builder")
        .map(|host| (text(&host["name"]), text(&host["action"])))
        .collect()
}

fn folders(workshop: &Workshop) -> Vec<String> {
    let all = output("ls", &[&format!("{ALL}/{}", workshop.id().unwrap())]);
    all.lines().map(str::to_owned).collect()
}

#[test]
fn the_inventory_is_what_there_is() {
    let mut inventory = Inventory::new(&[ADA, BOB]);
    let workshop = Workshop::new(&inventory);

    // A plan makes nothing, neither hosts nor state.
    let before = planned(&workshop);
    let actions: Vec<&str> = before.iter().map(|(_, action)| action.as_str()).collect();
    assert_eq!(actions, ["create", "create"]);
    assert!(!workshop.path().join(STATE).exists());

    // From nothing.
    let start = Instant::now();
    let first = workshop.provision();
    says_how_long("two hosts from nothing", start);
    let words: Vec<&str> = first.iter().map(|host| host.word.as_str()).collect();
    let planned_words: Vec<&str> = before.iter().map(|(word, _)| word.as_str()).collect();
    assert_eq!(words, planned_words);
    assert!(first.iter().all(|host| !host.changed.is_empty()));
    let status = workshop.run(&["status", "--json"]).json();
    for seat in status["hosts"].as_array().unwrap() {
        assert_eq!(seat["condition"], "verified", "{seat}");
    }
    workshop.run(&["doctor"]).exits(0);

    // Again: nothing to do, and nobody's host was started anew.
    let boots: Vec<String> = words.iter().map(|word| workshop.boot_id(word)).collect();
    let start = Instant::now();
    workshop.provision_changes_nothing();
    says_how_long("the same again", start);
    let folders_before = folders(&workshop);

    // One more participant, and before the others in the list: one more host, and no other word.
    inventory.people.insert(0, CAT);
    workshop.write(&inventory);
    let created: Vec<_> = planned(&workshop)
        .into_iter()
        .filter(|(_, action)| action == "create")
        .collect();
    assert_eq!(created.len(), 1, "{created:?}");
    let three = workshop.provision();
    assert_eq!(three.len(), 3);
    let cat = word_of(&three, CAT.0);
    assert_eq!(created[0].0, cat);
    for (old, boot) in first.iter().zip(&boots) {
        let new = host_of(&three, &old.identity);
        assert_eq!(
            (&new.word, &new.address, &new.host_key),
            (&old.word, &old.address, &old.host_key)
        );
        // A node hears of its new neighbour, and no more.
        assert!(
            new.changed.is_empty() || new.changed == ["peers"],
            "{new:?}"
        );
        assert_eq!(workshop.boot_id(&old.word), *boot);
    }
    let mut expected = folders_before.clone();
    expected.push(cat.to_owned());
    expected.sort();
    let mut now = folders(&workshop);
    now.sort();
    assert_eq!(now, expected);
    workshop.provision_changes_nothing();

    // One less: their host is kept as it is, and whatever is wrong with it is nobody's business.
    inventory.people.retain(|person| *person != BOB);
    workshop.write(&inventory);
    let bob = word_of(&first, BOB.0);
    workshop.root(bob, "rm /etc/motd");
    let kept: Vec<_> = planned(&workshop)
        .into_iter()
        .filter(|(_, action)| action == "keep")
        .collect();
    assert_eq!(kept, [(bob.to_owned(), "keep".to_owned())]);
    let two = workshop.provision();
    assert!(two.iter().all(|host| host.word != bob), "{two:?}");
    assert_eq!(folders(&workshop).len(), now.len());
    assert_eq!(workshop.boot_id(bob), boots[1]);
    workshop.says("bob", bob, "test ! -e /etc/motd");

    // Other limits and another key, while the host runs.
    let ada = word_of(&first, ADA.0);
    assert_eq!(memory_limit(&workshop, ada), 1024 << 20);
    inventory.memory_mib = 800;
    inventory.people = vec![CAT, (ADA.0, "ada2")];
    workshop.write(&inventory);
    let changed = workshop.provision();
    assert_eq!(memory_limit(&workshop, ada), 800 << 20);
    assert_eq!(
        host_of(&changed, ADA.0).changed,
        ["authorized key", "about", "guard"]
    );
    // The guard knows how much memory there is.
    assert_eq!(host_of(&changed, CAT.0).changed, ["about", "guard"]);
    assert_eq!(workshop.boot_id(ada), boots[0]);
    workshop.says("ada2", ada, "true");
    assert_eq!(workshop.ssh("ada", &[ada, "true"]).status, Some(255));
    workshop.provision_changes_nothing();

    // One host alone can go, and come back.
    let document = workshop
        .run(&["destroy", "--yes", "--json", "--only", bob])
        .json();
    assert_eq!(document["gone"], serde_json::json!([bob]));
    assert!(!folders(&workshop).contains(&bob.to_owned()));
    assert_eq!(workshop.boot_id(ada), boots[0]);
    workshop
        .run(&["destroy", "--yes", "--only", "nobody"])
        .exits(2);
    inventory.people.push(BOB);
    workshop.write(&inventory);
    let again = workshop.provision();
    assert_eq!(word_of(&again, BOB.0), bob);
    assert_ne!(workshop.boot_id(bob), boots[1]);
    // It is known by the same key as before.
    assert_eq!(
        host_of(&again, BOB.0).host_key,
        host_of(&first, BOB.0).host_key
    );
    workshop.says("bob", bob, "test -e /etc/motd");
}

/// The kernel's limit of the host's memory, in bytes.
fn memory_limit(workshop: &Workshop, word: &str) -> u64 {
    let id = workshop.id().unwrap();
    // The label is on the cgroup's folder or on its parent's, by who manages the cgroups.
    let found = cgroups(&format!("*{id}*"));
    let ends = [format!("/{word}"), format!("-{word}.service")];
    let limits: Vec<u64> = found
        .lines()
        .filter(|folder| ends.iter().any(|end| folder.ends_with(end)))
        .flat_map(|folder| ["memory.max", "memory.limit_in_bytes"].map(|f| format!("{folder}/{f}")))
        .filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
        .collect();
    assert_eq!(limits.len(), 1, "{found}");
    limits[0]
}

#[expect(clippy::print_stderr, reason = "a test says how long it took")]
fn says_how_long(what: &str, start: Instant) {
    eprintln!("{what}: {:.2} s", start.elapsed().as_secs_f64());
}

/// The look for what is left must see what is there, or it proves nothing.
#[test]
fn the_footprint_shows_a_workshop() {
    let workshop = Workshop::alone(&Inventory::new(&[ADA]));
    workshop.provision();
    let id = workshop.id().unwrap();
    let now = Footprint::of_the_machine();
    for kind in ["link", "cgroup", "folder", "process"] {
        assert!(now.has(kind, &id), "{kind}: {now:#?}");
    }
    workshop.destroy();
    // Of what is not there, nothing can be destroyed, and that is no error.
    workshop.destroy();
}
