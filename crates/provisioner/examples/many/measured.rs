//! What one run of a program takes, by the kernel's account of it.

use std::io::Read as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Result;

/// Ticks of a second in /proc: the same on every architecture that Bitcoin Core is built for (time(7)).
const USER_HZ: f64 = 100.0;

/// What it took.
pub(crate) struct Measured {
    pub(crate) stdout: Vec<u8>,
    pub(crate) seconds: f64,
    /// Most memory at once, in MB.
    pub(crate) peak: f64,
    /// Most open files at once that were seen.
    pub(crate) files: usize,
    /// Processor seconds.
    pub(crate) processor: f64,
}

/// Runs it; it must succeed.
pub(crate) fn run(command: &mut Command) -> Result<Measured> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    let mut stdout = child.stdout.take().ok_or("its output is not piped")?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let proc = std::path::PathBuf::from(format!("/proc/{}", child.id()));
    let (mut peak, mut files, mut processor) = (0.0f64, 0, 0.0f64);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Ok(text) = std::fs::read_to_string(proc.join("status")) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0.0) / 1000.0);
        }
        if let Ok(entries) = std::fs::read_dir(proc.join("fd")) {
            files = files.max(entries.count());
        }
        if let Ok(text) = std::fs::read_to_string(proc.join("stat")) {
            // Fields 14 and 15 of proc(5), in ticks; the name before may have blanks.
            let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
            let ticks: f64 = (fields.split_whitespace().skip(11).take(2))
                .filter_map(|field| field.parse::<f64>().ok())
                .sum();
            processor = ticks / USER_HZ;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let seconds = start.elapsed().as_secs_f64();
    let stdout = reader.join().map_err(|_| "the reader ended early")??;
    if !status.success() {
        return Err(format!("it ended with {status}").into());
    }
    Ok(Measured {
        stdout,
        seconds,
        peak,
        files,
        processor,
    })
}
