//! `workshop board` on real hosts: what a participant does is on the board and on its page seconds later, and a host
//! that stops is told.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::Value;

use super::workshop::{Inventory, PATIENCE, Workshop, eventually, word_of};

fn row<'a>(hosts: &'a Value, word: &str) -> &'a Value {
    let mut hosts = hosts.as_array().unwrap().iter();
    hosts.find(|host| host["word"] == word).unwrap()
}

/// What the page's own request gets next.
fn next_event(stream: &mut impl std::io::BufRead) -> Value {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(
            stream.read_line(&mut line).unwrap() > 0,
            "the page's stream has ended"
        );
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[test]
fn what_is_done_is_seen_within_seconds() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]));
    let hosts = workshop.provision();
    let (ada, bob) = (word_of(&hosts, "Ada"), word_of(&hosts, "Bob"));

    let board = workshop.run(&["board", "--json"]).json();
    assert_eq!(row(&board["hosts"], ada)["who"], "Ada");
    assert_eq!(row(&board["hosts"], ada)["trouble"], Value::Null);
    let table = workshop.run(&["board", "--once"]).exits(0);
    assert!(
        table
            .lines()
            .any(|line| line.starts_with(ada) && line.ends_with("well")),
        "{table}"
    );

    let mut command = workshop.command(&["board", "--web", "127.0.0.1:0"]);
    let mut serving = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(serving.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let address = url
        .trim()
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut stream = BufReader::new(stream);

    workshop.says(
        "ada",
        ada,
        "workshop answer task0 root no; workshop check task0 || true",
    );
    let seen = loop {
        let seen = next_event(&mut stream);
        if row(&seen, ada)["tasks"][0]["stage"] == "attempted" {
            break seen;
        }
    };
    assert_eq!(row(&seen, ada)["tasks"][0]["attempts"], 1);
    let text = seen.to_string();
    assert!(!text.contains("Ada") && !text.contains("reason"), "{text}");

    workshop.says("bob", bob, "sudo systemctl stop bitcoind");
    while row(&next_event(&mut stream), bob)["trouble"] != "its node does not run" {}
    // Somebody may be root there and write anything.
    workshop.says(
        "bob",
        bob,
        "mkdir -p ~/.local/state/workshop; ln -sf /dev/zero ~/.local/state/workshop/progress.json",
    );
    workshop.says("bob", bob, "sudo systemctl start bitcoind");
    while row(&next_event(&mut stream), bob)["trouble"] != Value::Null {}
    // The instructor's own view says why a check failed.
    let board = workshop.run(&["board", "--json"]).json();
    let reason = row(&board["hosts"], ada)["tasks"][0]["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        reason.contains("not answered yet") || reason.contains("you said"),
        "{reason}"
    );

    serving.kill().unwrap();
    serving.wait().unwrap();
    // The hosts' side ends with the connection.
    for (person, word) in [("ada", ada), ("bob", bob)] {
        eventually("the host's side is over", || {
            let left = workshop.says(person, word, "sudo pgrep -af '[s]leep 2' || true");
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
    }
}
