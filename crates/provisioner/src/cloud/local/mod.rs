//! Hosts on this machine: systemd-nspawn containers with a real systemd, sshd, network and eBPF.
//! For rehearsals and tests. Not a security boundary: root in such a host is root on the machine's
//! kernel, with every capability.
//!
//! What makes up a host, and where it is found again after the tool has ended:
//! - a folder `/var/lib/workshop/local/<workshop>/<host>`: its record, and the overlay's upper
//!   layer over a base image that all hosts share ([`Local::ensure_image`]);
//! - a cgroup `workshop-<workshop>/<host>` that holds every process of it, and its limits;
//! - a link `vb-<workshop>-<index>` on the bridge `ws-<workshop>`.
//!
//! Its mounts exist in a mount namespace of its own only, so the kernel takes them away with the
//! last process, however that came about.
//!
//! Calls for different hosts may run side by side. That no two runs of the tool work on the same
//! workshop at once is the caller's business (the state's lock).

use std::fmt;

use crate::cloud::WorkshopId;

mod error;
mod subnet;
pub use error::{LocalError, Missing};
pub use subnet::Subnet;

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod container;
#[cfg(target_os = "linux")]
mod folder;
#[cfg(target_os = "linux")]
mod image;
#[cfg(target_os = "linux")]
mod leftovers;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod provider;
#[cfg(target_os = "linux")]
mod rootfs;
#[cfg(target_os = "linux")]
mod tools;
#[cfg(target_os = "linux")]
pub use provider::Local;

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::Local;

/// A base image, named by what it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageId(String);

impl fmt::Display for ImageId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Something of a workshop that exists on this machine.
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
    /// A network link: the bridge or a host's cable to it.
    Link,
    /// A cgroup.
    Cgroup,
    /// A folder: the workshop's own, or a host that was half made or half removed.
    Folder,
}

impl fmt::Display for Leftover {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            LeftoverKind::Host => "host",
            LeftoverKind::Process => "process",
            LeftoverKind::Mount => "mount",
            LeftoverKind::Link => "link",
            LeftoverKind::Cgroup => "cgroup",
            LeftoverKind::Folder => "folder",
        };
        write!(out, "{kind} {}", self.name)
    }
}
