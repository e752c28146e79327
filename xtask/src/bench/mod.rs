//! `cargo xtask bench`: measures what the project promises. Whole processes, several runs, ratios in one run.

mod board;
mod checks;
mod closure;
mod grade;
mod handouts;
mod many;
mod probe;
mod register;
mod startup;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Result;
use crate::machine;
use crate::room::Room;
use crate::run::{build_workshop, headline, shown, target};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only what the probe engine promises: needs no hosts.
    #[arg(long)]
    probe: bool,

    /// Only the start-up, with this program that has tracepoints: needs no hosts.
    #[arg(long, value_name = "BINARY", conflicts_with = "probe")]
    startup: Option<PathBuf>,

    /// Only how long checks take, on a host of their own.
    #[arg(long, conflicts_with_all = ["probe", "startup"])]
    checks: bool,

    /// Only how long a grade takes, on hosts of their own.
    #[arg(long, conflicts_with_all = ["probe", "startup"])]
    grade: bool,

    /// Only the board, on hosts of its own.
    #[arg(long, conflicts_with_all = ["probe", "startup", "checks", "grade"])]
    board: bool,

    /// Only the handouts of a large room: needs no hosts, and builds workshop-pdf.
    #[arg(long, conflicts_with_all = ["probe", "startup"])]
    handouts: bool,

    /// Only 200 people who join: needs no hosts.
    #[arg(long, conflicts_with_all = ["probe", "startup", "checks", "handouts", "board"])]
    register: bool,

    /// Only what this machine sends until all hosts have the closure.
    #[arg(long, conflicts_with_all = ["probe", "startup", "checks", "grade", "handouts", "register"])]
    closure: bool,

    /// Only a `provision` with nothing to do on up to 1,000 stand-ins for hosts behind a long link.
    #[arg(long, conflicts_with_all = ["probe", "startup", "checks", "grade", "board", "handouts", "register", "closure"])]
    many: bool,

    /// Hosts to provision.
    #[arg(long, default_value_t = 8)]
    hosts: usize,

    /// Runs of what is measured several times.
    #[arg(long, default_value_t = 7)]
    runs: usize,
}

