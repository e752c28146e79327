//! The source files that a node is made of.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bitcoin Core has 1,500; a walk that finds more is not in its source.
const MOST_FILES: usize = 10_000;
/// The largest source file of Bitcoin Core has 400 kB.
const LARGEST: u64 = 4 << 20;
/// What no node is made of, and libraries that have sources of their own.
const LEFT_OUT: &[&str] = &[
    "bench",
    "crc32c",
    "ipc/libmultiprocess",
    "leveldb",
    "minisketch",
    "qt",
    "secp256k1",
    "test",
    "wallet/test",
];

/// The files, by their path from the top of the tree.
pub(super) struct Sources {
    tree: PathBuf,
    files: Vec<Source>,
}

/// One file.
pub(super) struct Source {
    /// From the top of the tree.
    pub(super) path: String,
    pub(super) modified: SystemTime,
    size: u64,
}

impl Sources {
    /// Finds them under `src`. What cannot be read is left out.
    pub(super) fn find(tree: &Path) -> Self {
        let mut files = Vec::new();
        let top = tree.join("src");
        let mut folders = vec![top.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path();
                // Links are not followed: they lead out of the tree, or round in it.
                let Ok(data) = entry.metadata() else { continue };
                if data.is_dir() {
                    let inside = path.strip_prefix(&top).unwrap_or(&path);
                    if !LEFT_OUT
                        .iter()
                        .any(|left_out| inside == Path::new(left_out))
                    {
                        folders.push(path);
                    }
                } else if data.is_file() && is_source(&path) && files.len() < MOST_FILES {
                    let Ok(modified) = data.modified() else {
                        continue;
                    };
                    let inside = path.strip_prefix(tree).unwrap_or(&path);
                    files.push(Source {
                        path: inside.display().to_string(),
                        modified,
                        size: data.len(),
                    });
                }
            }
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Self {
            tree: tree.to_owned(),
            files,
        }
    }

    /// Those that are newer than `moment`, the newest first.
    pub(super) fn newer_than(&self, moment: SystemTime) -> Vec<&Source> {
        let mut newer: Vec<_> = self
            .files
            .iter()
            .filter(|file| file.modified > moment)
            .collect();
        newer.sort_by_key(|file| std::cmp::Reverse(file.modified));
        newer
    }

    /// Path and text of those that hold one of `words`.
    pub(super) fn with<'a>(
        &'a self,
        words: &'a [String],
    ) -> impl Iterator<Item = (&'a str, String)> {
        let small = self.files.iter().filter(|file| file.size <= LARGEST);
        small.filter_map(move |file| {
            let bytes = std::fs::read(self.tree.join(&file.path)).ok()?;
            let text = String::from_utf8_lossy(&bytes);
            words
                .iter()
                .any(|word| text.contains(word.as_str()))
                .then(|| (file.path.as_str(), text.into_owned()))
        })
    }
}

fn is_source(path: &Path) -> bool {
    path.extension()
        .and_then(|end| end.to_str())
        .is_some_and(|end| matches!(end, "cpp" | "h" | "cc" | "hpp" | "c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_is_made_of() {
        let tree = tempfile::tempdir().unwrap();
        for name in [
            "src/init.cpp",
            "src/node/context.h",
            "src/test/x.cpp",
            "src/wallet/test/y.cpp",
            "src/wallet/z.cpp",
            "src/Makefile",
            "doc/a.cpp",
        ] {
            let path = tree.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        std::os::unix::fs::symlink("..", tree.path().join("src/round")).unwrap();
        let sources = Sources::find(tree.path());
        let names: Vec<_> = sources.files.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(
            names,
            ["src/init.cpp", "src/node/context.h", "src/wallet/z.cpp"]
        );
        let word = ["context".to_owned()];
        let with: Vec<_> = sources.with(&word).map(|(path, _)| path).collect();
        assert_eq!(with, ["src/node/context.h"]);
        assert_eq!(sources.newer_than(SystemTime::UNIX_EPOCH).len(), 3);
        assert!(sources.newer_than(SystemTime::now()).is_empty());
    }
}
