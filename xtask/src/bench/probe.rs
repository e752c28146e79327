//! What the probe engine promises: exact, cheap, and quick to start.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::median;
use crate::Result;
use crate::run::{as_root, headline, read, shown, target};

/// Events of one run that is timed: a second or less.
const EVENTS: u64 = 1_000_000;
/// Events of each of two threads in the run that has to be exact.
const MANY: u64 = 5_000_000;

/// Where `tight` writes what an event took.
const FIGURE: &str = "nanoseconds";

/// A program that fires, and one that hooks nothing into it.
struct Programs {
    folder: PathBuf,
    tight: PathBuf,
    empty: PathBuf,
    offset: u64,
    semaphore: u64,
}

/// A tracer of `tight`, as the command that runs it.
struct Tracer {
    name: String,
    command: Box<dyn Fn(&Programs) -> Command>,
}

pub(super) fn measure(workshop: &Path, runs: usize) -> Result {
    let programs = Programs::build(workshop)?;
    exact(workshop, &programs)?;
    let there = Command::new("bpftrace")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if there.is_err() {
        println!(
            "skipped: comparing with bpftrace, which is not installed (apt-get install bpftrace)"
        );
        return Ok(());
    }
    overhead(workshop, &programs, runs)?;
    start(workshop, &programs, runs * 3)
}

impl Programs {
    fn build(workshop: &Path) -> Result<Self> {
        headline("Compiling what is traced");
        let folder = target().join("xtask/bench");
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let tight = folder.join("tight");
        let empty = folder.join("empty");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bench");
        for program in [&tight, &empty] {
            let source = sources.join(program.file_name().unwrap_or_default());
            shown(
                Command::new("cc")
                    .args(["-O2", "-Wall", "-o"])
                    .arg(program)
                    .arg(source.with_extension("c"))
                    .arg("-lpthread"),
            )?;
        }
        let listed = read(
            Command::new(workshop)
                .args(["tracepoints", "--json"])
                .arg(&tight),
        )?;
        let listed: serde_json::Value =
            serde_json::from_str(&listed).map_err(|error| error.to_string())?;
        let site = &listed["tracepoints"][0]["call_sites"][0];
        let (Some(offset), Some(semaphore)) =
            (site["offset"].as_u64(), site["semaphore_offset"].as_u64())
        else {
            return Err(format!("{} has no tracepoint", tight.display()));
        };
        Ok(Self {
            folder,
            tight,
            empty,
            offset,
            semaphore,
        })
    }

    /// `tight` with its arguments.
    fn words(&self, events: u64, threads: u64) -> Vec<String> {
        self.words_in(&self.folder, events, threads)
    }

    /// The same where the folder is seen under another name.
    fn words_in(&self, folder: &Path, events: u64, threads: u64) -> Vec<String> {
        vec![
            folder.join("tight").display().to_string(),
            events.to_string(),
            threads.to_string(),
            folder.join(FIGURE).display().to_string(),
        ]
    }

    /// Nanoseconds an event took in the run that has just ended.
    fn figure(&self) -> Result<f64> {
        let path = self.folder.join(FIGURE);
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        // Of the next run only its own figure counts.
        std::fs::remove_file(&path).map_err(|error| error.to_string())?;
        text.trim()
            .parse()
            .map_err(|_| format!("{}: not a number", path.display()))
    }
}

/// 10,000,000 events on two threads: what is counted, added up and sorted into buckets is all there.
fn exact(workshop: &Path, programs: &Programs) -> Result {
    headline("10,000,000 events on two threads");
    let text = read(
        as_root(workshop)
            .args(["trace", "--json"])
            .arg(&programs.tight)
            .args([
                "bench:event",
                "--count",
                "--sum",
                "arg1",
                "--hist",
                "arg1",
                "--",
            ])
            .args(programs.words(MANY, 2)),
    )?;
    let counted: serde_json::Value = text
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok())
        .ok_or("workshop trace printed no result")?;
    let tracepoint = &counted["tracepoints"][0];
    let events = tracepoint["events"].as_u64();
    let sum = tracepoint["measures"][0]["sum"].to_string();
    let buckets = tracepoint["measures"][0]["histogram"]["buckets"]
        .as_array()
        .into_iter()
        .flatten();
    let total: u64 = buckets.filter_map(|bucket| bucket["count"].as_u64()).sum();
    let expected: i128 = 2
        * (0..MANY)
            .map(|i| i128::from(i % 1_000_003) - 500_001)
            .sum::<i128>();
    println!(
        "counted {events:?} of {}, sum {sum} (computed: {expected}), in the histogram {total}; lost: {}",
        2 * MANY,
        tracepoint["lost"]
    );
    if events == Some(2 * MANY)
        && sum.trim_matches('"') == expected.to_string()
        && total == 2 * MANY
    {
        Ok(())
    } else {
        Err("not exact".to_owned())
    }
}

fn overhead(workshop: &Path, programs: &Programs, runs: usize) -> Result {
    headline("Nanoseconds an event, one thread: count, sum and histogram of an argument");
    let mut tracers = vec![
        Tracer {
            name: "nobody traces".to_owned(),
            command: Box::new(tight),
        },
        empty("multi", "an empty program, uprobe_multi link"),
        empty("perf", "an empty program, perf event"),
        ours(workshop),
        bpftrace("bpftrace", Vec::new(), None)?,
    ];
    tracers.extend(newer_bpftrace()?);
    let mut figures = vec![Vec::new(); tracers.len()];
    // One of each in turn: whatever else the machine does, it does to all.
    for _ in 0..runs {
        for (tracer, figures) in tracers.iter().zip(&mut figures) {
            shown(
                (tracer.command)(programs)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null()),
            )?;
            figures.push(programs.figure()?);
        }
    }
    let ours = 3;
    for (at, tracer) in tracers.iter().enumerate() {
        let ratios: Vec<f64> = figures[ours]
            .iter()
            .zip(&figures[at])
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        let least = figures[at].iter().copied().fold(f64::INFINITY, f64::min);
        let promised = match at {
            1 => " (promised: at most 1.15)",
            4.. => " (promised: at most 0.80)",
            _ => "",
        };
        println!(
            "{:<40} {:>8.1} median {:>8.1} least; ours / this {:.2}{promised}",
            tracer.name,
            median(&figures[at]),
            least,
            median(&ratios)
        );
    }
    Ok(())
}

