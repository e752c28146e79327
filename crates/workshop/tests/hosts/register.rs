//! People join at the register and work on their own hosts a moment later: on a spare, and on one that is made.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::workshop::{Inventory, Ran, Workshop, run};

/// A host is made in ten seconds; a busy machine needs more.
const PATIENCE: Duration = Duration::from_secs(300);

struct Register {
    child: Child,
    keyboard: ChildStdin,
    lines: Receiver<String>,
    port: String,
}

impl Register {
    fn start(workshop: &Workshop, args: &[&str]) -> Self {
        let mut command = workshop.command(&["register", "--listen", "127.0.0.1:0"]);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let mut register = Self {
            keyboard: child.stdin.take().unwrap(),
            child,
            lines,
            port: String::new(),
        };
        let line = register.line("join@");
        register.port = line.split_whitespace().nth(2).unwrap().to_owned();
        register
    }

    /// The next line with `text` in it.
    #[track_caller]
    fn line(&self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("no line with {text:?}: {error}"),
            }
        }
    }

    fn types(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
        self.keyboard.flush().unwrap();
    }

    fn quits(mut self) {
        self.types("quit");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    /// Joins as somebody, and reads on until there is nothing more to say.
    fn join(&self, workshop: &Workshop, name: &str, key: &str) -> Child {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null", "-T", "-p", &self.port])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-i"])
            .arg(workshop.key(key))
            .args(["-o", "IdentitiesOnly=yes", "join@127.0.0.1"])
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = ssh.spawn().unwrap();
        write!(child.stdin.take().unwrap(), "{name}\n\n").unwrap();
        child
    }
}

/// What somebody was told at last.
struct Told {
    word: String,
    command: String,
    known_host: String,
}

fn told(mut child: Child) -> Told {
    let mut text = String::new();
    let mut output = child.stdout.take().unwrap();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text}");
    let behind = |label: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(label));
        line.unwrap_or_else(|| panic!("no {label} in {text}"))
            .trim()
            .to_owned()
    };
    let known = behind("echo '");
    Told {
        word: behind("word "),
        command: behind("log in "),
        known_host: known.split('\'').next().unwrap().to_owned(),
    }
}

impl Told {
    /// Does as they were told: nothing but the command, the key, and the line for known_hosts.
    fn logs_in(&self, workshop: &Workshop, key: &str, command: &str) -> Ran {
        let known = workshop.path().join(format!("{key}.known_hosts"));
        std::fs::write(&known, format!("{}\n", self.known_host)).unwrap();
        let mut words = self.command.split_whitespace();
        let mut ssh = Command::new(words.next().unwrap());
        ssh.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o"])
            .arg(format!("UserKnownHostsFile={}", known.display()))
            .args([
                "-o",
                "StrictHostKeyChecking=yes",
                "-o",
                "IdentitiesOnly=yes",
                "-i",
            ])
            .arg(workshop.key(key))
            .args(words)
            .arg(command)
            .env_remove("SSH_AUTH_SOCK");
        run(&mut ssh)
    }
}

#[test]
fn who_joins_works_on_their_own_host_a_moment_later() {
    let workshop = Workshop::new(&Inventory::new(&[]));
    let text = "workshop: {name: End to end}\n\
         bitcoin: {source: crate, chain: regtest}\n\
         hosts: {provider: local, spare: 1, limits: {memory: 1024MiB, cpus: 2, pids: 1000}}\n\
         participants: []\n";
    std::fs::write(workshop.path().join("inventory.yaml"), text).unwrap();
    let spare = workshop.provision().remove(0);

    // A spare is ready: whoever walks in has it at once.
    let mut register = Register::start(&workshop, &[]);
    let ada = register.join(&workshop, "Ada Lovelace", "ada");
    register.line("#1 Ada Lovelace (AL) asks to join");
    register.types("approve 1");
    register.line("Ada Lovelace can log in: ");
    let ada = told(ada);
    assert_eq!(ada.word, spare.word);
    let who = ada.logs_in(
        &workshop,
        "ada",
        "whoami; hostname; cat ~/.ssh/authorized_keys",
    );
    let who = who.exits(0);
    let key = std::fs::read_to_string(workshop.path().join("ada.pub")).unwrap();
    let line: Vec<&str> = key.split_whitespace().take(2).collect();
    assert_eq!(
        who,
        format!("workshop\n{}\n{}\n", spare.word, line.join(" "))
    );

    // Coming back tells the same, and another key opens nothing.
    let again = told(register.join(&workshop, "", "ada"));
    assert_eq!(
        (again.word, again.command),
        (ada.word.clone(), ada.command.clone())
    );
    workshop.key("eve");
    assert_eq!(ada.logs_in(&workshop, "eve", "true").status, Some(255));
    register.quits();

    // No spare is left: with --provision a host is made, and nobody else's is touched.
    let boot = workshop.boot_id(&ada.word);
    let register = Register::start(&workshop, &["--provision", "--auto", "1"]);
    let grace = register.join(&workshop, "Grace Hopper", "grace");
    register.line("Grace Hopper can log in: ");
    let grace = told(grace);
    assert_ne!(grace.word, ada.word);
    let who = grace.logs_in(
        &workshop,
        "grace",
        "hostname; bitcoin-cli getblockchaininfo",
    );
    let who = who.exits(0);
    assert!(who.starts_with(&format!("{}\n", grace.word)), "{who}");
    register.quits();
    assert_eq!(workshop.boot_id(&ada.word), boot);

    // To everything else they are people of the inventory.
    let seats = workshop.run(&["status", "--json"]);
    let seats: serde_json::Value = serde_json::from_str(&seats.stdout).unwrap();
    let of = |name: &str| {
        let seats = seats["hosts"].as_array().unwrap();
        let seat = seats.iter().find(|seat| seat["identity"] == name).unwrap();
        (
            seat["word"].as_str().unwrap().to_owned(),
            seat["condition"].clone(),
        )
    };
    assert_eq!(of("Ada Lovelace"), (ada.word, "verified".into()));
    assert_eq!(of("Grace Hopper"), (grace.word, "verified".into()));
}
