//! What an inventory says, once it was found to be right.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::address::NodeAddress;
use super::cache::NamedCache;
use super::existing::Existing;
use super::guard::Guard;
use super::hetzner::Servers;
use super::money::Money;
use super::size::{Cpus, Size};
use super::values::Version;
use crate::participants::PublicKey;

/// A whole inventory. Every value in it was checked, and the defaults are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// What it is called and when it takes place.
    pub workshop: Workshop,
    /// The Bitcoin Core of every host.
    pub bitcoin: Bitcoin,
    /// Where the hosts come from and how big they are.
    pub hosts: Hosts,
    /// When hosts defend themselves; `None` is never.
    pub guard: Option<Guard>,
    /// Who gets a host, in the inventory's order.
    pub participants: Vec<Participant>,
}

impl Inventory {
    /// How many hosts it takes: one a person, and the spare ones. At most as many as there are words.
    pub fn host_count(&self) -> usize {
        self.participants.len() + self.hosts.spare
    }

    /// When the hosts power themselves off, if they do.
    pub fn power_off(&self) -> Option<jiff::Timestamp> {
        let deadline = self.workshop.deadline.as_ref()?.timestamp();
        self.hosts.powers_off().then_some(deadline)
    }
}

/// What the workshop is called and when it takes place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workshop {
    /// Trimmed, on one line, in Unicode's composed form (NFC), at most 100 characters.
    pub name: String,
    /// The first day.
    pub date: Option<jiff::civil::Date>,
    /// When the servers are no longer needed, with the offset (or zone) it was written in.
    pub deadline: Option<jiff::ZonedDateTime>,
}

impl Workshop {
    /// Whether there is a deadline, and `now` is not before it.
    pub fn is_over(&self, now: jiff::Timestamp) -> bool {
        (self.deadline.as_ref()).is_some_and(|deadline| deadline.timestamp() <= now)
    }

    /// The deadline as people read it, in the zone or with the offset it was written in.
    pub fn deadline_text(&self) -> Option<String> {
        let deadline = self.deadline.as_ref()?;
        let zone = deadline.time_zone();
        // An offset alone would stand there as a bare +01.
        let form = if zone.iana_name().is_none() && zone.to_fixed_offset().is_ok() {
            "%A, %-d %B %Y, %H:%M UTC%:z"
        } else {
            "%A, %-d %B %Y, %H:%M %Z"
        };
        Some(deadline.strftime(form).to_string())
    }
}

/// The Bitcoin Core of every host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitcoin {
    /// Where its source comes from.
    pub source: Source,
    /// Which one; `None` for a tree by path, which says so itself.
    pub version: Option<Version>,
    /// The network the nodes are on.
    pub chain: Chain,
    /// As `prune=` in bitcoin.conf: MiB of blocks to keep, at least 550; 0 keeps every block, 1 leaves
    /// pruning to RPC.
    pub prune: u64,
    /// Nodes to connect to beside the workshop's own.
    pub addnode: Vec<NodeAddress>,
    /// Where it is built already.
    pub cache: Option<NamedCache>,
}

/// Where the source of Bitcoin Core comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The tree that the crate registry carries, without the wallet and the functional tests.
    Crate,
    /// An official release, by its version; see [`crate::nix::release`].
    Release,
    /// A whole tree in a folder of this machine; absolute.
    Path(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crate => f.write_str("crate"),
            Self::Release => f.write_str("release"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// A network that nodes of a workshop may be on: never the main one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Chain {
    /// The newest test network.
    Testnet4,
    /// The signed test network.
    Signet,
    /// The old test network.
    Testnet3,
    /// A private network.
    Regtest,
}

impl Chain {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Testnet4, Self::Signet, Self::Testnet3, Self::Regtest];

    /// As the inventory writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Testnet4 => "testnet4",
            Self::Signet => "signet",
            Self::Testnet3 => "testnet3",
            Self::Regtest => "regtest",
        }
    }

    /// As Bitcoin Core's `-chain=` wants it: there, testnet3 is `test`.
    pub fn core_name(self) -> &'static str {
        match self {
            Self::Testnet3 => "test",
            other => other.as_str(),
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where the hosts come from and how big they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// Where they come from.
    pub provider: ProviderKind,
    /// Ready hosts for people who walk in.
    pub spare: usize,
    /// How many hosts are worked on side by side; at least 1.
    pub parallel: usize,
    /// The most that they may cost until the deadline, tax included.
    pub spend_limit: Option<Money>,
    /// Whether they power themselves off after the deadline; by the provider where nothing is said.
    pub power_off: Option<bool>,
    /// What each may use.
    pub limits: Limits,
    /// What servers of Hetzner Cloud are like.
    pub hetzner: Servers,
    /// Machines that somebody already has.
    pub existing: Existing,
}

impl Hosts {
    /// Whether the hosts power themselves off after the deadline.
    pub fn powers_off(&self) -> bool {
        self.power_off.unwrap_or(match self.provider {
            ProviderKind::Local | ProviderKind::Hetzner => true,
            // Somebody else's machine is not switched off unasked.
            ProviderKind::Existing => false,
        })
    }
}

/// Where hosts come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// systemd-nspawn on this machine.
    #[default]
    Local,
    /// Hetzner Cloud.
    Hetzner,
    /// Machines that somebody already has.
    Existing,
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.pad("local"),
            Self::Hetzner => f.pad("hetzner"),
            Self::Existing => f.pad("existing"),
        }
    }
}

/// What each host may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory.
    pub memory: Size,
    /// Processors.
    pub cpus: Cpus,
    /// Processes and threads.
    pub pids: u64,
    /// A disk of its own; without, a local host's files lie on the machine's own file system.
    pub disk: Option<Disk>,
}

/// A host's own disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// How large it is.
    pub size: Size,
    /// The inventory's line that says so.
    pub line: usize,
}

/// A person and their key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// The identity: a host's word belongs to it. Trimmed, NFC, at most 64 characters, unique.
    pub name: String,
    /// One to four letters, upper case; two people may have the same.
    pub initials: String,
    /// The one key that opens their host.
    pub key: PublicKey,
}
