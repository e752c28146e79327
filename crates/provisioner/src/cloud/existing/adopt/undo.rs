//! Gives a machine back.

use super::{MACHINE, Place, lines};
use crate::cloud::WorkshopId;
use crate::host::{Output, Script};

/// What [`undo`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Nothing of ours is left.
    Gone {
        /// What the instructor should know all the same, in sentences.
        notes: Vec<String>,
    },
    /// This is left; root still gets in by our key, so it can be run again.
    Left(Vec<String>),
    /// It belongs to another workshop; nothing was changed.
    Another {
        /// The other's id.
        label: String,
        /// Its word for the machine.
        word: String,
    },
    /// It did not come to its end: the last lines. It can be run again.
    Failed(Vec<String>),
}

/// Removes all that the workshop `label` made and puts back what it replaced; the line of `authorized_keys` and the mark
/// go last. Run as root, over a connection that lives on without that line. It takes a few seconds for each GB.
pub fn undo(label: &WorkshopId) -> Script {
    undo_in(MACHINE, label)
}

pub(super) fn undo_in(place: Place, label: &WorkshopId) -> Script {
    let mut script = place.start().with("label", label.as_str());
    script.push(include_str!("remove.sh"));
    script.push(include_str!("undo.sh"));
    script
}

/// What [`undo`] printed.
pub fn read_undo(output: &Output) -> Undone {
    let text = |name| {
        lines(&output.text, name)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let left = text("@left");
    match output.status {
        Some(0) if output.text.lines().any(|line| line == "@gone") => Undone::Gone {
            notes: text("@note"),
        },
        Some(3) => {
            let another = lines(&output.text, "@another").next().unwrap_or_default();
            let (label, word) = another.split_once(' ').unwrap_or((another, ""));
            Undone::Another {
                label: label.to_owned(),
                word: word.to_owned(),
            }
        }
        Some(1) if !left.is_empty() => Undone::Left(left),
        _ => Undone::Failed(output.last_lines(crate::step::TAIL)),
    }
}
