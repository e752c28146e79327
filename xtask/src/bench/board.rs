//! The board of all hosts: how soon what a participant did is on it, and what it costs here and there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::grade::words;
use super::median;
use crate::Result;
use crate::room::Room;
use crate::run::headline;

/// So long is looked at what it costs while nothing happens: the board's hosts tell something every two seconds.
const WHILE: Duration = Duration::from_secs(30);

/// Nobody waits longer for news.
const PATIENCE: Duration = Duration::from_secs(60);

/// An attempt, and when it was written. Hosts of one machine have one clock.
const ATTEMPT: &str =
    "runuser -l workshop -c 'workshop check task0 </dev/null' >/dev/null 2>&1; date +%s.%N";

/// Measures on the hosts of a provisioned room, `runs` attempts on each.
pub(super) fn measure(room: &Room, runs: usize) -> Result {
    let words = words(room)?;
    headline(&format!("The board of {} hosts", words.len()));
    let groups = groups(room, &words)?;
    let without = spent(&groups, None)?;
    let mut board = Board::start(room)?;
    for word in &words {
        board.news(word, |_| true)?;
    }
    let with = spent(&groups, Some(board.child.id()))?;
    let mut delays = Vec::new();
    for run in 1..=runs {
        for word in &words {
            let text = crate::run::read(room.command("ssh").args([word, ATTEMPT]))?;
            let written: f64 = text
                .trim()
                .parse()
                .map_err(|_| format!("{word}: no time: {text}"))?;
            let wanted = u64::try_from(run).unwrap_or(u64::MAX);
            let seen = board.news(word, |row| {
                let attempts = row["tasks"][0]["attempts"].as_u64();
                attempts.is_some_and(|attempts| attempts >= wanted)
            })?;
            delays.push((seen - written).max(0.0));
        }
    }
    let busy = board.share()?;
    board.end()?;
    let hosts: Vec<f64> = with
        .hosts
        .iter()
        .zip(&without.hosts)
        .map(|(with, without)| 100.0 * (with - without))
        .collect();
    println!(
        "on the board after {:.2} s, at most {:.2} s (promised: within 2 s)",
        median(&delays),
        delays.iter().copied().fold(0.0, f64::max)
    );
    println!(
        "of one core: controller {:.2} % at rest, {busy:.2} % while hosts are checked (promised: under 5 %); \
         a host {:.2} % more than without the board (it has {:.2} % then)",
        100.0 * with.controller,
        median(&hosts),
        100.0 * median(&without.hosts),
    );
    Ok(())
}

/// Shares of one core, over [`WHILE`].
struct Spent {
    controller: f64,
    hosts: Vec<f64>,
}

fn spent(groups: &[PathBuf], process: Option<u32>) -> Result<Spent> {
    let look = || -> Result<(f64, Vec<f64>)> {
        let own = process.map_or(Ok(0.0), seconds_of)?;
        let hosts: Result<Vec<f64>> = groups.iter().map(|group| seconds_in(group)).collect();
        Ok((own, hosts?))
    };
    let start = Instant::now();
    let before = look()?;
    std::thread::sleep(WHILE);
    let after = look()?;
    let lasted = start.elapsed().as_secs_f64();
    let hosts = after.1.iter().zip(&before.1);
    Ok(Spent {
        controller: (after.0 - before.0) / lasted,
        hosts: hosts
            .map(|(after, before)| (after - before) / lasted)
            .collect(),
    })
}

/// Processor seconds of a process: fields 14 and 15 of `/proc/PID/stat` (proc(5)), the 12th and 13th behind its name.
fn seconds_of(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/stat");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(ticks / rustix::param::clock_ticks_per_second() as f64)
}

/// Processor seconds of a host: version 1 counts nanoseconds in a file, version 2 microseconds in a line.
fn seconds_in(group: &Path) -> Result<f64> {
    let text =
        std::fs::read_to_string(group).map_err(|error| format!("{}: {error}", group.display()))?;
    let (text, unit) = match text
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "))
    {
        Some(microseconds) => (microseconds, 1e6),
        None => (text.as_str(), 1e9),
    };
    let number: f64 = text
        .trim()
        .parse()
        .map_err(|_| format!("{}: not a number", group.display()))?;
    Ok(number / unit)
}

