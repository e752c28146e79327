//! A builder that is somewhere else: the closure crosses this machine's uplink once, and the hosts fetch it from the
//! builder. When it dies, another one takes over.

use std::path::Path;

use super::footprint::{ALL, cgroups};
use super::workshop::{Host, Inventory, Workshop, eventually};

const PROVISION: [&str; 3] = ["provision", "--json", "--remote-builder"];

/// A workshop whose closure the user's cache has: nothing is compiled here.
fn workshop() -> Workshop {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]));
    workshop.provision();
    workshop.destroy();
    workshop
}

/// What this machine itself has sent to hosts of the workshop: what one host sends another does not count here.
fn sent(workshop: &Workshop) -> u64 {
    let bridge = format!("ws-{}", workshop.id().unwrap());
    let path = Path::new("/sys/class/net")
        .join(bridge)
        .join("statistics/tx_bytes");
    std::fs::read_to_string(path)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

#[track_caller]
fn verified(hosts: &[Host]) {
    assert!(hosts.iter().all(|host| host.verified), "{hosts:?}");
}

#[test]
fn the_closure_is_sent_once_and_only_signed_paths_are_taken() {
    let workshop = workshop();
    let hosts = workshop.run(&PROVISION).hosts(0);
    verified(&hosts);
    let sent = sent(&workshop);

    let size =
        "cat /var/cache/workshop/store/*.narinfo | awk '/^FileSize/ { s += $2 } END { print s }'";
    let size: u64 = workshop.root("builder", size).parse().unwrap();
    assert!(size > 1 << 20, "{size}");
    // 1.1 times, in whole numbers.
    assert!(sent * 10 <= size * 11, "{sent} bytes were sent of {size}");

    // No folder of this machine is there, and a builder that built nothing has nothing to sign with.
    workshop.root("builder", "! mountpoint -q /var/cache/workshop");
    workshop.root("builder", "[ ! -e /var/cache/workshop/secret-key ]");
    let served = workshop.root("builder", "journalctl -o cat -u workshop-cache");
    for host in &hosts {
        let address = host.address.as_deref().unwrap();
        let fetched = served
            .lines()
            .any(|line| line.starts_with(&format!("{address} ")) && line.contains("GET /nar/"));
        assert!(fetched, "{address}:\n{served}");
    }

    // A second run sends next to nothing.
    verified(&workshop.run(&PROVISION).hosts(0));

    let word = hosts[0].word.as_str();
    let copy = |store: &str| {
        let script = format!(
            "XDG_CACHE_HOME=/tmp/{store}-cache nix copy --to /tmp/{store} \
               --from \"$(sed -n 's/^substituters = //p' /etc/nix/nix.conf)\" \
               \"$(readlink -f /nix/var/nix/profiles/workshop)\" 2>&1"
        );
        workshop.run(&["ssh", word, &script])
    };
    copy("signed").exits(0);
    workshop.root(
        "builder",
        "sed -i 's/^Sig: \\([^:]*\\):.*/Sig: \\1:'\"$(head -c 64 /dev/zero | base64 -w 0)\"'/' /var/cache/workshop/store/*.narinfo",
    );
    let refused = copy("unsigned");
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(
        refused
            .stdout
            .contains("lacks a signature by a trusted key"),
        "{refused:?}"
    );
}

#[test]
fn a_builder_that_dies_is_replaced_and_one_that_is_spoiled_is_mended() {
    let workshop = workshop();
    let running = workshop.start(&PROVISION);
    let id = eventually("there is a workshop", || {
        workshop.id().ok_or_else(String::new)
    });
    let store = Path::new(ALL).join(&id);
    eventually("the closure is being sent", || {
        let find = "find \"$1\" -path '*var/cache/workshop/store/nar/*' -size +1M 2>/dev/null | grep -m 1 .";
        let found = std::process::Command::new("sh")
            .args(["-c", find, "sh"])
            .arg(&store)
            .output()
            .unwrap();
        found.status.success().then_some(()).ok_or_else(String::new)
    });
    kill_builder(&id);
    verified(&running.finish().hosts(0));
    let journal = std::fs::read_to_string(workshop.path().join(".workshop/journal.jsonl")).unwrap();
    let replaced = journal.lines().any(|line| {
        line.contains("builder") && line.contains("destroy") && line.contains("intent")
    });
    assert!(replaced, "{journal}");

    // Between two runs: an archive is cut, and some host asks for the builder.
    workshop.root(
        "builder",
        "cd /var/cache/workshop/store/nar && truncate -s 1000 *",
    );
    let word = workshop.run(&PROVISION).hosts(0)[0].word.clone();
    workshop.root(&word, "rm /etc/motd");
    verified(&workshop.run(&PROVISION).hosts(0));
    workshop.root(
        "builder",
        "cd /var/cache/workshop/store && for i in *.narinfo; do \
           u=$(sed -n 's/^URL: //p' $i); [ $(stat -c %s $u) = $(sed -n 's/^FileSize: //p' $i) ] || exit 1; done",
    );
}

/// Ends every process of the builder's at once, as a machine that loses its power does.
fn kill_builder(id: &str) {
    let groups = cgroups(&format!("*workshop*{id}*builder*"));
    // Machines with both hierarchies have the file only in the second one.
    let mut groups_with_kill = groups
        .lines()
        .filter(|path| Path::new(path).join("cgroup.kill").exists());
    let group = groups_with_kill.next();
    let group = group.unwrap_or_else(|| panic!("no cgroup of the builder's: {groups}"));
    std::fs::write(Path::new(group).join("cgroup.kill"), "1").unwrap();
}
