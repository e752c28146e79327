//! Why nobody can join.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::host::keys::KeyFileError;
use crate::inventory::Problems;
use crate::state::{LockError, WorkplaceError};

/// The server cannot begin.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RegisterError {
    /// The inventory has problems of its own.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Inventory(#[from] Problems),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    #[diagnostic(help(
        "Is something else listening there? `--listen 0.0.0.0:2223` takes another port; ports below 1024 need root."
    ))]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The workshop's folder.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Workplace(#[from] WorkplaceError),
    /// Another `workshop register` runs here.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// The server's own key.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyFileError),
    /// Who asked so far.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] StoreError),
}

/// The file of those who asked cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum StoreError {
    /// Reading or writing failed.
    #[error("cannot use {}", path.display())]
    #[diagnostic(help(
        "Nobody is told that they asked before that is written down. Is the disk full or read-only?"
    ))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not what we write.
    #[error("{} is not what `workshop register` writes", path.display())]
    #[diagnostic(help(
        "Restore it from a copy, or move it away: then only those who are not in the inventory yet have to ask again."
    ))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A newer `workshop` wrote it.
    #[error("{} was written by a newer version (format {found})", path.display())]
    #[diagnostic(help("Use the newer `workshop` for this workshop."))]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it names.
        found: u32,
    },
}