/// The file that counts each host's processor time.
fn groups(room: &Room, words: &[String]) -> Result<Vec<PathBuf>> {
    let journal = room
        .inventory
        .parent()
        .unwrap_or(Path::new("."))
        .join(".workshop/journal.jsonl");
    let text = std::fs::read_to_string(&journal)
        .map_err(|error| format!("{}: {error}", journal.display()))?;
    let first: Value = serde_json::from_str(text.lines().next().unwrap_or_default())
        .map_err(|error| format!("{}: {error}", journal.display()))?;
    let id = first["id"]
        .as_str()
        .ok_or("the journal names no workshop")?;
    let found = crate::run::read(std::process::Command::new("find").args([
        "/sys/fs/cgroup",
        "-path",
        &format!("*workshop-{id}*"),
        "(",
        "-name",
        "cpuacct.usage",
        "-o",
        "-name",
        "cpu.stat",
        ")",
    ]))?;
    let of = |word: &String| {
        let ends = [
            format!("/workshop-{id}/{word}"),
            format!("/workshop-{id}-{word}.service"),
        ];
        let files = found.lines().filter(|file| {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            ends.iter().any(|end| folder.ends_with(end.as_str()))
        });
        // Of a mixed machine the version 1 controller has it.
        let all: Vec<&str> = files.collect();
        let counts = all.iter().find(|file| file.ends_with("cpuacct.usage"));
        let file = counts.or(all.first());
        file.map(PathBuf::from)
            .ok_or_else(|| format!("{word} has no control group that counts processor time"))
    };
    words.iter().map(of).collect()
}

/// A board that serves its page, and what the page is told.
struct Board {
    child: Child,
    /// When it came, and all hosts.
    news: Receiver<(f64, Value)>,
    last: Option<(f64, Value)>,
    started: (Instant, f64),
}

impl Board {
    fn start(room: &Room) -> Result<Self> {
        let mut child = room
            .command("board")
            .args(["--web", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("workshop board: {error}"))?;
        let failed = |error: std::io::Error| format!("workshop board: {error}");
        let mut url = String::new();
        let output = child.stdout.take().ok_or("the board has no output")?;
        BufReader::new(output).read_line(&mut url).map_err(failed)?;
        let address = url
            .trim()
            .trim_start_matches("http://")
            .trim_end_matches('/');
        let mut stream = TcpStream::connect(address).map_err(failed)?;
        write!(stream, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").map_err(failed)?;
        let (sender, news) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream)
                .lines()
                .map_while(std::io::Result::ok)
            {
                let told = line.strip_prefix("data: ");
                if let Some(hosts) = told.and_then(|data| serde_json::from_str(data).ok())
                    && sender.send((now(), hosts)).is_err()
                {
                    break;
                }
            }
        });
        Ok(Self {
            started: (Instant::now(), seconds_of(child.id())?),
            child,
            news,
            last: None,
        })
    }

    /// When the page was told something of a host; what is known already counts from when it came.
    fn news(&mut self, word: &str, wanted: impl Fn(&Value) -> bool) -> Result<f64> {
        let row = |hosts: &Value| {
            let mut hosts = hosts.as_array().into_iter().flatten();
            hosts.find(|row| row["word"] == word).cloned()
        };
        loop {
            if let Some((at, hosts)) = &self.last
                && row(hosts).is_some_and(|row| wanted(&row))
            {
                return Ok(*at);
            }
            let next = self.news.recv_timeout(PATIENCE);
            self.last = Some(next.map_err(|_| format!("{word}: the board tells nothing of it"))?);
        }
    }

    /// Its share of one core since the start.
    fn share(&self) -> Result<f64> {
        let (start, before) = self.started;
        let spent = seconds_of(self.child.id())? - before;
        Ok(100.0 * spent / start.elapsed().as_secs_f64())
    }

    fn end(mut self) -> Result {
        self.child.kill().map_err(|error| error.to_string())?;
        self.child.wait().map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// Seconds of the machine's clock.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}
