//! What exists of a workshop, wherever that is found out by looking.

use std::fmt;

use super::WorkshopId;

/// Something of a workshop that exists at its provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// Whose it is.
    pub workshop: WorkshopId,
    /// What it is.
    pub kind: LeftoverKind,
    /// Its name, as the tool that shows such things would show it.
    pub name: String,
}

/// What a [`Leftover`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftoverKind {
    /// A host, running or stopped.
    Host,
    /// A process in a host's cgroup.
    Process,
    /// A mount below the workshop's folder.
    Mount,
    /// A loop device that a host's disk is on.
    Device,
    /// A network link: the bridge or a host's cable to it.
    Link,
    /// A cgroup.
    Cgroup,
    /// A folder: the workshop's own, or a host that was half made or half removed.
    Folder,
    /// A firewall of the provider's.
    Firewall,
    /// A key that the provider keeps.
    Key,
}

impl fmt::Display for Leftover {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            LeftoverKind::Host => "host",
            LeftoverKind::Process => "process",
            LeftoverKind::Mount => "mount",
            LeftoverKind::Device => "loop device",
            LeftoverKind::Link => "link",
            LeftoverKind::Cgroup => "cgroup",
            LeftoverKind::Folder => "folder",
            LeftoverKind::Firewall => "firewall",
            LeftoverKind::Key => "SSH key",
        };
        write!(out, "{kind} {}", self.name)
    }
}
