//! Hosts on this machine: systemd-nspawn containers with a real systemd, sshd, network and eBPF.
//! For rehearsals and tests. Not a security boundary: root in such a host is root on the machine's
//! kernel, with every capability.
//!
//! What makes up a host, and where it is found again after the tool has ended:
//! - a folder `/var/lib/workshop/local/<workshop>/<host>`: its record, and the overlay's upper
//!   layer over a base image that all hosts share ([`Local::ensure_image`]); with a limited disk
//!   that layer lies on a file system of its own, in a sparse file;
//! - a cgroup `workshop-<workshop>/<host>` that holds every process of it, and its limits;
//! - a link `vb-<workshop>-<index>` on the bridge `ws-<workshop>`.
//!
//! Its mounts exist in a mount namespace of its own only, so the kernel takes them away with the
//! last process, however that came about, and with them the loop device of its disk.
//!
//! Calls for different hosts may run side by side. That no two runs of the tool work on the same
//! workshop at once is the caller's business (the state's lock).

use std::fmt;

mod error;
mod subnet;
pub use error::{LocalError, Missing};
pub use subnet::Subnet;

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod container;
#[cfg(target_os = "linux")]
mod disk;
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
