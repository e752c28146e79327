//! The folder of handouts: every file in it is whole, and an interrupted run changes none.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Where a run puts its files until all are made, with the process's number behind it: a helper that a killed run
/// left behind still writes to a folder of its own, which the next run takes away.
const STAGE: &str = ".workshop-new-";

/// A folder that is being written.
#[derive(Debug)]
pub struct Folder {
    at: PathBuf,
    stage: PathBuf,
    /// In the order in which they were made.
    names: Vec<String>,
    // Last: the next run begins when all of this is over.
    _lock: File,
}

/// The folder cannot be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum FolderError {
    /// Another run is at it.
    #[error("another run is writing to {}", at.display())]
    #[diagnostic(help("wait until it has ended, or name another folder with --output"))]
    Busy {
        /// The folder.
        at: PathBuf,
    },
    /// The disk says no.
    #[error("cannot write the handouts")]
    Io(#[from] io::Error),
}

impl Folder {
    /// Begins to write into `at`, which is made when it is missing.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn open(at: &Path) -> Result<Self, FolderError> {
        fs_err::create_dir_all(at)?;
        // Standard Rust locks files; a folder is one, and so the lock leaves no file behind.
        let lock = File::open(at)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::Busy { at: at.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        for entry in fs_err::read_dir(at)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(STAGE) {
                remove(&entry.path())?;
            }
        }
        let stage = at.join(format!("{STAGE}{}", std::process::id()));
        fs_err::create_dir(&stage)?;
        Ok(Self {
            at: at.to_owned(),
            stage,
            names: Vec::new(),
            _lock: lock,
        })
    }

    /// A new file of that name, such as `cards/zoo.html`, which appears with all the others.
    ///
    /// # Errors
    /// What the file system says.
    pub fn create(&mut self, name: &str) -> io::Result<BufWriter<fs_err::File>> {
        let path = self.stage.join(name);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let file = fs_err::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?;
        self.names.push(name.to_owned());
        Ok(BufWriter::new(file))
    }

    /// Where a program of ours may make files itself; [`Folder::made`] tells of each.
    pub fn stage(&self) -> &Path {
        &self.stage
    }

    /// That a file of that name was made in [`Folder::stage`].
    pub fn made(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    /// Puts everything in its place, and takes away what `outdated` says of the other files, given their names.
    /// Returns the names of what was written and of what was taken away.
    ///
    /// Each file is replaced in one step. Nothing waits for the disk: after a power cut handouts are made again.
    ///
    /// # Errors
    /// What the file system says.
    pub fn commit(
        mut self,
        outdated: impl Fn(&str) -> bool,
    ) -> io::Result<(Vec<String>, Vec<String>)> {
        for name in &self.names {
            let to = self.at.join(name);
            if let Some(parent) = to.parent() {
                fs_err::create_dir_all(parent)?;
            }
            fs_err::rename(self.stage.join(name), to)?;
        }
        remove(&self.stage)?;
        let written: BTreeSet<&str> = self.names.iter().map(String::as_str).collect();
        let mut removed = Vec::new();
        for name in listed(&self.at)? {
            if !written.contains(name.as_str()) && outdated(&name) {
                fs_err::remove_file(self.at.join(&name))?;
                removed.push(name);
            }
        }
        Ok((std::mem::take(&mut self.names), removed))
    }
}

/// Without a commit, what was there before stays as it was.
impl Drop for Folder {
    fn drop(&mut self) {
        // A stage that cannot be removed is removed by the next run.
        let _ = remove(&self.stage);
    }
}

fn remove(stage: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(stage) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The files in the folder and in its folders, by name.
fn listed(at: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(at.join(&folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let name = format!("{folder}{name}");
            // Only one level down, and never through a link.
            if entry.file_type()?.is_dir() {
                if folder.is_empty() {
                    folders.push(format!("{name}/"));
                }
            } else {
                names.insert(name);
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn put(folder: &mut Folder, name: &str, text: &str) {
        folder
            .create(name)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn read(at: &Path, name: &str) -> Option<String> {
        std::fs::read_to_string(at.join(name)).ok()
    }

    #[test]
    fn files_appear_together_and_only_what_is_outdated_goes() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("handouts");
        let mut folder = Folder::open(&at).unwrap();
        put(&mut folder, "table.html", "old");
        put(&mut folder, "cards/zoo.html", "zoo");
        put(&mut folder, "cards/able.html", "able");
        assert_eq!(read(&at, "table.html"), None);
        folder.commit(|_| true).unwrap();
        std::fs::write(at.join("notes.txt"), "mine").unwrap();

        let mut folder = Folder::open(&at).unwrap();
        put(&mut folder, "table.html", "new");
        put(&mut folder, "cards/zoo.html", "zoo");
        let (written, removed) = folder.commit(|name| name.starts_with("cards/")).unwrap();
        assert_eq!(written, ["table.html", "cards/zoo.html"]);
        assert_eq!(removed, ["cards/able.html"]);
        assert_eq!(read(&at, "table.html").as_deref(), Some("new"));
        assert_eq!(read(&at, "notes.txt").as_deref(), Some("mine"));
        assert_eq!(stages(&at), 0);
    }

    fn stages(at: &Path) -> usize {
        let names = std::fs::read_dir(at)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with(STAGE))
            .count()
    }

    #[test]
    fn a_run_that_was_given_up_or_killed_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        put(&mut folder, "table.html", "old");
        folder.commit(|_| false).unwrap();

        let mut folder = Folder::open(dir.path()).unwrap();
        put(&mut folder, "table.html", "half");
        drop(folder);
        assert_eq!(read(dir.path(), "table.html").as_deref(), Some("old"));
        assert_eq!(stages(dir.path()), 0);

        // Killed: nobody tidied up, and the lock went with the process.
        let left = dir.path().join(format!("{STAGE}1"));
        std::fs::create_dir_all(left.join("cards")).unwrap();
        std::fs::write(left.join("table.html"), "half").unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        put(&mut folder, "table.html", "new");
        folder.commit(|_| false).unwrap();
        assert_eq!(read(dir.path(), "table.html").as_deref(), Some("new"));
        assert_eq!(stages(dir.path()), 0);
    }

    #[test]
    fn only_one_run_writes() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Folder::open(dir.path()).unwrap();
        assert!(matches!(
            Folder::open(dir.path()),
            Err(FolderError::Busy { .. })
        ));
    }
}
