//! `workshop register` as it is typed: the page for the wall, the instructor's answers, its end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(60);

struct Room(tempfile::TempDir);

impl Room {
    fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        std::fs::write(
            room.0.path().join("inventory.yaml"),
            "workshop: {name: Tracing}\nparticipants:\n  # who comes\n",
        )
        .unwrap();
        room
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command
            .arg("register")
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.0.path().join("inventory.yaml")).unwrap()
    }

    fn key(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        if !path.exists() {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-N", "", "-t", "ed25519", "-f"]);
            assert!(keygen.arg(&path).status().unwrap().success());
        }
        path
    }

    /// Somebody joins without a terminal, and reads on until the register ends or their host is ready.
    fn join(&self, port: u16, name: &str) -> Child {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null", "-T", "-p", &port.to_string()])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR"])
            .args(["-o", "UserKnownHostsFile=/dev/null", "-i"])
            .arg(self.key(name))
            .args(["-o", "IdentitiesOnly=yes", "join@127.0.0.1"])
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = ssh.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        write!(stdin, "{name}\n\n").unwrap();
        child
    }
}

/// A register that runs.
struct Register {
    child: Child,
    keyboard: ChildStdin,
    lines: Receiver<String>,
    port: u16,
}

impl Register {
    fn start(room: &Room, args: &[&str]) -> Self {
        let mut command = room.command(args);
        command
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
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
            port: 0,
        };
        register.port = if args.contains(&"--json") {
            let line = register.line("listening");
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            let address = event["address"].as_str().unwrap().to_owned();
            address.rsplit_once(':').unwrap().1.parse().unwrap()
        } else {
            let line = register.line("join@");
            let mut words = line.split_whitespace().skip(2);
            words.next().unwrap().parse().unwrap()
        };
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

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn ends(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

#[test]
fn the_instructor_answers_in_the_terminal() {
    let room = Room::new();
    let mut register = Register::start(&room, &[]);
    let ada = room.join(register.port, "Ada");
    let line = register.line("asks to join");
    assert!(
        line.starts_with("#1 Ada (AD) asks to join: SHA256:"),
        "{line}"
    );
    let eve = room.join(register.port, "Eve");
    register.line("#2 Eve");
    register.types("refuse 2");
    register.line("#2 Eve (EV) was refused");
    // What is not understood, or nobody, changes nothing.
    register.types("aprove 1");
    register.types("approve 7");
    register.types("list");
    register.line("#1 Ada (AD) asks to join");
    assert!(!room.text().contains("Ada"));
    register.types("a all");
    register.line("#1 Ada (AD) is in the inventory");
    let text = room.text();
    assert!(
        text.contains("  # who comes\n  - {name: Ada, initials: AD, key: ssh-ed25519 "),
        "{text}"
    );
    assert!(!text.contains("Eve"));
    register.types("l");
    register.line("Nobody waits.");
    register.types("quit");
    assert_eq!(register.ends(), Some(0));
    for (mut child, says) in [
        (ada, "The instructor has closed the register"),
        (eve, "did not let you in"),
    ] {
        let mut text = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn without_a_terminal_it_tells_by_json_and_ends_by_a_signal() {
    let room = Room::new();
    let register = Register::start(&room, &["--json", "--auto", "1"]);
    let mut ada = room.join(register.port, "Ada");
    let events: Vec<serde_json::Value> = ["asked", "approved"]
        .map(|event| serde_json::from_str(&register.line(event)).unwrap())
        .to_vec();
    for (event, name) in events.iter().zip(["asked", "approved"]) {
        assert_eq!(event["schema"], 1);
        assert_eq!(event["command"], "register");
        assert_eq!(event["event"], name);
        assert_eq!(event["name"], "Ada");
        assert_eq!(event["number"], 1);
    }
    assert_eq!(events[1]["auto"], true);
    register.signal(Signal::INT);
    assert_eq!(register.ends(), Some(0));
    ada.wait().unwrap();
}

/// A run that ends by itself: status, standard output, standard error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn the_page_for_the_wall_has_the_key_that_the_server_shows() {
    let room = Room::new();
    let page = |args: &[&str]| {
        let (status, page, error) = run(&mut room.command(args));
        assert_eq!(status, Some(0), "{error}");
        page
    };
    let text = page(&["--poster", "--host", "desk.example"]);
    let fingerprint = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("SHA256:"))
        .unwrap()
        .to_owned();
    assert!(
        text.contains("    ssh -p 2222 join@desk.example\n"),
        "{text}"
    );
    for format in ["markdown", "html"] {
        let page = page(&["--poster", format, "--host", "desk.example"]);
        assert!(page.contains(&fingerprint) && page.contains("ssh -p 2222 join@desk.example"));
    }
    let json: serde_json::Value = serde_json::from_str(&page(&["--poster", "--json"])).unwrap();
    assert_eq!(json["fingerprint"], format!("SHA256:{fingerprint}"));

    // OpenSSH's own tools find the same on the wire.
    let register = Register::start(&room, &[]);
    let scan = Command::new("ssh-keyscan")
        .args([
            "-t",
            "ed25519",
            "-p",
            &register.port.to_string(),
            "127.0.0.1",
        ])
        .output()
        .unwrap();
    let mut keygen = Command::new("ssh-keygen")
        .args(["-lf", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    keygen
        .stdin
        .take()
        .unwrap()
        .write_all(&scan.stdout)
        .unwrap();
    let shown = String::from_utf8(keygen.wait_with_output().unwrap().stdout).unwrap();
    assert!(shown.contains(&fingerprint), "{shown}");
    register.signal(Signal::TERM);
    assert_eq!(register.ends(), Some(0));
}

#[test]
fn what_keeps_it_from_beginning_is_said() {
    let room = Room::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, _, error) = run(&mut room.command(&["--listen", &address]));
    assert_eq!(status, Some(2));
    assert!(
        error.contains(&format!("cannot listen on {address}")),
        "{error}"
    );
    assert!(error.contains("takes another port"), "{error}");

    let register = Register::start(&room, &[]);
    let (status, _, error) = run(&mut room.command(&["--listen", "127.0.0.1:0"]));
    assert_eq!(status, Some(2));
    assert!(error.contains("`workshop register` (process"), "{error}");
    register.signal(Signal::HUP);
    assert_eq!(register.ends(), Some(0));

    let (status, _, error) = run(&mut room.command(&["--inventory", "none.yaml"]));
    assert_eq!(status, Some(2));
    assert!(error.contains("none.yaml"), "{error}");
}
