//! The guard of a host, with limits of seconds: real runaways are warned, stopped, and powered off with their
//! host, which is woken again with everything on it. Honest work under the real limits is left alone.

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::workshop::{Inventory, Workshop, eventually, word_of};

const ADA: (&str, &str) = ("Ada", "ada");
const BOB: (&str, &str) = ("Bob", "bob");

/// Somebody's terminal, open until the end.
struct Terminal {
    ssh: Child,
    shown: tempfile::NamedTempFile,
}

impl Terminal {
    fn open(workshop: &Workshop, key: &str, word: &str) -> Self {
        let shown = tempfile::NamedTempFile::new().unwrap();
        let ssh = Command::new("ssh")
            .args(["-F", ".workshop/ssh_config", "-o", "BatchMode=yes", "-i"])
            .arg(workshop.key(key))
            .args(["-tt", word, "echo open; cat"])
            .current_dir(workshop.path())
            .stdin(Stdio::piped())
            .stdout(shown.reopen().unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let terminal = Self { ssh, shown };
        terminal.shows("open");
        terminal
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut file = File::open(self.shown.path()).unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[track_caller]
    fn shows(&self, wanted: &str) {
        eventually(&format!("the terminal shows {wanted:?}"), || {
            let text = self.text();
            text.contains(wanted).then_some(()).ok_or(text)
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}

/// Waits until no process has this in its command line.
#[track_caller]
fn gone(workshop: &Workshop, word: &str, mark: &str) {
    eventually(&format!("{mark} is gone"), || {
        // The pattern does not match the shell that looks for it.
        let (head, tail) = mark.split_at(1);
        let left = workshop.root(word, &format!("pgrep -af '[{head}]{tail}' || true"));
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}

fn lines_of_the_guard(workshop: &Workshop, word: &str) -> String {
    let all = workshop.root(word, "journalctl -u workshop-guard -b -o cat --no-pager");
    let lines: Vec<&str> = all
        .lines()
        .filter(|line| line.starts_with("Guard:"))
        .collect();
    lines.join("\n")
}

#[test]
fn runaways_are_warned_stopped_and_powered_off_and_the_host_is_woken() {
    let mut inventory = Inventory::new(&[ADA, BOB]);
    inventory.guard =
        "{cpu: {percent: 10, for: 10s}, memory: off, disk: off, egress: off, grace: 6s}".into();
    let workshop = Workshop::alone(&inventory);
    let hosts = workshop.provision();
    let (ada, bob) = (word_of(&hosts, "Ada"), word_of(&hosts, "Bob"));
    workshop.provision_changes_nothing();

    // Processors: somebody's loop. Everybody sees the warning, the loop ends, the host goes on.
    let terminal = Terminal::open(&workshop, "ada", ada);
    let burn = "nohup sh -c 'while :; do :; done # burning' >/dev/null 2>&1 &";
    workshop.says("ada", ada, burn);
    terminal.shows("If that goes on, the busiest job is stopped in 6s");
    terminal.shows("Stopping `sh`");
    gone(&workshop, ada, "burning");
    let journal = lines_of_the_guard(&workshop, ada);
    assert!(
        journal.contains("% busy over the last 10s (limit 10 %)"),
        "{journal}"
    );
    drop(terminal);

    // One that comes back: the host goes off, and says why without running.
    workshop.says("ada", ada, "echo done > ~/work; sync");
    let miner = "sudo systemd-run -q --unit=miner -p Restart=always -p RestartSec=0 -p StartLimitIntervalSec=0 sh -c 'while :; do :; done'";
    workshop.says("ada", ada, miner);
    let seat = |word: &str| {
        let ran = workshop.run(&["status", "--json"]);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let hosts = document["hosts"].as_array().unwrap().clone();
        hosts.into_iter().find(|seat| seat["word"] == word).unwrap()
    };
    eventually("the host is off", || match seat(ada) {
        seat if seat["condition"] == "stopped" => Ok(()),
        seat => Err(seat.to_string()),
    });
    let reason = seat(ada)["powered_off"]["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(reason.contains("(limit 10 %)"), "{reason}");
    let shown = workshop.run(&["status"]);
    assert!(shown.stdout.contains(&reason), "{}", shown.stdout);
    assert_eq!(seat(bob)["condition"], "verified");

    // Woken with what was on it; a second time nothing happens, and the reason is still told.
    let woken = workshop.run(&["wake", "--all", "--json"]).json();
    assert_eq!(woken["hosts"].as_array().unwrap().len(), 1, "{woken}");
    assert_eq!(woken["hosts"][0]["ran"], false);
    assert_eq!(woken["hosts"][0]["powered_off"]["reason"], *reason);
    let boot = workshop.boot_id(ada);
    assert_eq!(workshop.says("ada", ada, "cat ~/work"), "done");
    eventually("whoever logs in is told", || {
        let text = workshop.root(ada, "cat /run/motd.d/workshop-guard || true");
        if text.contains(&reason) {
            Ok(())
        } else {
            Err(text)
        }
    });
    let again = workshop.run(&["wake", ada, "--json"]).json();
    assert_eq!(again["hosts"][0]["ran"], true);
    assert_eq!(again["hosts"][0]["powered_off"]["reason"], *reason);
    assert_eq!(workshop.boot_id(ada), boot);
    // It was verified before, and is now.
    assert_eq!(seat(ada)["condition"], "verified");
    workshop.provision_changes_nothing();

    // Somebody's own power-off is not the guard's.
    let turn_off = || {
        workshop.run(&["ssh", ada, "systemctl poweroff"]);
        eventually("the host is off", || match seat(ada) {
            seat if seat["condition"] == "stopped" => Ok(()),
            seat => Err(seat.to_string()),
        });
    };
    turn_off();
    assert!(seat(ada)["powered_off"].is_null());
    let woken = workshop.run(&["wake", ada]).exits(0);
    assert!(woken.contains("not its guard"), "{woken}");

    // Killed while the host boots: the next one goes on, and knows that it was begun.
    turn_off();
    workshop
        .start(&["wake", ada])
        .killed_after(Duration::from_millis(500));
    workshop.run(&["wake", "--all"]).exits(0);
    workshop.run(&["wake", ada]).exits(0);
    assert!(seat(ada)["unfinished"].is_null(), "{}", seat(ada));
    assert_eq!(seat(ada)["condition"], "verified");
}

#[test]
fn what_fills_the_disk_or_floods_the_network_is_stopped() {
    let mut inventory = Inventory::new(&[ADA, BOB]);
    let workshop = Workshop::alone(&inventory);
    let hosts = workshop.provision();
    let (ada, bob) = (word_of(&hosts, "Ada"), word_of(&hosts, "Bob"));

    // A little more than the host takes now.
    let used = workshop.root(
        ada,
        "du -sx --block-size=1M --exclude=/var/lib/bitcoind / 2>/dev/null | cut -f1",
    );
    let limit = used.parse::<u64>().unwrap() + 50;
    inventory.guard = format!(
        "{{cpu: off, memory: off, disk: {limit}MiB, egress: {{size: 20MiB, for: 10s}}, grace: 5s}}"
    );
    workshop.write(&inventory);
    for host in workshop.provision() {
        assert_eq!(host.changed, ["guard"], "{host:?}");
    }

    let terminal = Terminal::open(&workshop, "ada", ada);
    let fill = "nohup sh -c 'while :; do head -c 4M /dev/urandom >> ~/filling; sleep 0.5; done' >/dev/null 2>&1 &";
    workshop.says("ada", ada, fill);
    terminal.shows("Guard: files take");
    terminal.shows("Stopping");
    gone(&workshop, ada, "filling");
    workshop.says("ada", ada, "rm ~/filling");
    drop(terminal);

    // To a host that takes all of it and is not to blame.
    let address = hosts.iter().find(|host| host.word == bob);
    let address = address.and_then(|host| host.address.as_deref()).unwrap();
    let sink = "nohup python3 -c 'import socket\ns = socket.create_server((\"\", 9999))\nc = s.accept()[0]\nwhile c.recv(1 << 20): pass' >/dev/null 2>&1 &";
    workshop.says("bob", bob, sink);
    let terminal = Terminal::open(&workshop, "ada", ada);
    let flood = format!(
        "nohup python3 -c 'import socket, time # flooding\nc = socket.create_connection((\"{address}\", 9999))\nwhile True: c.sendall(bytes(1 << 20)); time.sleep(0.05)' >/dev/null 2>&1 &"
    );
    workshop.says("ada", ada, &flood);
    terminal.shows("Guard: sent");
    terminal.shows("Stopping `python3`");
    gone(&workshop, ada, "flooding");
    drop(terminal);
    assert_eq!(lines_of_the_guard(&workshop, bob), "");
    // Both hosts are on.
    workshop.run(&["status"]).exits(0);

    // A workshop without guards has none on its hosts, not even asleep.
    inventory.guard = "off".into();
    workshop.write(&inventory);
    workshop.provision();
    workshop.provision_changes_nothing();
    let unit = workshop.root(ada, "systemctl is-active workshop-guard || true");
    assert_eq!(unit, "inactive");
}

#[test]
fn honest_work_trips_nothing() {
    let workshop = Workshop::alone(&Inventory::new(&[ADA]));
    let hosts = workshop.provision();
    let ada = word_of(&hosts, "Ada");
    workshop.says(
        "ada",
        ada,
        "cd ~/bitcoin && touch src/init.cpp && cmake --build build 2>&1 | tail -1",
    );
    workshop.says(
        "ada",
        ada,
        "sudo timeout 30 bpftrace -e 'profile:hz:99 { @[comm] = count(); } interval:s:5 { exit(); }' >/dev/null",
    );
    assert_eq!(
        workshop.root(ada, "systemctl is-active workshop-guard"),
        "active"
    );
    assert_eq!(lines_of_the_guard(&workshop, ada), "");
}
