//! Files, and whether they have changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What differs after every change: an editor writes another file in its place, a compiler another time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    file: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

impl Mark {
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self {
            file: (file.dev(), file.ino()),
            size: file.size(),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// Files as they were when they were last looked at.
#[derive(Debug)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    marks: Vec<Option<Mark>>,
}

impl Files {
    pub(super) fn of(paths: Vec<PathBuf>) -> Self {
        let marks = marks(&paths);
        Self { paths, marks }
    }

    /// Whether one is another than when they were last looked at.
    pub(super) fn have_changed(&mut self) -> bool {
        let now = marks(&self.paths);
        let changed = now != self.marks;
        self.marks = now;
        changed
    }
}

fn marks(paths: &[PathBuf]) -> Vec<Option<Mark>> {
    paths.iter().map(|path| Mark::of(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_change_a_file_is_seen_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.yaml");
        let other = folder.path().join("other");
        let mut files = Files::of(vec![path.clone(), other.clone()]);
        let mut seen_once = || files.have_changed() && !files.have_changed();
        std::fs::write(&path, "a").unwrap();
        assert!(seen_once(), "it came to be");
        std::fs::write(&path, "ab").unwrap();
        assert!(seen_once(), "it grew");
        std::fs::write(&other, "ba").unwrap();
        assert!(seen_once(), "another came to be");
        std::fs::rename(&other, &path).unwrap();
        assert!(seen_once(), "another took its place");
        std::fs::remove_file(&path).unwrap();
        assert!(seen_once(), "it went away");
        assert!(!seen_once());
    }
}
