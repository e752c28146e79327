//! Runs a tool within a deadline and a bound on what it prints.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cancel::Cancel;

/// A listing of bitcoind takes 10 KB; what comes after this is read and dropped.
const KEPT: u64 = 1 << 20;

/// What a tool printed.
pub(crate) struct Printed {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command`, with nothing to read, at most for `deadline`.
pub(crate) fn run(command: &mut Command, deadline: Duration) -> Result<Printed, String> {
    run_while(&|| true, command, deadline)
}

/// The same, and no longer than until `cancel` is set.
pub(super) fn run_until(
    cancel: &Cancel,
    command: &mut Command,
    deadline: Duration,
) -> Result<Printed, String> {
    run_while(&|| !cancel.is_set(), command, deadline)
}

fn run_while(
    wanted: &dyn Fn() -> bool,
    command: &mut Command,
    deadline: Duration,
) -> Result<Printed, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{name} cannot be run: {error}"))?;
    let stdout = child.stdout.take().map(read_in_background);
    let stderr = child.stderr.take().map(read_in_background);
    let success = wait(wanted, &mut child, deadline).ok_or_else(|| {
        if wanted() {
            format!("{name} did not end within {} s", deadline.as_secs())
        } else {
            format!("{name} was interrupted")
        }
    })?;
    let text = |reader: Option<std::thread::JoinHandle<String>>| {
        reader
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default()
    };
    Ok(Printed {
        success,
        stdout: text(stdout),
        stderr: text(stderr),
    })
}

/// Whether it ended well; `None` when it had to be killed.
fn wait(wanted: &dyn Fn() -> bool, child: &mut Child, deadline: Duration) -> Option<bool> {
    let end = Instant::now() + deadline;
    // Tools end after milliseconds or seconds: look often at first, then less.
    let mut pause = Duration::from_micros(200);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status.success());
        }
        if Instant::now() >= end || !wanted() {
            // Root's, through sudo, is not ours to kill, and to wait for it would be to wait for ever.
            if child.kill().is_ok() {
                let _ = child.wait();
            }
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn read_in_background(
    mut stream: impl std::io::Read + Send + 'static,
) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let _ = stream.by_ref().take(KEPT).read_to_end(&mut kept);
        // A full pipe would stop the tool before it ends.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
        String::from_utf8_lossy(&kept).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_never_ends_is_ended() {
        let why = run(Command::new("sleep").arg("60"), Duration::from_millis(50)).err();
        assert_eq!(why.as_deref(), Some("sleep did not end within 0 s"));
    }

    #[test]
    fn a_tool_that_prints_a_lot_is_cut_and_ends() {
        let printed = run(
            Command::new("sh").args(["-c", "head -c 3000000 /dev/zero"]),
            Duration::from_secs(20),
        );
        assert_eq!(printed.unwrap().stdout.len() as u64, KEPT);
    }

    #[test]
    fn a_tool_that_is_not_there_is_named() {
        let why = run(&mut Command::new("no-such-tool"), Duration::from_secs(1))
            .err()
            .unwrap();
        assert!(why.starts_with("no-such-tool cannot be run"), "{why}");
    }
}
