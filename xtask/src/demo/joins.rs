//! Somebody walks in, joins with a plain ssh client and works a moment later on the spare that is ready.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::Result;
use crate::room::Room;
use crate::run::{as_root, headline, read, shown};

/// Her key's file name.
pub(super) const KEY: &str = "joan";

const NAME: &str = "Joan Clarke";

pub(super) fn joins(room: &Room, keys: &Path) -> Result {
    headline(&format!(
        "{NAME} walks in: she joins at `workshop register` with her key, and works on the spare"
    ));
    let register = Register::start(room)?;
    let known = keys.join("register.known_hosts");
    pin(room, &register.port, &known)?;

    let key = keys.join(KEY);
    let mut ssh = ssh(&key, &known);
    ssh.args(["-T", "-p", &register.port, "join@127.0.0.1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    println!("\n$ ssh -p {} join@127.0.0.1", register.port);
    let mut child = ssh.spawn().map_err(|error| format!("ssh: {error}"))?;
    if let Some(mut keyboard) = child.stdin.take() {
        // Her name, and the initials that are proposed. Who is in already is not asked.
        let _ = writeln!(keyboard, "{NAME}\n");
    }
    let mut told = String::new();
    if let Some(mut output) = child.stdout.take() {
        (output.read_to_string(&mut told)).map_err(|error| format!("ssh: {error}"))?;
    }
    let ended = child.wait().map_err(|error| format!("ssh: {error}"))?;
    print!("{told}");
    if !ended.success() {
        return Err(format!("joining ended with {ended}"));
    }
    register.quit()?;

    // She does as she was told: the line for known_hosts, then the command.
    let line = |label: &str| {
        let mut lines = told
            .lines()
            .filter_map(|line| line.trim().strip_prefix(label));
        lines
            .next()
            .map(str::trim)
            .ok_or_else(|| format!("she was told no `{label}`"))
    };
    let host = line("echo '")?.split('\'').next().unwrap_or_default();
    let known = keys.join(KEY).with_extension("known_hosts");
    std::fs::write(&known, format!("{host}\n"))
        .map_err(|error| format!("{}: {error}", known.display()))?;
    let login = line("log in")?;
    println!("\n$ {login} 'hostname; workshop tasks'");
    let mut words = login.split_whitespace().skip(1);
    shown(
        self::ssh(&key, &known)
            .args(words.by_ref())
            .arg("hostname; workshop tasks"),
    )
}

/// OpenSSH with that key and those host keys, and nothing of whoever runs the demo.
fn ssh(key: &Path, known: &Path) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "/dev/null", "-o", "IdentitiesOnly=yes", "-o"])
        .arg(format!("UserKnownHostsFile={}", known.display()))
        .args(["-o", "StrictHostKeyChecking=yes", "-i"])
        .arg(key)
        .env_remove("SSH_AUTH_SOCK");
    ssh
}

/// What somebody does who reads the fingerprint on the wall before they say yes.
fn pin(room: &Room, port: &str, known: &Path) -> Result {
    let listen = format!("127.0.0.1:{port}");
    let mut wall = room.command("register");
    wall.args(["--poster", "text", "--host", "127.0.0.1", "--listen"])
        .arg(listen);
    let poster = read(&mut wall)?;
    print!("{poster}");
    let scanned =
        read(Command::new("ssh-keyscan").args(["-t", "ed25519", "-p", port, "127.0.0.1"]))?;
    std::fs::write(known, scanned).map_err(|error| format!("{}: {error}", known.display()))?;
    let seen = read(Command::new("ssh-keygen").arg("-lf").arg(known))?;
    let fingerprint = seen.split_whitespace().nth(1).unwrap_or("none");
    if poster.contains(fingerprint) {
        Ok(())
    } else {
        Err(format!(
            "the register shows {fingerprint}, and the poster says otherwise"
        ))
    }
}

/// The server; killed should joining fail.
struct Register {
    child: Child,
    keyboard: Option<ChildStdin>,
    port: String,
}

impl Register {
    fn start(room: &Room) -> Result<Self> {
        let failed = |error| format!("workshop register: {error}");
        let mut command = room.command("register");
        command
            // It counts over all runs, and she may have to join again: after the example inventory changed.
            .args(["--listen", "127.0.0.1:0", "--auto", "1000", "--provision"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let keyboard = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut register = Self {
            child,
            keyboard,
            port: String::new(),
        };
        // The line that people are shown: ssh -p PORT join@…
        let mut line = String::new();
        while !line.contains("join@") {
            line.clear();
            if output.read_line(&mut line).map_err(failed)? == 0 {
                return Err("workshop register ended".to_owned());
            }
        }
        let mut words = line.split_whitespace().skip_while(|word| *word != "-p");
        register.port = words.nth(1).ok_or("the register names no port")?.to_owned();
        // Somebody has to read on.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(register)
    }

    /// Ends when the hosts that are being made are ready.
    fn quit(mut self) -> Result {
        drop(
            self.keyboard
                .take()
                .map(|mut keyboard| writeln!(keyboard, "quit")),
        );
        let ended = self.child.wait().map_err(|error| error.to_string())?;
        if ended.success() {
            Ok(())
        } else {
            Err(format!("workshop register ended with {ended}"))
        }
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let pid = self.child.id().to_string();
            let _ = as_root("kill").arg(pid).status();
            let _ = self.child.wait();
        }
    }
}
