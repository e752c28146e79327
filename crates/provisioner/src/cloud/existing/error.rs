//! What can go wrong with machines that somebody already has.

use super::record::RecordError;
use crate::cloud::Endpoint;
use crate::host::SshError;
use crate::host::keys::KeyFileError;

/// A machine could not be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ExistingError {
    /// Talking to the machine.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// What is written down of it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Record(#[from] RecordError),
    /// Our keys.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyFileError),
    /// The accepted host keys.
    #[error("cannot use {place}: {why}")]
    #[diagnostic(help(
        "`workshop trust` writes this file. Restore it from a copy, or remove it and compare the keys again."
    ))]
    Trusted {
        /// The file, and the line.
        place: String,
        /// Why not.
        why: String,
    },
    /// Nobody said which host keys are right.
    #[error("the host keys of these machines are not known: {}", told(machines))]
    #[diagnostic(help(
        "`workshop trust` shows them to be compared. Nothing was sent to any machine."
    ))]
    NotTrusted {
        /// Which.
        machines: Vec<Endpoint>,
    },
    /// Every machine is somebody's.
    #[error("no machine of the inventory is free for {host}")]
    #[diagnostic(help(
        "Name another one in `hosts.existing.machines`. Machines of people who left stay theirs until `workshop destroy --only WORD`."
    ))]
    NoneFree {
        /// The host's word.
        host: String,
    },
    /// Only the inventory says which machines there are.
    #[error("{host} has no machine yet, and there is no inventory that names one")]
    #[diagnostic(help("`workshop provision` gives it one."))]
    NoInventory {
        /// The host's word.
        host: String,
    },
    /// It cannot be a host.
    #[error(
        "{host}: the machine {address} cannot be used, and nothing was changed there:\n{problems}"
    )]
    Unfit {
        /// The host's word.
        host: String,
        /// The machine.
        address: Endpoint,
        /// All that is wrong, a line each.
        problems: String,
    },
    /// Software that is built on one system does not fit another.
    #[error("{host}: the machine {address} is {is}, and the one that builds is {builder}")]
    #[diagnostic(help(
        "What is built on one system does not run on another: take machines with the same system. Nothing was changed there."
    ))]
    OtherSystem {
        /// The host's word.
        host: String,
        /// The machine.
        address: Endpoint,
        /// Its system.
        is: String,
        /// The builder's.
        builder: String,
    },
    /// Another workshop was faster.
    #[error(
        "{host}: the machine {address} belongs to another workshop ({label}), as its host `{word}`"
    )]
    #[diagnostic(help(
        "Nothing was changed there. Run `workshop destroy` where that workshop is; if its state is lost, `sudo /var/lib/workshop-before/undo` on the machine gives it back, without the work on it."
    ))]
    Another {
        /// The host's word.
        host: String,
        /// The machine.
        address: Endpoint,
        /// The other's id.
        label: String,
        /// Its word for the machine.
        word: String,
    },
    /// Not all could be removed.
    #[error("{host}: not everything of the workshop could be removed from the machine {address}: {}", left.join(", "))]
    #[diagnostic(help(
        "Root still gets in by our key: look with `workshop ssh {host}`, then run the command again."
    ))]
    Left {
        /// The host's word.
        host: String,
        /// The machine.
        address: Endpoint,
        /// What is left.
        left: Vec<String>,
    },
    /// A script of ours failed there.
    #[error("{host}: {doing} the machine {address} failed:\n  {said}")]
    #[diagnostic(help(
        "Run the command again: it goes on where this one ended. The account must be root or have sudo without a password."
    ))]
    Failed {
        /// The host's word.
        host: String,
        /// The machine.
        address: Endpoint,
        /// What we were doing.
        doing: &'static str,
        /// What it said last.
        said: String,
    },
}

fn told(machines: &[Endpoint]) -> String {
    let all: Vec<String> = machines.iter().map(ToString::to_string).collect();
    all.join(", ")
}
