//! What a machine is before anything is done to it.

use super::{MACHINE, Place, lines};
use crate::cloud::WorkshopId;
use crate::host::Script;

/// What a workshop wants of a machine's disk beside the chain, in bytes: packages 1.3 GB, the kernel's headers up to
/// 0.2 GB, our closure 0.1 GB, the build tree and what is rebuilt in it 0.7 GB, and as much again to work with.
const DISK: u64 = 4 << 30;

/// The inventory lets a host have 256 MiB of memory; of those the kernel keeps up to a fifth to itself. In bytes.
const MEMORY: u64 = 200 << 20;

/// What a machine said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What decides which software fits, as `ID-VERSION-ARCHITECTURE` of os-release(5) and dpkg, such as
    /// `debian-13-amd64`: the toolchain comes with the system, so what was built on one is for none of the others.
    pub system: String,
    /// Its name for people.
    pub pretty: String,
    /// The running kernel's release.
    pub kernel: String,
    /// Whether systemd is its first process.
    pub systemd: bool,
    /// Whether it has apt.
    pub apt: bool,
    /// Whether the script ran as root.
    pub root: bool,
    /// Bytes that are free on its root.
    pub disk: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Processors.
    pub processors: u32,
    /// Whose it is already.
    pub mark: Option<Mark>,
    /// What is there under names that we would use, where it is nobody's yet.
    pub taken: Vec<String>,
}

/// The mark of adoption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The workshop's id, as it is written there.
    pub label: String,
    /// The host's word in it.
    pub word: String,
    /// Whether the adoption came to its end.
    pub adopted: bool,
}

/// Whether hosts can be made of a system, which is named as [`Machine::system`] does.
fn is_supported(system: &str) -> bool {
    let mut parts = system.splitn(3, '-');
    let (id, version, architecture) = (parts.next(), parts.next(), parts.next());
    let version: Vec<u32> = version
        .unwrap_or_default()
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    let system = match id {
        Some("debian") => matches!(version[..], [12 | 13, ..]),
        Some("ubuntu") => version >= vec![24, 4],
        _ => false,
    };
    system && matches!(architecture, Some("amd64" | "arm64"))
}

/// The answer of a machine was not the answer to our script.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the machine did not say what it is{}", tail.iter().map(|line| format!("\n  | {line}")).collect::<String>())]
#[diagnostic(help(
    "Does the account run commands over SSH, as root or by `sudo -n`, with a start-up file of the shell that prints nothing and does not exit?"
))]
pub struct BadLook {
    /// Its last lines.
    pub tail: Vec<String>,
}

/// Facts of the machine in one round trip; changes nothing. Run as root, for [`read_look`].
pub fn look() -> Script {
    look_in(MACHINE)
}

pub(super) fn look_in(place: Place) -> Script {
    let mut script = place.start();
    script.push(include_str!("look.sh"));
    script
}

/// What [`look`] printed, among whatever else was.
///
/// # Errors
/// It is not all there.
pub fn read_look(text: &str) -> Result<Machine, BadLook> {
    let fact = |name: &str| {
        let facts = lines(text, "@machine");
        let mut values = facts.filter_map(|line| match line.split_once(' ') {
            Some((is, value)) if is == name => Some(value.trim().to_owned()),
            None if line == name => Some(String::new()),
            _ => None,
        });
        values.next()
    };
    let read = || {
        fact("end")?;
        let taken = lines(text, "@machine").filter_map(|line| line.strip_prefix("taken "));
        let mark = fact("label").map(|label| Mark {
            label,
            word: fact("word").unwrap_or_default(),
            adopted: fact("adopted").is_some(),
        });
        Some(Machine {
            system: fact("system").unwrap_or_default(),
            pretty: fact("pretty").unwrap_or_default(),
            kernel: fact("kernel")?,
            systemd: fact("systemd")? == "yes",
            apt: fact("apt")? == "yes",
            root: fact("uid")? == "0",
            disk: fact("disk")?.parse().ok()?,
            memory: fact("memory")?.parse().ok()?,
            processors: fact("processors")?.parse().ok()?,
            mark,
            taken: taken.map(str::to_owned).collect(),
        })
    };
    read().ok_or_else(|| BadLook {
        tail: crate::host::last_lines(text, crate::step::TAIL),
    })
}