fn tight(programs: &Programs) -> Command {
    let mut command = Command::new(&programs.tight);
    command.args(&programs.words(EVENTS, 1)[1..]);
    command
}

fn empty(link: &'static str, name: &str) -> Tracer {
    Tracer {
        name: name.to_owned(),
        command: Box::new(move |programs| {
            let mut command = as_root(&programs.empty);
            command
                .arg(&programs.tight)
                .arg(programs.offset.to_string())
                .arg(programs.semaphore.to_string())
                .arg(link)
                .args(programs.words(EVENTS, 1));
            command
        }),
    }
}

fn ours(workshop: &Path) -> Tracer {
    let workshop = workshop.to_owned();
    Tracer {
        name: "workshop trace".to_owned(),
        command: Box::new(move |programs| {
            let mut command = as_root(&workshop);
            command
                .arg("trace")
                .arg(&programs.tight)
                .args([
                    "bench:event",
                    "--count",
                    "--sum",
                    "arg1",
                    "--hist",
                    "arg1",
                    "--",
                ])
                .args(programs.words(EVENTS, 1));
            command
        }),
    }
}

/// bpftrace, after the words of `before`; `folder` is what the programs' folder is called there.
fn bpftrace(name: &str, before: Vec<String>, folder: Option<&'static str>) -> Result<Tracer> {
    let version = read(on(&before).args(["bpftrace", "--version"]))?;
    Ok(Tracer {
        name: format!("{name} ({})", version.trim()),
        command: Box::new(move |programs| {
            let folder = folder.map_or(programs.folder.as_path(), Path::new);
            let words = programs.words_in(folder, EVENTS, 1);
            let script = format!(
                "usdt:{}:bench:event {{ @c = count(); @s = sum(arg1); @h = hist(arg1); }}",
                words[0]
            );
            let mut command = on(&before);
            command.args(["bpftrace", "-e", &script, "-c", &words.join(" ")]);
            command
        }),
    })
}

/// Runs as root what is given to it, after these words.
fn on(before: &[String]) -> Command {
    let mut command = as_root("env");
    command.args(before);
    command
}

/// The hosts' bpftrace, which is newer than an older distribution's: out of the base image, if there is one.
fn newer_bpftrace() -> Result<Option<Tracer>> {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let images = std::fs::read_dir(cache.join("workshop/images"));
    let image = images
        .into_iter()
        .flatten()
        .filter_map(std::result::Result::ok)
        .map(|entry| entry.path().join("rootfs"))
        .find(|path| path.join("usr/bin/bpftrace").is_file());
    let Some(image) = image else {
        println!(
            "no newer bpftrace to compare with: there is no base image yet (cargo xtask demo)"
        );
        return Ok(None);
    };
    let folder = target().join("xtask/bench");
    let before = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        ENTER,
        &image.display().to_string(),
        &folder.display().to_string(),
    ];
    let before = before.map(str::to_owned).to_vec();
    bpftrace("bpftrace of the hosts", before, Some("/mnt")).map(Some)
}

/// Runs `$2 …` in the image `$0`, with the folder `$1` under /mnt; in a mount namespace of its own, so nothing stays
/// mounted however it ends.
const ENTER: &str = "\
for at in proc sys dev; do mount --rbind /$at \"$0/$at\" || exit; done
mount --bind \"$1\" \"$0/mnt\" || exit
shift
exec chroot \"$0\" \"$@\"
";

/// From a command's start to its end, with one probe and nothing to trace: process start, attach, detach.
fn start(workshop: &Path, programs: &Programs, runs: usize) -> Result {
    headline("From the start of the command to probes attached and gone again");
    let (mut ours, mut attached, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let script = format!(
        "usdt:{}:bench:event {{ @c = count(); }} BEGIN {{ exit(); }}",
        programs.tight.display()
    );
    for _ in 0..runs {
        let begin = Instant::now();
        let text = read(
            as_root(workshop)
                .args(["trace", "--json"])
                .arg(&programs.tight)
                .args(["bench:event", "--count", "--", "true"]),
        )?;
        ours.push(begin.elapsed().as_secs_f64());
        let ready: serde_json::Value = text
            .lines()
            .next()
            .and_then(|line| serde_json::from_str(line).ok())
            .ok_or("workshop trace printed nothing")?;
        attached.push(ready["ready_ms"].as_f64().unwrap_or(f64::NAN) / 1000.0);
        let begin = Instant::now();
        shown(
            as_root("bpftrace")
                .args(["-e", &script])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        theirs.push(begin.elapsed().as_secs_f64());
    }
    let ratio = |ours: &[f64]| {
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
        median(&ratios)
    };
    println!(
        "workshop trace: attached after {:.1} ms, gone after {:.1} ms; bpftrace {:.1} ms; ratios {:.3} and {:.3} (promised: at most 0.125)",
        median(&attached) * 1000.0,
        median(&ours) * 1000.0,
        median(&theirs) * 1000.0,
        ratio(&attached),
        ratio(&ours)
    );
    Ok(())
}
