//! What a host's files take.
//!
//! A host's own file system is asked. A local host without a disk of its own lies on an overlay over a shared
//! one, which only tells how full the machine is: there the files are counted, in the background and never more
//! than a fiftieth of the time.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{statfs, statvfs};

/// The node's: `bitcoin.prune` says how much it keeps.
const NODE: &str = "/var/lib/bitcoind";

/// From statfs(2).
const OVERLAY: u64 = 0x794c_7630;
const TMPFS: u64 = 0x0102_1994;

/// A count that took a second is followed by so many without.
const REST: u32 = 50;

/// A thread that measures again and again.
#[derive(Debug)]
pub(super) struct Files {
    latest: Arc<Mutex<Option<u64>>>,
}

impl Files {
    /// `own`: whether an overlay lies over a file system that is the host's alone.
    pub(super) fn watch(interval: Duration, own: bool) -> Self {
        let latest = Arc::new(Mutex::new(None));
        let publish = Arc::clone(&latest);
        std::thread::spawn(move || {
            loop {
                let start = Instant::now();
                if let Some(used) = used(own) {
                    *publish.lock().unwrap_or_else(PoisonError::into_inner) = Some(used);
                }
                std::thread::sleep(interval.max(start.elapsed() * REST));
            }
        });
        Self { latest }
    }

    /// What was measured since the last call.
    pub(super) fn measured(&self) -> Option<u64> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.take()
    }
}

/// Bytes of the host's files, without the node's.
fn used(own: bool) -> Option<u64> {
    let root = Path::new("/");
    if !own && is(root, OVERLAY) {
        return Some(count(root, Path::new(NODE)));
    }
    // An overlay answers for the file system that its upper layer is on.
    let all = statvfs(root).ok()?;
    let used = all.f_blocks.saturating_sub(all.f_bfree) * all.f_frsize;
    Some(used.saturating_sub(count(Path::new(NODE), Path::new(""))))
}

/// Bytes of files that lie in memory.
pub(super) fn in_memory() -> u64 {
    let places = ["/tmp", "/run", "/dev/shm"].map(Path::new);
    let used = |place: &&Path| {
        let all = statvfs(*place).ok()?;
        Some(all.f_blocks.saturating_sub(all.f_bfree) * all.f_frsize)
    };
    let places = places.iter().filter(|place| is(place, TMPFS));
    places.filter_map(used).sum()
}

fn is(place: &Path, kind: u64) -> bool {
    // As wide and as signed as the machine has it.
    statfs(place).is_ok_and(|it| it.f_type as u64 & 0xffff_ffff == kind)
}

/// Bytes of all files below `top` on its file system but those below `without`; a file of several names counts
/// once. What cannot be looked at, counts nothing.
fn count(top: &Path, without: &Path) -> u64 {
    let Ok(device) = std::fs::symlink_metadata(top).map(|it| it.dev()) else {
        return 0;
    };
    let mut seen = HashSet::new();
    let mut bytes = 0;
    let mut folders: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            // Of the entry itself, not of what a link leads to.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                // An overlay's folders are all on one device; its files need not be.
                let path = entry.path();
                if metadata.dev() == device && path != without {
                    folders.push(path);
                }
            } else if metadata.nlink() > 1 && !seen.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            // In pieces of 512 bytes, whatever the file system's own are (stat(2)).
            bytes += metadata.blocks() * 512;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_once_and_where_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        let block = vec![1; 1 << 20];
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        std::fs::create_dir(top.join("node")).unwrap();
        let before = count(top, &top.join("node"));
        std::fs::write(top.join("a/b/file"), &block).unwrap();
        std::fs::hard_link(top.join("a/b/file"), top.join("a/again")).unwrap();
        std::os::unix::fs::symlink(top.join("a/b/file"), top.join("link")).unwrap();
        std::os::unix::fs::symlink(top, top.join("a/round")).unwrap();
        std::fs::write(top.join("node/blocks"), &block).unwrap();
        // A hole takes nothing.
        let hole = std::fs::File::create(top.join("hole")).unwrap();
        hole.set_len(1 << 30).unwrap();
        let sync = std::process::Command::new("sync")
            .arg("-f")
            .arg(top)
            .status();
        assert!(sync.unwrap().success());
        let more = count(top, &top.join("node")) - before;
        assert!((1 << 20..(1 << 20) + 65536).contains(&more), "{more}");
        assert_eq!(count(&top.join("nothing"), top), 0);
    }
}
