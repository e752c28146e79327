//! A host whose deadline comes powers itself off; one whose deadline was moved does not.

use std::time::{Duration, SystemTime};

use super::workshop::{Inventory, Workshop, eventually};

const ADA: (&str, &str) = ("Ada", "ada");

/// So far from now, as an inventory writes it.
fn ahead(seconds: u64) -> String {
    let moment = SystemTime::now() + Duration::from_secs(seconds);
    let moment = jiff::Timestamp::try_from(moment).unwrap();
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[test]
fn a_host_goes_off_at_its_deadline_and_a_moved_one_moves_the_timer() {
    let mut inventory = Inventory::new(&[ADA]);
    inventory.deadline = ahead(45);
    let workshop = Workshop::new(&inventory);
    // Making it may take longer than that: it begins with a deadline that is far.
    inventory.deadline = ahead(24 * 3600);
    workshop.write(&inventory);
    let hosts = workshop.provision();
    let ada = hosts[0].word.as_str();
    workshop.provision_changes_nothing();
    let next = || {
        let show =
            "systemctl show -P NextElapseUSecRealtime --timestamp=unix workshop-deadline.timer";
        workshop.root(ada, show)
    };
    let before = next();
    workshop.run(&["plan", "--detailed-exitcode"]).exits(0);

    // Moved before it comes.
    inventory.deadline = ahead(30);
    workshop.write(&inventory);
    let moved = workshop.provision();
    assert!(
        moved[0].changed.contains(&"deadline".to_owned()),
        "{moved:?}"
    );
    assert_ne!(next(), before);

    let seat = || {
        let status = workshop.run(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        let hosts = status["hosts"].as_array().unwrap().clone();
        hosts.into_iter().find(|host| host["word"] == ada).unwrap()
    };
    eventually("the host is off", || match seat() {
        seat if seat["condition"] == "stopped" => Ok(()),
        seat => Err(seat.to_string()),
    });
    assert_eq!(seat()["powered_off"]["reason"], "its deadline has come");
    let status = workshop.run(&["status"]).exits(1);
    assert!(
        status.contains("powered itself off: its deadline has come"),
        "{status}"
    );

    // Nothing starts it behind its deadline.
    for verb in [&["wake", ada][..], &["provision"]] {
        let refused = workshop.run(verb);
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(
            refused.stderr.contains("the deadline is over"),
            "{refused:?}"
        );
    }
    workshop.run(&["plan", "--detailed-exitcode"]).exits(2);

    // The way out: it starts, and stays on.
    inventory.deadline = ahead(24 * 3600);
    workshop.write(&inventory);
    workshop.provision();
    let service = workshop.root(ada, "systemctl is-active workshop-deadline.service || true");
    assert_eq!(service, "inactive");
    workshop.provision_changes_nothing();

    // Without a deadline there is no timer.
    inventory.deadline = String::new();
    workshop.write(&inventory);
    workshop.provision();
    workshop.root(ada, "! systemctl cat workshop-deadline.timer 2>/dev/null");
    workshop.provision_changes_nothing();
}
