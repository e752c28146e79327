//! The programs of this machine that we run, and how.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use super::error::{LocalError, Missing};

/// How many of a failed program's last lines its error carries.
pub(super) const LAST_LINES: usize = 20;

const NEEDED: &[Missing] = &[
    needed("mmdebstrap", "mmdebstrap"),
    needed("systemd-nspawn", "systemd-container"),
    needed("ip", "iproute2"),
    needed("mount", "mount"),
    needed("unshare", "util-linux"),
    needed("setsid", "util-linux"),
    needed("setpriv", "util-linux"),
    needed("flock", "util-linux"),
    needed("find", "findutils"),
    // What Debian signs its releases with; Ubuntu does not install it by itself.
    needed(
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
    ),
];

/// What hosts with a disk of their own need besides.
const NEEDED_FOR_DISKS: &[Missing] = &[
    needed("losetup", "mount"),
    needed("mkfs.ext4", "e2fsprogs"),
    needed("e2fsck", "e2fsprogs"),
    needed("resize2fs", "e2fsprogs"),
    needed("debugfs", "e2fsprogs"),
];

const fn needed(what: &'static str, package: &'static str) -> Missing {
    Missing { what, package }
}

/// Finds out whether all programs and files are there.
pub(super) fn check() -> Result<(), LocalError> {
    are_there(NEEDED)
}

/// Likewise those of hosts with a disk of their own.
pub(super) fn check_for_disks() -> Result<(), LocalError> {
    are_there(NEEDED_FOR_DISKS)
}

fn are_there(needed: &[Missing]) -> Result<(), LocalError> {
    let path = path();
    let is_there = |what: &str| {
        // Joining an absolute path gives that path, so files need no case of their own.
        env::split_paths(&path).any(|folder| folder.join(what).is_file())
    };
    let missing: Vec<_> = needed
        .iter()
        .filter(|one| !is_there(one.what))
        .copied()
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(LocalError::Missing { missing })
    }
}

/// Where programs are looked for: a root shell without a login often lacks the folders of root's
/// own programs.
pub(super) fn path() -> OsString {
    let own = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&own).chain(
        ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
            .iter()
            .map(|folder| Path::new(folder).to_path_buf()),
    );
    env::join_paths(folders).unwrap_or(own)
}

/// A command that is found in [`path`] and answers in English.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("PATH", path())
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

/// Runs a command that ends by itself, and gives what it printed.
pub(super) fn run(mut command: Command) -> Result<String, LocalError> {
    let output = command.output().map_err(|source| LocalError::Spawn {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    Err(LocalError::Command {
        command: words.join(" "),
        status: output.status,
        output: last_lines(&String::from_utf8_lossy(&output.stderr)),
    })
}

/// The end of a program's output, without what could move a terminal's cursor.
pub(super) fn last_lines(text: &str) -> String {
    let mut last = VecDeque::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(printable(line));
    }
    Vec::from(last).join("\n")
}

/// A line of somebody else's, made fit for a terminal.
pub(super) fn printable(line: &str) -> String {
    line.chars()
        .map(|char| if char == '\t' { ' ' } else { char })
        .filter(|char| !char.is_control())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_output_the_last_lines_remain_without_control_characters() {
        let text: String = (1..=30)
            .map(|n| format!("\x1b[31mline {n}\r\n\n"))
            .collect();
        let last = last_lines(&text);
        assert_eq!(last.lines().count(), LAST_LINES);
        assert_eq!(last.lines().next(), Some("[31mline 11"));
    }

    #[test]
    fn a_failed_command_says_what_it_said() {
        let mut failing = command("sh");
        failing.args(["-c", "echo no such thing >&2; exit 3"]);
        let error = run(failing).unwrap_err().to_string();
        assert!(
            error.ends_with("(exit status: 3): no such thing"),
            "{error}"
        );
    }
}
