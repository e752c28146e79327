//! Which processes run a file, and which run another file of that name.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::target::{Inode, Program};

/// Processes that run a program, or what looks like it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Processes that run this very file: their events are seen.
    pub pids: Vec<u32>,
    /// Processes that run another file of the same name, such as a copy or the file before it was rebuilt:
    /// a probe belongs to a file, so their events are not seen.
    pub others: Vec<(u32, PathBuf)>,
}

impl Running {
    pub(super) fn find(program: &Program) -> Self {
        let mut found = Self::default();
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return found;
        };
        for entry in processes.filter_map(Result::ok) {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let exe = entry.path().join("exe");
            // Kernel threads have none, and processes come and go.
            let Ok(metadata) = std::fs::metadata(&exe) else {
                continue;
            };
            if Inode::of(&metadata).same_file(program.inode) {
                found.pids.push(pid);
            } else if let Ok(path) = std::fs::read_link(&exe)
                && name(&path) == name(&program.path)
            {
                found.others.push((pid, path));
            }
        }
        found.pids.sort_unstable();
        found.others.sort_unstable();
        found
    }
}

/// A file's name, without what the kernel appends when the file is gone.
fn name(path: &Path) -> Option<&OsStr> {
    let name = path.file_name()?;
    Some(
        match name
            .to_str()
            .and_then(|name| name.strip_suffix(" (deleted)"))
        {
            Some(name) => OsStr::new(name),
            None => name,
        },
    )
}
