//! One run at a time works on a workshop; whoever comes second is told who holds it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The lock, held until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Locked {
    _file: File,
}

/// Who holds a lock; written into its file for whoever comes second.
#[derive(Debug, Serialize, Deserialize)]
pub struct Holder {
    /// Their process.
    pub pid: u32,
    /// What they do: `provision`, `destroy`.
    pub doing: String,
    /// Since when.
    pub since: jiff::Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`workshop {}` (process {}, since {:.0})",
            self.doing, self.pid, self.since
        )
    }
}

/// The lock cannot be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LockError {
    /// Somebody has it.
    #[error("{} works on this workshop", holder.as_ref().map_or("another run".to_owned(), ToString::to_string))]
    #[diagnostic(help(
        "Wait for it to end. The lock ends with its process; there is nothing to clean up."
    ))]
    Held {
        /// Who, where the file tells.
        holder: Option<Holder>,
    },
    /// The file cannot be used.
    #[error("cannot lock {}", path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Locked {
    /// Takes the lock or says who has it; never waits.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(path: &Path, doing: &str) -> Result<Self, LockError> {
        let io = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.read_to_string(&mut text);
                return Err(LockError::Held {
                    holder: serde_json::from_str(&text).ok(),
                });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        let holder = Holder {
            pid: std::process::id(),
            doing: doing.to_owned(),
            since: jiff::Timestamp::now(),
        };
        let text = serde_json::to_vec(&holder).map_err(|error| io(error.into()))?;
        file.set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(&text))
            .map_err(io)?;
        Ok(Self { _file: file })
    }
}
