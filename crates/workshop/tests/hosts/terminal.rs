//! A command in a terminal on a participant's host: Ctrl-C can be typed, and the connection can be lost.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::workshop::PATIENCE;

/// A command in a terminal of its own there.
pub(super) struct Terminal {
    child: Child,
}

pub(super) fn in_a_terminal(desk: &Desk, line: &str) -> Terminal {
    let there = desk.command(line);
    let mut command = Command::new(there.get_program());
    assert_eq!(command.get_program(), "ssh", "a terminal is had over SSH");
    command.arg("-tt").args(there.get_args());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Terminal {
        child: command.spawn().unwrap(),
    }
}

impl Terminal {
    pub(super) fn type_in(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        // It may have ended already.
        let _ = stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush());
    }

    /// The connection is gone, without a word to the other side.
    pub(super) fn lose(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn ends(&mut self) {
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < PATIENCE, "it goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
