//! What `workshop register` promises: 200 people who join within a minute, by OpenSSH's own client, each with a terminal
//! and a key of their own. None is lost, none is mixed up, and the server stays small.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::Result;
use crate::run::{headline, read, target};

const PEOPLE: usize = 200;

/// The promise.
const MINUTE: Duration = Duration::from_secs(60);

/// How long a run may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(180);

pub(super) fn measure(workshop: &Path) -> Result {
    headline(&format!(
        "{PEOPLE} people join by ssh (promised: within a minute, none lost, none mixed up, under 100 MB)"
    ));
    let keys = keys()?;
    // A class that was just told to, and everybody in the same moment.
    run(workshop, &keys, MINUTE * 3 / 4, "over 45 s")?;
    run(workshop, &keys, Duration::ZERO, "all at once")
}

/// A key pair for each, made once: its path, and its fingerprint.
fn keys() -> Result<Vec<(PathBuf, String)>> {
    let folder = target().join("xtask/bench/register-keys");
    make(&folder)?;
    (0..PEOPLE)
        .map(|n| {
            let key = folder.join(format!("person{n}"));
            if !key.with_extension("pub").exists() {
                let mut keygen = Command::new("ssh-keygen");
                keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
                read(keygen.arg(&key))?;
            }
            let mut keygen = Command::new("ssh-keygen");
            let line = read(keygen.arg("-lf").arg(key.with_extension("pub")))?;
            let fingerprint = line.split_whitespace().nth(1).unwrap_or_default();
            Ok((key, fingerprint.to_owned()))
        })
        .collect()
}

fn name(n: usize) -> String {
    format!("Person {n}")
}

fn run(workshop: &Path, keys: &[(PathBuf, String)], over: Duration, how: &str) -> Result {
    let folder = target().join("xtask/bench/register");
    let _ = std::fs::remove_dir_all(&folder);
    make(&folder)?;
    let inventory = folder.join("inventory.yaml");
    let text = "workshop: {name: Bench}\nparticipants: []\n";
    std::fs::write(&inventory, text)
        .map_err(|error| format!("{}: {error}", inventory.display()))?;
    let mut register = Register::start(workshop, &inventory)?;

    let start = Instant::now();
    let mut people = Vec::new();
    for (n, (key, _)) in keys.iter().enumerate() {
        let due = over * n as u32 / PEOPLE as u32;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        people.push(Person::join(&register.port, key, &name(n))?);
    }
    let mut slowest = Duration::ZERO;
    for (n, person) in people.iter().enumerate() {
        slowest =
            slowest.max(person.is_in(start + PATIENCE).map_err(|seen| {
                format!("{} was lost; the last that they read: {seen:?}", name(n))
            })?);
    }
    let all = start.elapsed();
    let peak = register.peak()?;
    // All are still connected: they are told that it ends.
    register.quit()?;
    for person in people {
        person.leave();
    }
    compare(workshop, &inventory, keys)?;
    println!(
        "{how}: {PEOPLE} of {PEOPLE} in the inventory with their own keys after {:.1} s; the slowest waited {:.1} s; \
         the server's peak memory {peak:.0} MB",
        all.as_secs_f64(),
        slowest.as_secs_f64(),
    );
    if all > MINUTE || peak > 100.0 {
        return Err("the promise was not kept".into());
    }
    Ok(())
}

/// Whether everybody is in the inventory once, with the key that they joined with.
fn compare(workshop: &Path, inventory: &Path, keys: &[(PathBuf, String)]) -> Result {
    let mut wanted: BTreeMap<String, &str> = keys
        .iter()
        .enumerate()
        .map(|(n, (_, fingerprint))| (name(n), fingerprint.as_str()))
        .collect();
    let text = std::fs::read_to_string(inventory).map_err(|error| error.to_string())?;
    for line in text.lines().filter(|line| line.contains("ssh-ed25519")) {
        // As `workshop add` writes it: {name: Person 7, initials: P, key: ssh-ed25519 AAAA…}.
        let field = |field: &str| {
            let rest = line.split_once(&format!("{field}: "))?.1;
            Some(rest.split([',', '}']).next()?.trim_matches('"').to_owned())
        };
        let (Some(name), Some(key)) = (field("name"), field("key")) else {
            return Err(format!("not an entry: {line}"));
        };
        let mut judge = Command::new(workshop);
        judge.args(["add", "--dry-run", "--json", "-"]);
        let report = answer(&mut judge, &key)?;
        let report: serde_json::Value =
            serde_json::from_str(&report).map_err(|error| error.to_string())?;
        let fingerprint = report["files"][0]["fingerprint"].as_str().unwrap_or("none");
        match wanted.remove(&name) {
            Some(theirs) if theirs == fingerprint => {}
            Some(theirs) => {
                return Err(format!("{name} has {fingerprint} and joined with {theirs}"));
            }
            None => return Err(format!("{name} is there twice, or never joined")),
        }
    }
    match wanted.len() {
        0 => Ok(()),
        lost => Err(format!("{lost} are not in the inventory")),
    }
}

