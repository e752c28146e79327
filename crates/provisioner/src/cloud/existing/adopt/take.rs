//! Makes a machine one of a workshop's.

use base64::Engine as _;

use super::{MACHINE, Place, lines, undo};
use crate::cloud::WorkshopId;
use crate::host::{Output, Script};
use crate::steps::{SET_HOSTNAME, SSHD_CONF};

/// What [`adopt`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// It is ours, and root gets in by our key.
    Yes,
    /// Another workshop was there first; nothing was changed.
    Another {
        /// The other's id.
        label: String,
        /// Its word for the machine.
        word: String,
    },
    /// Accounts and paths are there under names that we would use; nothing was changed.
    Taken(Vec<String>),
    /// A command failed: the last lines. Run again, it goes on.
    Failed(Vec<String>),
}

/// Marks the machine as the host `word` of the workshop `label`, keeps what steps will replace, lets root in by
/// `root_key` (a line of `authorized_keys`; its comment is replaced by our marker) and calls the machine by its word.
/// Its host key stays. Run as root; as often as one likes.
pub fn adopt(label: &WorkshopId, word: &str, root_key: &str) -> Script {
    adopt_in(MACHINE, label, word, root_key)
}

pub(super) fn adopt_in(place: Place, label: &WorkshopId, word: &str, root_key: &str) -> Script {
    let undo = format!("#!/bin/sh\n{}", undo::undo_in(place, label).text());
    let key: Vec<&str> = root_key.split_whitespace().take(2).collect();
    let mut script = place
        .start()
        .with("label", label.as_str())
        .with("word", word)
        .with("root_key", &key.join(" "))
        .with("sshd", SSHD_CONF)
        .with(
            "undo",
            &base64::engine::general_purpose::STANDARD.encode(undo),
        );
    script.push(&include_str!("take.sh").replace("SET_HOSTNAME", SET_HOSTNAME.trim()));
    script
}

/// What [`adopt`] printed.
pub fn read_adopt(output: &Output) -> Adopted {
    let words = |line: &str| {
        let (label, word) = line.split_once(' ').unwrap_or((line, ""));
        (label.to_owned(), word.to_owned())
    };
    match output.status {
        Some(0) if output.text.lines().any(|line| line == "@adopted") => Adopted::Yes,
        Some(3) => match lines(&output.text, "@another").next().map(words) {
            Some((label, word)) => Adopted::Another { label, word },
            None => Adopted::Failed(output.last_lines(crate::step::TAIL)),
        },
        Some(4) => Adopted::Taken(lines(&output.text, "@taken").map(str::to_owned).collect()),
        _ => Adopted::Failed(output.last_lines(crate::step::TAIL)),
    }
}
