//! What people do to their hosts: their work is kept, damage is repaired, and a host that cannot be
//! repaired harms no other.

use super::workshop::{Inventory, Workshop, eventually, host_of, output, word_of};

const PEOPLE: [(&str, &str); 3] = [("Ada", "ada"), ("Bob", "bob"), ("Cat", "cat")];

#[test]
fn work_is_kept_and_damage_is_repaired() {
    let workshop = Workshop::new(&Inventory::new(&PEOPLE[..2]));
    let hosts = workshop.provision();
    let (ada, bob) = (word_of(&hosts, "Ada"), word_of(&hosts, "Bob"));
    let mine = "cd bitcoin && echo mine > notes && echo '// mine' >> src/init.cpp && echo 'alias ll=ls' >> ~/.bashrc";
    workshop.says("ada", ada, mine);
    let sums = "sha256sum bitcoin/notes bitcoin/src/init.cpp .bashrc; stat -c %Y bitcoin/src/init.cpp; ls -a";
    let before = workshop.says("ada", ada, sums);

    workshop.root(
        ada,
        "echo 'chain=main' > /etc/bitcoin/bitcoin.conf; rm /etc/sudoers.d/workshop",
    );
    workshop.root(bob, "systemctl stop bitcoind");
    let intruder = std::fs::read_to_string(workshop.key("intruder").with_extension("pub")).unwrap();
    workshop.root(
        bob,
        &format!(
            "echo '{}' >> /home/workshop/.ssh/authorized_keys",
            intruder.trim()
        ),
    );
    workshop.says("intruder", bob, "true");

    let hosts = workshop.provision();
    assert_eq!(host_of(&hosts, "Ada").changed, ["sudo", "node"]);
    assert_eq!(host_of(&hosts, "Bob").changed, ["authorized key", "node"]);
    assert_eq!(workshop.says("ada", ada, sums), before);
    assert_eq!(workshop.says("ada", ada, "sudo -n id -u"), "0");
    for (key, word) in [("ada", ada), ("bob", bob)] {
        let chain = workshop.says(key, word, "bitcoin-cli getblockchaininfo");
        assert!(chain.contains(r#""chain": "regtest""#), "{chain}");
    }
    assert_eq!(workshop.ssh("intruder", &[bob, "true"]).status, Some(255));
    workshop.provision_changes_nothing();

    // A host that went off comes back with what was on it.
    // It may take the connection with it that asks.
    workshop.run(&["ssh", ada, "systemctl poweroff"]);
    eventually("it is off", || {
        let status = workshop.run(&["status", "--json"]);
        let off = status.stdout.contains(r#""condition": "stopped""#);
        off.then_some(()).ok_or(status.stdout)
    });
    let hosts = workshop.provision();
    assert_eq!(host_of(&hosts, "Ada").changed, [""; 0]);
    assert_eq!(workshop.says("ada", ada, sums), before);
}

#[test]
fn one_bad_host_stops_no_other() {
    let workshop = Workshop::new(&Inventory::new(&PEOPLE));
    let hosts = workshop.provision();
    let [ada, bob, cat] = PEOPLE.map(|(name, _)| word_of(&hosts, name));
    // A file cannot take the place of a folder, not even root's.
    workshop.root(ada, "rm /etc/motd && mkdir /etc/motd");
    workshop.root(bob, "systemctl stop ssh.socket ssh.service");
    // And one that can be repaired.
    workshop.root(cat, "rm /etc/sudoers.d/workshop");

    let ran = workshop.run(&["provision"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    for failed in [ada, bob] {
        let row = row(&ran.stdout, failed);
        assert!(row.ends_with("FAILED"), "{row}");
    }
    assert!(row(&ran.stdout, cat).ends_with("verified, 1 steps changed"));
    // What failed, where, and the last lines of the command.
    let said = format!("error: {ada}: step `about` failed with status 1\n  | mv: ");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert!(ran.stderr.contains("/etc/motd"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("error: {bob}: ")),
        "{}",
        ran.stderr
    );
    let status = workshop.run(&["status"]).exits(1);
    assert!(row(&status, ada).contains("FAILED: "), "{status}");
    assert!(row(&status, cat).contains(" verified "), "{status}");

    // One is mended: the other still fails, and says so in JSON too.
    start_sshd(&workshop, bob);
    let hosts = workshop.run(&["provision", "--json"]).hosts(1);
    let failed = host_of(&hosts, "Ada");
    assert!(!failed.verified);
    let error = failed.error.as_deref().unwrap();
    assert!(
        error.contains("  | mv: ") && error.contains("/etc/motd"),
        "{error}"
    );
    for fine in ["Bob", "Cat"] {
        let host = host_of(&hosts, fine);
        assert!(host.verified && host.changed.is_empty(), "{host:?}");
    }
    workshop.run(&["plan"]).exits(0);

    workshop.root(ada, "rmdir /etc/motd");
    let hosts = workshop.provision();
    assert_eq!(host_of(&hosts, "Ada").changed, ["about"]);
    workshop.run(&["status"]).exits(0);
    workshop.provision_changes_nothing();
}

/// The line of a table that begins with the word.
#[track_caller]
fn row<'a>(table: &'a str, word: &str) -> &'a str {
    let mut rows = table.lines().map(str::trim);
    let row = rows.find(|row| row.split_whitespace().next() == Some(word));
    row.unwrap_or_else(|| panic!("no {word} in\n{table}"))
}

/// Into the host from this machine, as nobody can who has only SSH.
fn start_sshd(workshop: &Workshop, word: &str) {
    let id = workshop.id().unwrap();
    let init = std::fs::read_dir("/proc").unwrap().flatten().find(|entry| {
        let read = |file| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        let group = read("cgroup");
        let of_it = group.lines().any(|line| {
            line.contains(&format!("workshop-{id}/{word}"))
                || line.contains(&format!("workshop-{id}-{word}.service"))
        });
        // Process 1 of the host's own process namespace.
        of_it
            && read("status")
                .lines()
                .any(|line| line.starts_with("NSpid:") && line.ends_with("\t1"))
    });
    let init = init.unwrap_or_else(|| panic!("{word} has no process 1"));
    let pid = init.file_name().to_string_lossy().into_owned();
    output(
        "nsenter",
        &["-t", &pid, "-a", "systemctl", "start", "ssh.service"],
    );
}
