//! What another tracer has hooked.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::sys;

/// A place in a file that a process has hooked a program into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hooked {
    /// The file, as a path that we can open while the process runs.
    pub path: PathBuf,
    /// Where the instruction lies in it.
    pub offset: u64,
}

/// The uprobes that a tracer holds right now, USDT among them, in no order. Each of them has its program: what it
/// has only opened is not told yet.
///
/// # Errors
/// When we may not look at the process, or it is gone.
pub fn hooked_by(pid: u32) -> io::Result<Vec<Hooked>> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(process.join("fd"))? {
        let entry = entry?;
        // File descriptors come and go while we look.
        let Ok(kind) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let name = entry.file_name();
        let Some(fd) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let (hooked, path) = match kind.as_os_str().as_bytes() {
            b"anon_inode:[perf_event]" => {
                let hooked = sys::perf_event(pid, fd)?;
                let path = hooked.as_ref().map(|one| named_by(&process, &one.path));
                (hooked, path)
            }
            b"anon_inode:bpf_link" | b"anon_inode:bpf-link" => {
                let info = std::fs::read_to_string(process.join("fdinfo").join(&name));
                let id = info.ok().as_deref().and_then(link_id);
                // Before Linux 6.8 a link does not tell.
                let hooked = id.and_then(|id| sys::link(id).unwrap_or_default());
                // The kernel tells the path as we see it.
                let path = hooked.as_ref().map(|one| as_path(&one.path).to_owned());
                (hooked, path)
            }
            _ => continue,
        };
        if let (Some(hooked), Some(path)) = (hooked, path) {
            found.extend(hooked.offsets.into_iter().map(|offset| Hooked {
                path: path.clone(),
                offset,
            }));
        }
    }
    Ok(found)
}

/// A path as the process named it to the kernel, made one that leads us there.
fn named_by(process: &Path, path: &[u8]) -> PathBuf {
    let path = as_path(path);
    if let Ok(rest) = path.strip_prefix("/proc/self") {
        process.join(rest)
    } else if let Ok(rest) = path.strip_prefix("/") {
        process.join("root").join(rest)
    } else {
        process.join("cwd").join(path)
    }
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

fn link_id(info: &str) -> Option<u32> {
    info.lines()
        .find_map(|line| line.strip_prefix("link_id:"))
        .and_then(|id| id.trim().parse().ok())
}
