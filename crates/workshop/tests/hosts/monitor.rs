//! `workshop monitor` in a real terminal (tmux), on a host whose node has a real peer: keys are sent, the screen
//! is read.

use std::path::PathBuf;
use std::process::Command;

use exercises::recording::{Direction, Line, What, read};

use super::workshop::{Inventory, Ran, Workshop, eventually, host_of, run, word_of};

/// A terminal of its own, in which a participant has logged in and run a command.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    /// A server of tmux's that is told to end still takes calls for a moment: each terminal has its own `name`.
    fn open(workshop: &Workshop, name: &str, word: &str, command: &str) -> Self {
        let terminal = Self {
            socket: workshop.path().join(name),
        };
        let key = workshop.key("ada");
        // It stays open, so that what was printed last can be read.
        let line = format!(
            "ssh -t -F .workshop/ssh_config -o BatchMode=yes -i {} {word} '{command}'; echo ended with $?; sleep 600",
            key.display()
        );
        let mut tmux = terminal.command(&["new-session", "-d", "-x", "120", "-y", "30", &line]);
        tmux.current_dir(workshop.path())
            .env_remove("SSH_AUTH_SOCK");
        run(&mut tmux).exits(0);
        terminal
    }

    /// Without anybody's configuration, with UTF-8 whatever the locale.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-f", "/dev/null", "-S"]);
        tmux.arg(&self.socket).args(arguments).env_remove("TMUX");
        tmux
    }

    fn tmux(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    #[track_caller]
    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat()).exits(0);
    }

    #[track_caller]
    fn resize(&self, width: &str, height: &str) {
        self.tmux(&["resize-window", "-x", width, "-y", height])
            .exits(0);
    }

    /// Waits until all of these are on the screen, and returns it.
    #[track_caller]
    fn shows(&self, wanted: &[&str]) -> String {
        eventually(&format!("the screen has {wanted:?}"), || {
            let screen = self.tmux(&["capture-pane", "-p"]).stdout;
            let all = wanted.iter().all(|wanted| screen.contains(wanted));
            if all { Ok(screen) } else { Err(screen) }
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn a_node_is_watched_in_a_terminal() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada"), ("Bob", "bob")]));
    let hosts = workshop.provision();
    let word = word_of(&hosts, "Ada");
    let bob = host_of(&hosts, "Bob").address.clone().unwrap();
    let bob = format!("{bob}:18544");
    let cli = |command: &str| workshop.says("ada", word, &format!("bitcoin-cli {command}"));

    let ran = workshop.ssh("ada", &[word, "workshop monitor"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("run it as root"), "{ran:?}");

    // A host that was there before the other tries again after a minute only.
    cli(&format!("addnode {bob} onetry"));
    eventually("the other node is a peer", || {
        let peers = cli("getpeerinfo");
        if peers.contains(&bob) {
            Ok(())
        } else {
            Err(peers)
        }
    });

    // Peers of before are known by RPC.
    let command = "sudo workshop monitor; stty -a";
    let terminal = Terminal::open(&workshop, "terminal-1", word, command);
    terminal.shows(&[&bob, "manual", "earlier", "on regtest", "recording"]);

    // A round trip, and a connection from its handshake on.
    cli("ping");
    terminal.shows(&["← pong"]);
    cli(&format!("disconnectnode {bob}"));
    terminal.shows(&["closed"]);
    cli(&format!("addnode {bob} onetry"));
    terminal.keys(&["End", "Enter"]);
    terminal.shows(&[
        &bob,
        "handshake complete in",
        "→ version",
        "← verack",
        "after its ping",
        "completes the handshake",
    ]);

    // Any size, also in the middle of it.
    terminal.resize("40", "10");
    terminal.shows(&["handshake complete in", "q quit"]);
    terminal.resize("30", "8");
    terminal.shows(&["the monitor needs"]);
    terminal.resize("120", "30");
    terminal.keys(&["Escape"]);
    terminal.shows(&["last message"]);
    terminal.keys(&["p"]);
    terminal.shows(&["PAUSED"]);
    terminal.keys(&["p", "/"]);
    terminal.keys(&["-l", "no such peer"]);
    terminal.shows(&["/no such peer", "No peer has"]);
    terminal.keys(&["Escape"]);

    // The node's next process is watched too, from its first message on.
    let before = workshop.root(word, "systemctl show -P MainPID bitcoind");
    workshop.root(word, "systemctl restart bitcoind");
    let after = workshop.root(word, "systemctl show -P MainPID bitcoind");
    assert_ne!(before, after);
    terminal.keys(&["c", "/"]);
    terminal.keys(&["-l", &bob]);
    terminal.keys(&["Enter"]);
    let node = format!("bitcoind {after} on regtest");
    terminal.shows(&[&node, &format!("/{bob}"), "handshake complete in"]);

    // The terminal is what it was.
    terminal.keys(&["q"]);
    let end = terminal.shows(&["ended with 0", " icanon ", " echo "]);
    assert!(!end.contains("last message"), "{end}");
    the_record_tells(&workshop, word, &bob, [&before, &after]);

    // One whose terminal goes away ends too.
    drop(terminal);
    let terminal = Terminal::open(&workshop, "terminal-2", word, command);
    terminal.shows(&["recording"]);
    drop(terminal);
    eventually("it has ended", || {
        let ran = workshop.ssh("ada", &[word, "pgrep -f '^workshop monitor'"]);
        if ran.status == Some(1) {
            Ok(())
        } else {
            Err(ran.stdout)
        }
    });

    both_nodes_say_the_same(&workshop, word, word_of(&hosts, "Bob"));
}

/// The participant's own file, although root wrote it.
fn the_record_tells(workshop: &Workshop, word: &str, bob: &str, nodes: [&str; 2]) {
    let record = ".local/state/workshop/monitor.jsonl";
    let owner = workshop.says("ada", word, &format!("stat -c %U:%G {record}"));
    assert_eq!(owner, "workshop:workshop");
    let text = workshop.says("ada", word, &format!("cat {record}"));
    let (sessions, strange) = read(&text);
    assert_eq!((sessions.len(), strange), (1, 0), "{text}");
    let session = sessions.values().next().unwrap();
    assert!(session.ended && session.lost == 0, "{text}");
    for (node, handshake) in nodes.into_iter().zip([false, true]) {
        let mut peers = session
            .peers
            .iter()
            .filter(|(id, _)| id.pid.to_string() == node);
        assert!(
            peers.any(|(_, peer)| peer.addr == bob && peer.connection_type == "manual"),
            "{text}"
        );
        let shaken = session.peers.iter().any(|(id, peer)| {
            id.pid.to_string() == node && peer.handshake.is_some() && peer.pings_sent > 0
        });
        assert!(shaken || !handshake, "{text}");
    }
    let pinged = session.peers.values().filter(|peer| peer.pings_sent > 0);
    assert!(pinged.count() >= 2, "{text}");
}

/// What one node sends, the other receives: in number and size.
fn both_nodes_say_the_same(workshop: &Workshop, ada: &str, bob: &str) {
    let both = [("ada", ada), ("bob", bob)];
    let monitor = "nohup sudo workshop monitor --json --no-record > said 2>&1 < /dev/null &";
    let said = |(key, word): (&str, &str)| workshop.says(key, word, "cat said");
    let all_say = |what: &str, text: &str| {
        for desk in both {
            eventually(what, || {
                let said = said(desk);
                said.contains(text).then_some(()).ok_or(said)
            });
        }
    };
    for (key, word) in both {
        workshop.says(key, word, monitor);
    }
    all_say("it is attached", "\"type\":\"start\"");
    workshop.says("ada", ada, "bitcoin-cli ping");
    all_say("a pong has come", "\"message\":\"pong\"");
    for (key, word) in both {
        workshop.says(key, word, "sudo pkill -INT -f '^workshop monitor'");
    }
    all_say("it has ended", "\"type\":\"end\"");
    let [ada_says, bob_says] = both.map(said);
    let [ada_says, bob_says] = [ada_says, bob_says].map(|text| {
        let lines = text.lines().map(serde_json::from_str::<Line>);
        lines.map(Result::unwrap).collect::<Vec<_>>()
    });
    // Hosts of one machine have one clock: what both have watched.
    let first = [&ada_says, &bob_says].map(|lines| lines.first().unwrap());
    let last = [&ada_says, &bob_says].map(|lines| lines.last().unwrap());
    for (first, last) in first.into_iter().zip(last) {
        assert!(
            matches!(first.what, What::Start { schema: 1, .. }),
            "{first:?}"
        );
        assert!(matches!(last.what, What::End { lost: 0, .. }), "{last:?}");
    }
    let from = first[0].at.max(first[1].at);
    let to = last[0].at.min(last[1].at);
    let count = |lines: &[Line], way: Direction, kind: &str| {
        let both = lines.iter().filter(|line| from < line.at && line.at < to);
        both.filter(|line| {
            matches!(&line.what, What::Message { direction, message, bytes: 8, .. }
                if *direction == way && message == kind)
        })
        .count()
    };
    for (kind, there, back) in [
        ("ping", Direction::Outbound, Direction::Inbound),
        ("pong", Direction::Inbound, Direction::Outbound),
    ] {
        let (sent, received) = (count(&ada_says, there, kind), count(&bob_says, back, kind));
        assert!(
            sent > 0 && sent == received,
            "{kind}: {ada_says:#?}\n{bob_says:#?}"
        );
    }
}
