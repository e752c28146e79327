//! Which programs and tracepoints bpftrace has hooked, by what the kernel says and not by what the script says.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use exercises::tasks::task3::Hooked;
use exercises::tracepoint::Tracepoint;
use probe::usdt;

/// Of a script that hooks a whole system so many files are looked at.
const FILES: usize = 16;
/// So many places are told.
const PLACES: usize = 256;

/// What the process has hooked; none when that cannot be seen.
pub(super) fn by(pid: u32, binary: &Path, tree: &Path) -> Option<Vec<Hooked>> {
    let tested = inode(&std::fs::metadata(binary).ok()?);
    // Its own BEGIN and END are uprobes too.
    let own = std::fs::metadata(format!("/proc/{pid}/exe"))
        .ok()
        .map(|metadata| inode(&metadata));
    let mut files: HashMap<(u64, u64), Option<usdt::Tracepoints>> = HashMap::new();
    let mut hooked = Vec::new();
    for place in probe::hooked_by(pid).ok()?.into_iter().take(PLACES) {
        let Ok(metadata) = std::fs::metadata(&place.path) else {
            continue;
        };
        let inode = inode(&metadata);
        if Some(inode) == own {
            continue;
        }
        if files.len() < FILES {
            files
                .entry(inode)
                .or_insert_with(|| usdt::read_file(&place.path).ok());
        }
        let tracepoints = files.get(&inode).and_then(Option::as_ref);
        hooked.push(Hooked {
            file: shown(&place.path, tree),
            tested: inode == tested,
            tracepoint: tracepoints.and_then(|all| at(all, place.offset)),
        });
    }
    Some(hooked)
}

/// Whether the process has hooked anything at all.
pub(super) fn anything(pid: u32) -> bool {
    probe::hooked_by(pid).is_ok_and(|places| !places.is_empty())
}

fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn at(all: &usdt::Tracepoints, offset: u64) -> Option<Tracepoint> {
    all.tracepoints
        .iter()
        .find(|one| one.sites.iter().any(|site| site.offset == Some(offset)))
        .map(|one| Tracepoint::new(one.id.provider.clone(), one.id.name.clone()))
}

/// From the top of the tree, where it is in the tree.
fn shown(path: &Path, tree: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.strip_prefix(tree)
        .unwrap_or(&path)
        .display()
        .to_string()
}
