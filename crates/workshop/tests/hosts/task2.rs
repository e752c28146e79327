//! Task 2 on real hosts whose nodes are each other's peers: wrong first, then right, and what cannot be seen.

use exercises::verdict::{Outcome, State};
use exercises::{Finding, Verdict};
use serde_json::Value;

use super::workshop::{Inventory, Workshop, eventually, host_of, word_of};

/// A participant at their host.
struct Desk<'a> {
    workshop: &'a Workshop,
    word: &'a str,
}

impl Desk<'_> {
    fn says(&self, line: &str) -> String {
        self.workshop.says("ada", self.word, line)
    }

    fn answer(&self, question: &str, answer: &str) {
        self.says(&format!("workshop answer task2 {question} '{answer}'"));
    }

    fn check(&self, arguments: &str) -> Verdict {
        let line = format!("workshop check task2 --json {arguments}");
        let ran = self.workshop.ssh("ada", &[self.word, &line]);
        let verdict: Verdict =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        let status = match verdict.verdict {
            State::Passed => 0,
            State::NotPassed => 1,
            State::CouldNotCheck => 2,
        };
        assert_eq!(ran.status, Some(status), "{ran:?}");
        verdict
    }

    /// What the monitor tells, for so long, of what a command makes the node do.
    fn watches(&self, duration: &str, command: &str) -> String {
        // Its first line is written once it is attached.
        self.says(&format!(
            "rm -f seen; sudo workshop monitor --json --duration {duration} > seen & \
             until grep -qs '\"type\":\"start\"' seen; do sleep 0.05; done; {command}; wait; cat seen"
        ))
    }

    fn peers(&self) -> Vec<Value> {
        serde_json::from_str(&self.says("bitcoin-cli getpeerinfo")).unwrap()
    }
}

#[track_caller]
fn finding<'a>(verdict: &'a Verdict, id: &str) -> &'a Finding {
    let mut all = verdict.findings.iter();
    all.find(|one| one.id == id)
        .unwrap_or_else(|| panic!("{verdict:#?}"))
}

#[track_caller]
fn is_wrong(verdict: &Verdict, id: &str, hint: &str) {
    let found = finding(verdict, id);
    let told = found.hint.clone().unwrap_or_default();
    assert!(
        found.result == Outcome::Wrong && told.contains(hint),
        "{found:#?}"
    );
}

#[test]
fn a_node_that_was_watched() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]));
    let hosts = workshop.provision();
    let desk = Desk {
        workshop: &workshop,
        word: word_of(&hosts, "Ada"),
    };
    let bob = host_of(&hosts, "Bob").address.clone().unwrap();
    let bob = format!("{bob}:18544");
    desk.says(&format!("bitcoin-cli addnode {bob} onetry"));
    eventually("the other node is a peer", || {
        let peers = desk.peers();
        let is_there = peers.iter().any(|peer| peer["addr"] == bob.as_str());
        if is_there {
            Ok(())
        } else {
            Err(format!("{peers:?}"))
        }
    });

    // Nothing answered, nothing watched: the check itself sees a ping and its pong.
    let verdict = desk.check("");
    assert_eq!(verdict.verdict, State::NotPassed);
    assert_eq!(
        finding(&verdict, "live").result,
        Outcome::Right,
        "{verdict:#?}"
    );
    desk.answer("exchange", "ping");
    is_wrong(&desk.check(""), "exchange", "watch the node first");

    // The node in the tree is watched, and it does not even run.
    desk.says("sudo workshop monitor --json --duration 1s ~/bitcoin/build/bin/bitcoind");
    is_wrong(
        &desk.check(""),
        "exchange",
        "you watched /home/workshop/bitcoin/build/bin/bitcoind",
    );

    // The server's own, too briefly, and then with a ping.
    desk.says("sudo workshop monitor --json --duration 3s");
    let ping = desk.watches("6s", "bitcoin-cli ping");
    assert!(ping.contains("ping_pong"), "{ping}");
    let number = desk.peers().len();
    desk.answer("peers", &(number + 40).to_string());
    desk.answer("types", "feeler");
    desk.answer("exchange", "handshake");
    let verdict = desk.check("");
    is_wrong(&verdict, "peers", "it has fewer just now");
    is_wrong(&verdict, "types", "no connection is of the type feeler");
    is_wrong(&verdict, "exchange", "beginning of a connection");

    let mut types: Vec<String> = desk
        .peers()
        .iter()
        .map(|peer| peer["connection_type"].as_str().unwrap().to_owned())
        .collect();
    types.dedup();
    desk.answer("peers", &desk.peers().len().to_string());
    desk.answer("types", &types.join(", "));
    desk.answer("exchange", "a ping and its pong");
    let verdict = desk.check("--evidence task2.json");
    assert_eq!(verdict.verdict, State::Passed, "{verdict:#?}");
    let replayed = desk.says("workshop check --replay task2.json --json");
    assert_eq!(serde_json::from_str::<Verdict>(&replayed).unwrap(), verdict);

    // A new connection while one watches.
    let anew =
        format!("bitcoin-cli disconnectnode {bob}; sleep 1; bitcoin-cli addnode {bob} onetry");
    let anew = desk.watches("8s", &anew);
    assert!(anew.contains("handshake"), "{anew}");
    desk.answer("exchange", "a handshake");
    let verdict = desk.check("");
    assert_eq!(
        finding(&verdict, "exchange").result,
        Outcome::Right,
        "{verdict:#?}"
    );

    what_cannot_be_seen(&desk);
}

fn what_cannot_be_seen(desk: &Desk) {
    // Nobody listens there.
    let verdict = desk.check("--rpc 127.0.0.1:9");
    assert_eq!(verdict.verdict, State::CouldNotCheck, "{verdict:#?}");
    assert!(finding(&verdict, "live").seen.contains("cannot be asked"));

    // Another node answers there, whose messages pass other tracepoints or none.
    let other = "mkdir -p other && ~/bitcoin/build/bin/bitcoind -regtest -datadir=$HOME/other -daemonwait \
                 -rpcport=19999 -port=19998 -listen=0 >/dev/null";
    desk.says(other);
    let verdict = desk.check("--rpc 127.0.0.1:19999 --cookie ~/other/regtest/.cookie");
    assert_eq!(verdict.verdict, State::CouldNotCheck, "{verdict:#?}");
    let live = finding(&verdict, "live");
    assert!(live.seen.starts_with("another node answers"), "{live:#?}");
    desk.says("~/bitcoin/build/bin/bitcoin-cli -regtest -datadir=$HOME/other -rpcport=19999 stop");

    desk.says("sudo systemctl stop bitcoind");
    let verdict = desk.check("");
    assert_eq!(verdict.verdict, State::CouldNotCheck, "{verdict:#?}");
    let live = finding(&verdict, "live");
    assert!(live.seen.contains("does not run"), "{live:#?}");
    desk.says("sudo systemctl start bitcoind");
    assert_eq!(
        desk.says("ls -d /tmp/workshop-check-* 2>/dev/null || true"),
        ""
    );
}