/// What a program answers to a text on its standard input.
fn answer(command: &mut Command, text: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(text.as_bytes())
            .map_err(|error| error.to_string())?;
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

fn make(folder: &Path) -> Result {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// The server; killed should the measuring fail.
struct Register {
    child: Child,
    keyboard: Option<ChildStdin>,
    port: String,
}

impl Register {
    fn start(workshop: &Path, inventory: &Path) -> Result<Self> {
        let mut command = Command::new(workshop);
        command
            .args(["register", "--json", "--listen", "127.0.0.1:0", "--auto"])
            .arg(PEOPLE.to_string())
            .arg("--inventory")
            .arg(inventory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let keyboard = child.stdin.take();
        let output = child.stdout.take().ok_or("no standard output")?;
        let mut register = Self {
            child,
            keyboard,
            port: String::new(),
        };
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        let event: serde_json::Value =
            serde_json::from_str(&line).map_err(|error| format!("{line:?}: {error}"))?;
        let address = event["address"].as_str().unwrap_or_default();
        register.port = address.rsplit(':').next().unwrap_or_default().to_owned();
        // Somebody has to read on, or the server would wait.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(register)
    }

    /// Its largest size so far, in megabytes.
    fn peak(&self) -> Result<f64> {
        let status = format!("/proc/{}/status", self.child.id());
        let text =
            std::fs::read_to_string(&status).map_err(|error| format!("{status}: {error}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kilobytes
            .map(|kilobytes| kilobytes / 1000.0)
            .ok_or_else(|| format!("{status} has no VmHWM"))
    }

    fn quit(&mut self) -> Result {
        if let Some(mut keyboard) = self.keyboard.take() {
            keyboard
                .write_all(b"quit\n")
                .map_err(|error| error.to_string())?;
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("workshop register ended with {status}"))
        }
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody at their own machine.
struct Person {
    child: Child,
    start: Instant,
    /// When they read that they are in, or all that they read.
    read: Receiver<std::result::Result<Instant, String>>,
    _keyboard: Option<ChildStdin>,
}

impl Person {
    fn join(port: &str, key: &Path, name: &str) -> Result<Self> {
        let start = Instant::now();
        let mut ssh = Command::new("ssh");
        ssh.args(["-tt", "-F", "/dev/null", "-p", port, "-i"])
            .arg(key)
            .args(["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args(["-o", "LogLevel=ERROR", "join@127.0.0.1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = ssh.spawn().map_err(|error| format!("ssh: {error}"))?;
        let mut keyboard = child.stdin.take();
        if let Some(keyboard) = &mut keyboard {
            let typed = format!("{name}\r\r");
            keyboard
                .write_all(typed.as_bytes())
                .map_err(|error| error.to_string())?;
        }
        let mut screen = child.stdout.take().ok_or("no standard output")?;
        let (sender, read) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                let before = text.contains("you are in");
                text.push_str(&String::from_utf8_lossy(
                    buffer.get(..count).unwrap_or_default(),
                ));
                if !before && text.contains("you are in") {
                    let _ = sender.send(Ok(Instant::now()));
                }
            }
            let _ = sender.send(Err(text));
        });
        Ok(Self {
            child,
            start,
            read,
            _keyboard: keyboard,
        })
    }

    /// How long it took until they read that they are in; what they read instead.
    fn is_in(&self, until: Instant) -> std::result::Result<Duration, String> {
        let patience = until.saturating_duration_since(Instant::now());
        match self.read.recv_timeout(patience) {
            Ok(Ok(at)) => Ok(at - self.start),
            Ok(Err(text)) => Err(text),
            Err(_) => Err("nothing for three minutes".into()),
        }
    }

    fn leave(mut self) {
        let _ = self.child.wait();
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
