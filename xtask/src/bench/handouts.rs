//! Handouts: a large room, as whole processes. Needs no hosts: the state is written as `provision` would leave it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::median;
use crate::Result;
use crate::run::{headline, read, root, shown, target};

/// People of the large room, and of the one that its memory is compared with.
const PEOPLE: usize = 1000;
const FEW: usize = 100;

/// Measures `runs` times what a machine can do in seconds.
pub(super) fn measure(workshop: &Path, runs: usize) -> Result {
    headline("Building workshop-pdf");
    shown(Command::new("cargo").current_dir(root()).arg("build-pdf"))?;
    headline(&format!("Handouts of {PEOPLE} participants"));
    let large = room(workshop, PEOPLE)?;
    let small = room(workshop, FEW)?;
    let text = |folder: &Path| timed(workshop, folder, "html,md");
    let (mut seconds, mut peaks, mut small_peaks) = (vec![], vec![], vec![]);
    for _ in 0..runs {
        let (time, peak) = text(&large)?;
        seconds.push(time);
        peaks.push(peak);
        small_peaks.push(text(&small)?.1);
    }
    println!(
        "HTML and Markdown: {:.2} s (promised: under 2), peak memory {:.0} MB; with {FEW} participants {:.0} MB",
        median(&seconds),
        median(&peaks),
        median(&small_peaks)
    );
    // Each card twice: alone, and as a page of the file with all of them. Once is enough: it takes long.
    let (time, peak) = timed(workshop, &large, "pdf")?;
    let (small_time, small_peak) = timed(workshop, &small, "pdf")?;
    let each = |seconds: f64, people: usize| seconds * 1000.0 / (2 * people) as f64;
    println!(
        "PDF: {:.2} ms a card (promised: under 5), peak memory {peak:.0} MB; with {FEW} participants {:.2} ms, {small_peak:.0} MB",
        each(time, PEOPLE),
        each(small_time, FEW),
    );
    Ok(())
}

/// A workshop of so many people, all of whose hosts are there if one believes its files.
fn room(workshop: &Path, people: usize) -> Result<PathBuf> {
    let folder = target().join(format!("xtask/bench/handouts-{people}"));
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let keys = target().join("xtask/bench/handouts-keys");
    std::fs::create_dir_all(&keys).map_err(failed)?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let mut text = String::from(
        "workshop: {name: Bench, date: 2027-02-20, deadline: 2027-02-21T20:00:00+01:00}\nparticipants:\n",
    );
    for person in 0..people {
        let key = keys.join(person.to_string());
        if !key.exists() {
            shown(
                Command::new("ssh-keygen")
                    .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
                    .arg(&key),
            )?;
        }
        let public = std::fs::read_to_string(key.with_extension("pub")).map_err(failed)?;
        let _ = writeln!(
            text,
            "  - {{name: Person {person}, initials: P, key: {}}}",
            public.trim()
        );
    }
    std::fs::write(folder.join("inventory.yaml"), text).map_err(failed)?;
    let told = read(
        command(workshop, &folder)
            .args(["--format", "md", "--json"])
            .stderr(Stdio::null()),
    )?;
    let told: serde_json::Value = serde_json::from_str(&told).map_err(|error| error.to_string())?;
    let words = told["missing"].as_array().into_iter().flatten();
    let mut journal = line(r#""event":"founded","id":"00000000""#);
    for (at, word) in words
        .filter_map(|missing| missing["word"].as_str())
        .enumerate()
    {
        journal += &line(&format!(
            r#""event":"assigned","host":"{word}","identity":"Person {at}","role":"participant","index":0"#
        ));
        journal += &line(&format!(
            r#""event":"done","host":"{word}","effect":"create","address":"10.231.{}.{}""#,
            at / 250,
            at % 250 + 1
        ));
        journal += &line(&format!(
            r#""event":"done","host":"{word}","effect":"configure""#
        ));
        // One key for all: what a key holds takes no time.
        let host = folder.join(".workshop/hosts").join(word);
        std::fs::create_dir_all(&host).map_err(failed)?;
        std::fs::copy(keys.join("0"), host.join("ssh_host_ed25519_key")).map_err(failed)?;
    }
    std::fs::write(folder.join(".workshop/journal.jsonl"), journal).map_err(failed)?;
    Ok(folder)
}

fn line(event: &str) -> String {
    format!("{{\"v\":1,\"at\":\"2027-02-20T08:00:00Z\",{event}}}\n")
}

fn command(workshop: &Path, folder: &Path) -> Command {
    let mut command = Command::new(workshop);
    command.current_dir(folder).arg("handouts");
    command
}

/// Seconds, and the peak megabytes of the program or of the one that it runs, whichever has more.
fn timed(workshop: &Path, folder: &Path, format: &str) -> Result<(f64, f64)> {
    let start = Instant::now();
    let mut child = command(workshop, folder)
        .args(["--format", format])
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut peak = 0.0f64;
    let ended = loop {
        if let Some(ended) = child.try_wait().map_err(|error| error.to_string())? {
            break ended;
        }
        for process in family(child.id()) {
            peak = peak.max(high_water(process));
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let seconds = start.elapsed().as_secs_f64();
    if ended.success() {
        Ok((seconds, peak))
    } else {
        Err(format!("`workshop handouts` ended with {ended}"))
    }
}

/// A process and its children.
fn family(process: u32) -> Vec<u32> {
    let mut family = vec![process];
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(thread.path().join("children"));
        let children = children.unwrap_or_default();
        family.extend(
            children
                .split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
    }
    family
}

/// The most memory that a process ever had, in megabytes.
fn high_water(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1000.0
}
