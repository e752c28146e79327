//! Machines that the instructor has already: what runs on them.
//!
//! [`look`] changes nothing, [`adopt`] makes of a stock system what every provider gives, and [`undo`] gives it back.
//! Participants are root there in the meantime, so the last one believes nothing that it finds.

mod changes;
mod look;
mod paths;
mod take;
mod undo;

pub use changes::{CHANGES, STAYS};
pub use look::{BadLook, Machine, Mark, Problem, look, problems, read_look};
pub use take::{Adopted, adopt, read_adopt};
pub use undo::{Undone, read_undo, undo};

use crate::host::Script;

/// Functions of all three scripts.
const COMMON: &str = include_str!("common.sh");

/// The folder with the mark of adoption and what was there before.
pub const BEFORE: &str = "/var/lib/workshop-before";

/// Where a script works; tests have a root of their own, with their own commands.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    root: &'a str,
    path: &'a str,
}

/// sshd gives a short PATH to commands that no shell profile was read for.
const MACHINE: Place<'static> = Place {
    root: "",
    path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

impl Place<'_> {
    /// What each script begins with: the lists of paths, and the functions.
    fn start(self) -> Script {
        let mut script = Script::default()
            .with("r", self.root)
            .with("PATH", self.path)
            .with("before", &format!("{}{BEFORE}", self.root))
            .with("accounts", &paths::ACCOUNTS.join(" "))
            .with("units", &paths::UNITS.join(" "))
            .with("ours", &paths::ours().join(" "))
            .with("elsewhere", &paths::ELSEWHERE.join(" "))
            .with("shared", &paths::SHARED.join(" "))
            .with("ssh_shared", &paths::SSH_SHARED.join(" "))
            .with("brought", &paths::BROUGHT.join(" "))
            .with("emptied", &paths::EMPTIED.join(" "));
        script.push(COMMON);
        script
    }
}

/// The words behind `name` in lines of ours.
fn lines<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(str::trim)
}

#[cfg(test)]
mod tests;