pub(crate) fn run(args: &Args) -> Result {
    machine::prepare()?;
    let workshop = build_workshop()?;
    if let Some(binary) = &args.startup {
        return startup::measure(&workshop, binary);
    }
    if args.checks {
        // Task 2 needs a peer.
        let inventory = inventory(2)?;
        return checks::measure(
            &Room {
                workshop,
                inventory,
            },
            args.runs,
        );
    }
    if args.closure {
        let inventory = inventory(args.hosts)?;
        return closure::measure(
            &Room {
                workshop,
                inventory,
            },
            args.hosts,
        );
    }
    if args.many {
        return many::measure(&workshop);
    }
    if args.register {
        return register::measure(&workshop);
    }
    if args.handouts {
        return handouts::measure(&workshop, args.runs);
    }
    if !args.grade && !args.board {
        probe::measure(&workshop, args.runs)?;
    }
    if args.probe {
        return Ok(());
    }
    let room = Room {
        workshop,
        inventory: inventory(args.hosts)?,
    };
    // Base image and closure are made once; what is measured is a workshop on a machine that has them.
    shown(room.command("destroy").args(["--yes", "--no-collect"]))?;
    shown(&mut room.command("provision"))?;
    shown(room.command("destroy").args(["--yes", "--no-collect"]))?;
    let measured = if args.grade {
        shown(&mut room.command("provision")).and_then(|()| grade::measure(&room, args.runs))
    } else if args.board {
        shown(&mut room.command("provision")).and_then(|()| board::measure(&room, args.runs))
    } else {
        measure(args, &room)
            .and_then(|()| grade::measure(&room, args.runs))
            .and_then(|()| board::measure(&room, args.runs))
            .and_then(|()| handouts::measure(&room.workshop, args.runs))
            .and_then(|()| register::measure(&room.workshop))
            .and_then(|()| many::measure(&room.workshop))
    };
    headline("Destroy");
    // Also when measuring failed: nothing may be left.
    let (seconds, _) = timed(
        room.command("destroy")
            .args(["--yes", "--no-collect"])
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    println!("destroy: {seconds:.2} s");
    measured
}

fn measure(args: &Args, room: &Room) -> Result {
    headline(&format!(
        "{} local hosts from nothing to verified",
        args.hosts
    ));
    let (seconds, peak) = timed(
        room.command("provision")
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )?;
    println!(
        "provision, from nothing: {seconds:.2} s, controller's peak memory {peak:.0} MB (promised: under 40 s and 100 MB on 2 cores)"
    );

    headline("Nothing to do, against OpenSSH running one check script on the hosts side by side");
    let script = check_script();
    let (mut ours, mut theirs, mut peaks) = (vec![], vec![], vec![]);
    for _ in 0..args.runs {
        let (seconds, peak) = timed(
            room.command("provision")
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        ours.push(seconds);
        peaks.push(peak);
        theirs.push(openssh(room, &script)?);
    }
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
    println!(
        "workshop {:.3} s, OpenSSH {:.3} s, ratio {:.2} (promised: at most 1.3); peak memory {:.0} MB",
        median(&ours),
        median(&theirs),
        median(&ratios),
        median(&peaks)
    );

    match a_bitcoind(room)? {
        Some(bitcoind) => startup::measure(&room.workshop, &bitcoind),
        None => Ok(()),
    }
}

/// A workshop of spares: a host is the same work whoever it is for.
fn inventory(hosts: usize) -> Result<PathBuf> {
    let folder = target().join("xtask/bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let path = folder.join("inventory.yaml");
    let text = format!(
        "workshop: {{name: Bench}}\nhosts: {{provider: local, spare: {hosts}, parallel: {hosts}}}\nparticipants: []\n"
    );
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// Seconds and peak megabytes of one run, the latter by GNU-free means: the kernel's own account.
fn timed(command: &mut Command) -> Result<(f64, f64)> {
    let start = Instant::now();
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0f64;
    let ended = loop {
        if let Some(ended) = child.try_wait().map_err(|error| error.to_string())? {
            break ended;
        }
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes =
                line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            peak = peak.max(kilobytes.unwrap_or(0.0) / 1000.0);
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
    };
    let seconds = start.elapsed().as_secs_f64();
    if ended.success() {
        Ok((seconds, peak))
    } else {
        Err(format!("a measured command ended with {ended}"))
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// What a careful person's own script would look at, written by hand: the floor that we compare with.
fn check_script() -> String {
    let mut script = String::from("bad=0\nt() { \"$@\" >/dev/null 2>&1 || bad=1; }\n");
    for check in [
        "grep -q ^workshop: /etc/passwd",
        "test -s /etc/sudoers.d/workshop",
        "sh -c 'stat -c %a%U /etc/sudoers.d/workshop /home/workshop/.ssh /home/workshop/.ssh/authorized_keys'",
        "sh -c 'sha256sum /etc/nix/nix.conf /etc/bitcoin/bitcoin.conf /etc/bitcoin/peers.conf /etc/motd /etc/workshop/host.json /etc/systemd/system/bitcoind.service /etc/ssh/sshd_config.d/10-workshop.conf'",
        "readlink -f /nix/var/nix/profiles/workshop",
        "test -d /home/workshop/bitcoin/build",
        "systemctl -q is-active bitcoind",
        "systemctl -q is-enabled bitcoind",
        "bitcoin-cli -datadir=/etc/bitcoin getblockchaininfo",
    ] {
        let _ = writeln!(script, "t {check}");
    }
    script.push_str("exit $bad\n");
    script
}

/// One OpenSSH client a host, all at once, as root with the instructor's key.
fn openssh(room: &Room, script: &str) -> Result<f64> {
    let folder = room
        .inventory
        .parent()
        .unwrap_or(Path::new("."))
        .join(".workshop");
    let known =
        std::fs::read_to_string(folder.join("known_hosts")).map_err(|error| error.to_string())?;
    let words: Vec<&str> = known
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|word| *word != "builder")
        .collect();
    let start = Instant::now();
    let mut children = Vec::new();
    for word in words {
        let mut command = Command::new("ssh");
        command
            .arg("-F")
            .arg(folder.join("ssh_config"))
            .arg("-i")
            .arg(folder.join("id_ed25519"));
        command.args(["-o", "BatchMode=yes", "-l", "root", word, "sh -s"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            std::io::Write::write_all(&mut stdin, script.as_bytes())
                .map_err(|error| error.to_string())?;
        }
        children.push(child);
    }
    for mut child in children {
        let status = child.wait().map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("the check script ended with {status} on a host"));
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// A bitcoind to read, fetched from one of the hosts.
fn a_bitcoind(room: &Room) -> Result<Option<PathBuf>> {
    let folder = room.inventory.parent().unwrap_or(Path::new("."));
    let known = std::fs::read_to_string(folder.join(".workshop/known_hosts"))
        .map_err(|error| error.to_string())?;
    let Some(word) = known
        .lines()
        .filter_map(|line| line.split(' ').next())
        .find(|word| *word != "builder")
    else {
        return Ok(None);
    };
    let path = folder.join("bitcoind");
    let file = std::fs::File::create(&path).map_err(|error| error.to_string())?;
    shown(
        room.command("ssh")
            .args([word, "cat /nix/var/nix/profiles/workshop/bin/bitcoind"])
            .stdout(file),
    )?;
    Ok(Some(path))
}
