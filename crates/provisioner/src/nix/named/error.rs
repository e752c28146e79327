//! Why a named cache does not give what is wanted.

use std::io;
use std::path::PathBuf;

use super::super::{NarInfoError, RecordError};
use crate::nix::cache::CacheError;

/// The named cache does not give what is wanted.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum NamedError {
    /// No client can be made.
    #[error("this machine cannot speak HTTP")]
    Client {
        /// Why not.
        source: reqwest::Error,
    },
    /// Nothing was sent.
    #[error("cannot reach {url}")]
    #[diagnostic(help(
        "Does a browser on this machine get to it? `bitcoin.cache.url` names the cache."
    ))]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why not.
        source: reqwest::Error,
    },
    /// No whole answer in time.
    #[error("{url}: no answer in time")]
    #[diagnostic(help("Run again: what came whole is kept."))]
    Slow {
        /// What was asked for.
        url: String,
    },
    /// The connection ended before the answer did.
    #[error("{url}: the connection was cut")]
    #[diagnostic(help("Run again: what came whole is kept."))]
    Cut {
        /// What was asked for.
        url: String,
        /// How.
        source: reqwest::Error,
    },
    /// It has another build, or none.
    #[error("{cache} has no build of this")]
    #[diagnostic(help(
        "A build is of one Bitcoin Core, one `workshop` program and one system of the hosts. Whoever keeps the cache provisions with the same three and exports again: `workshop cache export DIR`."
    ))]
    NoBuild {
        /// The cache.
        cache: String,
    },
    /// A file that must be there is not.
    #[error("{url} is missing")]
    #[diagnostic(help(
        "The cache is not whole: whoever keeps it runs `workshop cache export DIR` again, which adds what is missing."
    ))]
    Missing {
        /// What was asked for.
        url: String,
    },
    /// Neither there nor missing.
    #[error("{url}: the server answered {status}")]
    #[diagnostic(help("The folder must be readable by everybody, without a log-in."))]
    Status {
        /// What was asked for.
        url: String,
        /// HTTP's number.
        status: u16,
    },
    /// Longer than it can be.
    #[error(
        "{url} is longer than {longest} bytes, so it is not what `workshop cache export` wrote"
    )]
    #[diagnostic(help("Is `bitcoin.cache.url` the folder that has nix-cache-info in it?"))]
    TooLong {
        /// What was asked for.
        url: String,
        /// Where reading ended.
        longest: u64,
    },
    /// Bytes.
    #[error("{url} is no text, so it is not what `workshop cache export` wrote")]
    #[diagnostic(help("Is `bitcoin.cache.url` the folder that has nix-cache-info in it?"))]
    NotText {
        /// What was asked for.
        url: String,
    },
    /// Something else lies there.
    #[error("{url} is no record of a build, so it is not what `workshop cache export` wrote")]
    #[diagnostic(help(
        "Is `bitcoin.cache.url` the folder that has nix-cache-info in it? Networks that want a log-in answer so too."
    ))]
    NotRecord {
        /// What was asked for.
        url: String,
    },
    /// A record that does not count.
    #[error("{url} does not count")]
    #[diagnostic(help(
        "Compare `bitcoin.cache` with what `workshop cache export` printed to whoever keeps the cache. If it is the same, somebody has changed the files."
    ))]
    Record {
        /// What was asked for.
        url: String,
        /// Why not.
        source: RecordError,
    },
    /// Other paths than those which this machine built of the same inputs.
    #[error("{cache} has another build of this than this machine")]
    #[diagnostic(help(
        "Is the compiler of the hosts' system another one since? This machine's own build is used."
    ))]
    Other {
        /// The cache.
        cache: String,
    },
    /// A `.narinfo` that Nix would not take.
    #[error("{url} is not what Nix wrote into a cache")]
    #[diagnostic(help("Is `bitcoin.cache.url` the folder that has nix-cache-info in it?"))]
    NarInfo {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        source: NarInfoError,
    },
    /// A path that the key of the inventory has not signed.
    #[error("{url} is not signed by {wanted}")]
    #[diagnostic(help("Somebody else has written into the cache: nothing of it was taken."))]
    Unsigned {
        /// What was asked for.
        url: String,
        /// The name of the key that the inventory names.
        wanted: String,
    },
    /// An archive that is not the signed one.
    #[error("{url} is not the archive that was signed: {why}")]
    #[diagnostic(help(
        "What came of it was deleted. The file on the web server is spoiled: whoever keeps the cache runs `workshop cache export DIR` again, which mends it."
    ))]
    Archive {
        /// What was asked for.
        url: String,
        /// How that shows.
        why: String,
    },
    /// No room here.
    #[error("the disk is full: {url} does not fit into {}", folder.display())]
    #[diagnostic(help("Make room and run again: what came whole is kept."))]
    Full {
        /// What was asked for.
        url: String,
        /// Where it was to go.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// This machine's own cache.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
}

impl NamedError {
    pub(super) fn lost(url: String, error: reqwest::Error) -> Self {
        // The message of the error names the address a second time.
        let source = error.without_url();
        if source.is_connect() {
            Self::Unreachable { url, source }
        } else if source.is_timeout() {
            Self::Slow { url }
        } else {
            Self::Cut { url, source }
        }
    }
}
