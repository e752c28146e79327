//! What is traced: a program's file, opened once.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::Error;
use crate::usdt::{self, Machine, Tracepoints};

/// Whose events count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every process that runs this file, now or later.
    Path(PathBuf),
    /// One process that runs now.
    Pid(u32),
}

impl Target {
    /// Every process that runs the file at `path`.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::Path(path.into())
    }
}

/// A program's file, held open: its notes and its probes are of one inode, whatever the path becomes.
#[derive(Debug)]
pub(super) struct Program {
    file: File,
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    pub(super) tracepoints: Tracepoints,
}

/// Which file it is, by more than its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    pub(super) device: u64,
    pub(super) number: u64,
    /// A linker that writes into the same file changes this.
    modified: (i64, i64),
}

impl Inode {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            number: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// Whether both are one file, changed or not.
    pub(super) fn same_file(self, other: Self) -> bool {
        (self.device, self.number) == (other.device, other.number)
    }
}

impl Program {
    /// Opens what a target names.
    pub(super) fn open(target: &Target) -> Result<Self, Error> {
        let (path, name) = match target {
            Target::Path(path) => (path.clone(), path.clone()),
            Target::Pid(pid) => {
                let link = PathBuf::from(format!("/proc/{pid}/exe"));
                let name = std::fs::read_link(&link)
                    .map_err(|source| Error::NoProcess { pid: *pid, source })?;
                (link, name)
            }
        };
        // Before it is read: what is written meanwhile shows when it is looked at again.
        let before = std::fs::metadata(&path).map(|metadata| Inode::of(&metadata));
        let (file, tracepoints) = usdt::open_file(&path)?;
        let opened = file.metadata().map_err(|source| {
            Error::File(usdt::Error::Open {
                path: path.clone(),
                source,
            })
        })?;
        let opened = Inode::of(&opened);
        // Another file may have got the name in between.
        let inode = before
            .ok()
            .filter(|before| before.same_file(opened))
            .unwrap_or(opened);
        if tracepoints.tracepoints.is_empty() {
            return Err(Error::NoTracepoints { path: name });
        }
        if tracepoints.machine != Machine::HERE {
            return Err(Error::OtherMachine {
                path: name,
                machine: tracepoints.machine,
            });
        }
        Ok(Self {
            file,
            path: name,
            inode,
            tracepoints,
        })
    }

    /// A path that leads to the open file and nowhere else.
    pub(super) fn kernel_path(&self) -> PathBuf {
        Path::new("/proc/self/fd").join(self.file.as_raw_fd().to_string())
    }
}