/// Why a machine cannot be a host of this workshop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum Problem {
    /// Another system.
    #[error("its system is {pretty} ({system}), which is not supported")]
    #[diagnostic(help(
        "Supported are Debian 12 and 13, and Ubuntu 24.04 and later, on amd64 and arm64."
    ))]
    System {
        /// As people call it.
        pretty: String,
        /// As [`Machine::system`].
        system: String,
    },
    /// Another init.
    #[error("systemd is not its first process, and a host's services are systemd's")]
    #[diagnostic(help("Take a machine that boots with systemd. A container usually does not."))]
    NoSystemd,
    /// No package manager that we know.
    #[error("it has no apt-get, and what a host needs comes as packages")]
    #[diagnostic(help("Take a stock system rather than one that was cut down."))]
    NoApt,
    /// Not root.
    #[error("the account there is not root and could not become it")]
    #[diagnostic(help("Give root, or an account that may use sudo without a password."))]
    NotRoot,
    /// Names that we would use.
    #[error("it has already what a workshop would make: {}", what.join(", "))]
    #[diagnostic(help(
        "Nothing of somebody else's is overwritten. Remove it there if nobody needs it, or take another machine."
    ))]
    Taken {
        /// Accounts and paths.
        what: Vec<String>,
    },
    /// Another workshop has it.
    #[error("it belongs to another workshop ({label}), as its host `{word}`")]
    #[diagnostic(help(
        "Run `workshop destroy` where that workshop is. If its state is lost, log in there and run `sudo {}/undo`: it removes that workshop's work and gives the machine back.",
        super::BEFORE
    ))]
    AnotherWorkshop {
        /// The other's id.
        label: String,
        /// Its word for the machine.
        word: String,
    },
    /// It is another host of this workshop.
    #[error("it is this workshop's host `{word}` already")]
    #[diagnostic(help("Is the same machine in the inventory twice, under two addresses?"))]
    AnotherHost {
        /// Which one.
        word: String,
    },
    /// No room.
    #[error("{} MB are free on its disk, and a host needs {} MB beside its chain", free / 1_000_000, DISK / 1_000_000)]
    #[diagnostic(help("Make room there, or take a machine with a larger disk."))]
    Disk {
        /// Bytes.
        free: u64,
    },
    /// No memory.
    #[error("it has {} MiB of memory, which is too little for a host with a node", memory >> 20)]
    #[diagnostic(help("Take one with 256 MiB or more; compiling Bitcoin Core wants about 2 GiB."))]
    Memory {
        /// Bytes.
        memory: u64,
    },
}

/// Everything that keeps the machine from being the host `word` of the workshop `label`.
pub fn problems(machine: &Machine, label: &WorkshopId, word: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !machine.root {
        problems.push(Problem::NotRoot);
    }
    if !is_supported(&machine.system) {
        problems.push(Problem::System {
            pretty: machine.pretty.clone(),
            system: machine.system.clone(),
        });
    }
    if !machine.systemd {
        problems.push(Problem::NoSystemd);
    }
    if !machine.apt {
        problems.push(Problem::NoApt);
    }
    match &machine.mark {
        Some(mark) if mark.label != label.as_str() => problems.push(Problem::AnotherWorkshop {
            label: mark.label.clone(),
            word: mark.word.clone(),
        }),
        Some(mark) if mark.word != word => problems.push(Problem::AnotherHost {
            word: mark.word.clone(),
        }),
        // What is used by then is the workshop's own work.
        Some(_) => {}
        None => {
            if !machine.taken.is_empty() {
                problems.push(Problem::Taken {
                    what: machine.taken.clone(),
                });
            }
            if machine.disk < DISK {
                problems.push(Problem::Disk { free: machine.disk });
            }
        }
    }
    if machine.memory < MEMORY {
        problems.push(Problem::Memory {
            memory: machine.memory,
        });
    }
    problems
}
