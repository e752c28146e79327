//! Why the source of a release cannot be had. Each says what else can be done: the file may come from anywhere.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::download::{LARGEST, MOST_REDIRECTS};
use super::known;
use crate::inventory::Version;

/// Where a release's source comes from, and where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Where the project publishes it.
    pub url: String,
    /// The file on this machine.
    pub path: PathBuf,
}

impl At {
    /// What was received so far.
    pub(super) fn part(&self) -> PathBuf {
        self.path.with_added_extension("part")
    }
}

/// The way without a network, as it stands at the end of hints.
impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, path) = (&self.url, self.path.display());
        write!(
            f,
            "Or download it on another machine and put it there; this program then needs no network for it:\n  {url}\n  {path}"
        )
    }
}

/// The source of a release cannot be had. Nothing was made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ReleaseError {
    /// Not in [`super::RELEASES`].
    #[error("release `{version}` is not known")]
    #[diagnostic(help("Name one of {} as `bitcoin.version`.", known()))]
    Unknown {
        /// What was asked for.
        version: Version,
    },
    /// No client could be made.
    #[error("the connection to {} cannot be prepared", at.url)]
    #[diagnostic(help("{at}"))]
    Client {
        /// What was to be fetched.
        at: At,
        /// Why not.
        source: reqwest::Error,
    },
    /// No connection: no network, no name, no proxy, or a certificate that is not theirs.
    #[error("{} cannot be reached ({tries} tries)", at.url)]
    #[diagnostic(help(
        "Is this machine online? A proxy is taken from HTTPS_PROXY or ALL_PROXY, except for what NO_PROXY names. {at}"
    ))]
    Unreachable {
        /// What was to be fetched.
        at: At,
        /// How often.
        tries: usize,
        /// What the last try came to.
        source: reqwest::Error,
    },
    /// A connection, and then nothing.
    #[error("{} sends nothing for {} s ({tries} tries, {got} bytes received)", at.url, after.as_secs_f32())]
    #[diagnostic(help("Run the command again: it goes on where this one ended. {at}"))]
    Silent {
        /// What was to be fetched.
        at: At,
        /// How often.
        tries: usize,
        /// How long each was waited for.
        after: Duration,
        /// What is there.
        got: u64,
    },
    /// It ends in the middle, each time.
    #[error("the connection to {} ends too early ({tries} tries, {got} bytes received)", at.url)]
    #[diagnostic(help("Run the command again: it goes on where this one ended. {at}"))]
    Cut {
        /// What was to be fetched.
        at: At,
        /// How often, since it last came on.
        tries: usize,
        /// What is there.
        got: u64,
        /// What the last try came to.
        source: reqwest::Error,
    },
    /// 404.
    #[error("{} is not there (404)", at.url)]
    #[diagnostic(help(
        "The project does not publish it there any more, or a proxy answers in its place. Name another `bitcoin.version`. {at}"
    ))]
    NotThere {
        /// What was to be fetched.
        at: At,
    },
    /// A fault of the server's.
    #[error("{} has a fault of its own ({status}, {tries} tries)", at.url)]
    #[diagnostic(help("Run the command again later. {at}"))]
    Server {
        /// What was to be fetched.
        at: At,
        /// What it says.
        status: u16,
        /// How often.
        tries: usize,
    },
    /// Another status.
    #[error("{} is refused to us ({status})", at.url)]
    #[diagnostic(help("Does a proxy or firewall answer in its place? {at}"))]
    Refused {
        /// What was to be fetched.
        at: At,
        /// What it says.
        status: u16,
    },
    /// Not where we go.
    #[error("{} leads to `{to}`, and only https is followed, {MOST_REDIRECTS} times at the most", at.url)]
    #[diagnostic(help("A proxy or the login page of a network does this. {at}"))]
    Redirect {
        /// What was to be fetched.
        at: At,
        /// Where it leads.
        to: String,
    },
    /// No release is that large.
    #[error("{} is larger than {} MiB, so it is not the source of Bitcoin Core", at.url, LARGEST >> 20)]
    #[diagnostic(help("A proxy or the login page of a network does this. {at}"))]
    TooLarge {
        /// What was to be fetched.
        at: At,
    },
    /// What was fetched is something else.
    #[error(
        "what {} gives is not this release\n  its SHA-256 is {is}\n       and not {wanted}", at.url
    )]
    #[diagnostic(help(
        "What was received is removed. If it stays so, something between here and the project changes it: a proxy, the login page of a network, or an attack. {at}"
    ))]
    Sum {
        /// What was to be fetched.
        at: At,
        /// What it is.
        is: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// The file that is there is something else.
    #[error(
        "{} is not this release\n  its SHA-256 is {is}\n       and not {wanted}", at.path.display()
    )]
    #[diagnostic(help(
        "Put the right one in its place, or remove it and run the command again, which fetches {}. It is left alone: this program puts nothing there whose sum is wrong.", at.url
    ))]
    Another {
        /// What it should be.
        at: At,
        /// What it is.
        is: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// ENOSPC.
    #[error("no room for the source of Bitcoin Core: the disk of {} is full", path.display())]
    #[diagnostic(help(
        "It takes about 15 MB: make room, or name another folder in XDG_CACHE_HOME. What was received is kept."
    ))]
    Full {
        /// The file that was written.
        path: PathBuf,
    },
    /// A file or folder cannot be used.
    #[error("the source of Bitcoin Core cannot be kept in {}", path.display())]
    #[diagnostic(help("Let this account write there, or name another folder in XDG_CACHE_HOME."))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ReleaseError {
    /// What an error of the file system at `path` is.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| match source.kind() {
            io::ErrorKind::StorageFull => Self::Full { path },
            _ => Self::Io { path, source },
        }
    }
}
