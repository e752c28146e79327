//! Which processes count, and by which numbers they go.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;

use probe_common::Process;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Error, Target};

/// Process numbers in events are told in the target's pid namespace: our own for a file, the process's for a
/// process, which may live in a container.
pub(super) fn process(target: &Target) -> Result<Process, Error> {
    let (namespace, pid) = match target {
        Target::Path(_) => ("/proc/self/ns/pid".to_owned(), None),
        Target::Pid(pid) => (format!("/proc/{pid}/ns/pid"), Some(*pid)),
    };
    let failed = |source| Error::NoProcess {
        pid: pid.unwrap_or_else(std::process::id),
        source,
    };
    let metadata = std::fs::metadata(&namespace).map_err(failed)?;
    let inner = match pid {
        Some(pid) => innermost_pid(pid).map_err(failed)?,
        None => 0,
    };
    Ok(Process {
        namespace_device: metadata.dev(),
        namespace_inode: metadata.ino(),
        pid: inner,
        reserved: 0,
    })
}

/// How the process is numbered in its own namespace: the last number of `NStgid`.
fn innermost_pid(pid: u32) -> io::Result<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("NStgid:"))
        .and_then(|numbers| numbers.split_whitespace().last()?.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its status names no NStgid"))
}

/// Becomes readable when the process has ended; its number may then belong to another.
pub(super) fn pidfd(target: &Target) -> Result<Option<OwnedFd>, Error> {
    let Target::Pid(number) = target else {
        return Ok(None);
    };
    let failed = |source| Error::NoProcess {
        pid: *number,
        source,
    };
    let pid = i32::try_from(*number)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| failed(io::Error::from(io::ErrorKind::NotFound)))?;
    pidfd_open(pid, PidfdFlags::empty())
        .map(Some)
        .map_err(|error| failed(error.into()))
}
