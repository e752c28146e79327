//! Official releases of Bitcoin Core: which ones there are, and the source of one as a file of this machine.
//!
//! The file is fetched once and kept in the user's cache folder. One that is there already, however it came
//! there, is used without any network if its SHA-256 is the one that this program knows.

mod download;
mod error;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use download::Patience;
pub use error::{At, ReleaseError};

use super::source::{Source, digest};
use crate::inventory::Version;
use crate::job::Reporter;
use crate::state::files::sync_folder;

/// Where the project publishes.
const PUBLISHED: &str = "https://bitcoincore.org/bin";

/// Between two looks at a lock that another run holds: short for whoever waits, and no load.
const LOCK_LOOK: Duration = Duration::from_millis(250);

/// A release whose source this program knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// SHA-256 of `bitcoin-VERSION.tar.gz`, in hex.
    pub sum: &'static str,
}

const fn release(major: u16, minor: u16, sum: &'static str) -> Release {
    let version = Version { major, minor };
    Release { version, sum }
}

/// Every release that hosts can be made with, oldest first: those that build with CMake.
///
/// The sums are what independent builders of the project found and signed: the files
/// `VERSION/*/noncodesigned.SHA256SUMS` of <https://github.com/bitcoin-core/guix.sigs>. As of its commit
/// 3f072b34 each of these has 11 to 24 valid signatures of keys in its `builder-keys`, and nobody signed another one.
///
/// For the next release, in a clone of that repository:
/// `git grep -h ' bitcoin-VERSION.tar.gz$' -- VERSION | sort | uniq -c` must print one line with a sum that many
/// people found; each person's signature is in the `.asc` file beside it. Then add the line here; inventory, schema,
/// template and plan follow (`UPDATE_SCHEMA=1 cargo test -p provisioner --test schema`).
#[rustfmt::skip]
pub static RELEASES: [Release; 11] = [
    release(29, 0, "882c782c34a3bf2eacd1fae5cdc58b35b869883512f197f7d6dc8f195decfdaa"),
    release(29, 1, "067f624ae273b0d85a1554ffd7c098923351a647204e67034df6cc1dfacfa06b"),
    release(29, 2, "a529d75d0512317d6334bb9fd74cb6ddca3b1eb345d2e9e31b66136583ecc045"),
    release(29, 3, "d649b349fb351c5e900d9acd1af53f17a0ddcbab6b2c64db3fb9b82ced6d1756"),
    release(29, 4, "50e825c24316f7f8d24bfc953fbe95c16a14b56f2adee7e7728e35aeab094f3a"),
    release(30, 0, "9b472a4d51dfed9aa9d0ded2cb8c7bcb9267f8439a23a98f36eb509c1a5e6974"),
    release(30, 1, "5d5518782c3000f64717ec1b4291e7e609a1f900d9729ee83c982243779c3f43"),
    release(30, 2, "6fd00b8c42883d5c963901ad4109a35be1e5ec5c2dc763018c166c21a06c84cb"),
    release(30, 3, "ef8a2dce3f18cd451fc928f2fe57f1ddda21fcde9e91879de2825b146c80526a"),
    release(31, 0, "0ba0ef5eea3aefd96cc1774be274c3d594812cfac0988809d706738bb067b3e3"),
    release(31, 1, "50411d5b43c7e4c90099394759eb6c2add6e7c2dbe728840893d638b6fc6afc9"),
];

/// All versions, for messages.
pub(crate) fn known() -> String {
    let versions: Vec<String> = RELEASES.iter().map(|one| one.version.to_string()).collect();
    versions.join(", ")
}

/// What of a release's source is on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// All of it.
    Here,
    /// Nothing, or a part.
    Missing,
    /// A file with another sum, which is not ours to remove.
    Another,
}

impl Release {
    /// The release of that version, if it is known.
    pub fn of(version: Version) -> Option<&'static Self> {
        RELEASES.iter().find(|known| known.version == version)
    }

    /// Where it comes from, and where it is kept in `folder`.
    pub fn at(&self, folder: &Path) -> At {
        self.at_of(PUBLISHED, folder)
    }

    /// Looks at the file in `folder`, and at nothing else.
    ///
    /// # Errors
    /// [`ReleaseError::Io`]: it is there and cannot be read.
    pub fn standing(&self, folder: &Path) -> Result<Standing, ReleaseError> {
        Ok(match sum_at(&self.at(folder).path)? {
            None => Standing::Missing,
            Some(sum) if sum == self.sum => Standing::Here,
            Some(_) => Standing::Another,
        })
    }

    /// The archive in `folder`, fetched if it is not there.
    ///
    /// # Errors
    /// [`ReleaseError`]; what was received of it stays, and the next call goes on with it.
    pub async fn source(&self, folder: &Path, report: &Reporter) -> Result<Source, ReleaseError> {
        self.source_of(PUBLISHED, folder, &Patience::default(), report)
            .await
    }

    fn at_of(&self, base: &str, folder: &Path) -> At {
        let version = self.version;
        let name = format!("bitcoin-{version}.tar.gz");
        At {
            url: format!("{base}/bitcoin-core-{version}/{name}"),
            path: folder.join(name),
        }
    }

    async fn source_of(
        &self,
        base: &str,
        folder: &Path,
        patience: &Patience,
        report: &Reporter,
    ) -> Result<Source, ReleaseError> {
        let at = self.at_of(base, folder);
        if !self.is_at(&at)? {
            std::fs::create_dir_all(folder).map_err(ReleaseError::io(folder))?;
            let _lock = lock(folder, report).await?;
            // Another run may have fetched it while we waited.
            if !self.is_at(&at)? {
                self.fetch(&at, patience, report).await?;
            }
        }
        Ok(Source {
            archive: at.path,
            sum: self.sum.to_owned(),
            root: format!("bitcoin-{}", self.version),
            version: self.version.to_string(),
            // Releases are whole trees.
            wallet: true,
        })
    }

    /// Whether the right file is there; another one is an error.
    fn is_at(&self, at: &At) -> Result<bool, ReleaseError> {
        match sum_at(&at.path)? {
            None => Ok(false),
            Some(sum) if sum == self.sum => Ok(true),
            Some(is) => Err(ReleaseError::Another {
                at: at.clone(),
                is,
                wanted: self.sum,
            }),
        }
    }

    /// Into its place, under the lock.
    async fn fetch(
        &self,
        at: &At,
        patience: &Patience,
        report: &Reporter,
    ) -> Result<(), ReleaseError> {
        let part = at.part();
        let mut sum = sum_at(&part)?;
        // It may be whole: a run was killed before it put it in its place.
        if sum.as_deref() != Some(self.sum) {
            let pieces = download::download(at, patience, report).await?;
            sum = sum_at(&part)?;
            // Pieces may be of two files: what was there was damaged, or the server has another one now.
            if pieces && sum.as_deref() != Some(self.sum) {
                report.doing("the pieces do not fit together, fetching it anew");
                remove(&part)?;
                download::download(at, patience, report).await?;
                sum = sum_at(&part)?;
            }
        }
        let is = sum.unwrap_or_default();
        if is != self.sum {
            remove(&part)?;
            return Err(ReleaseError::Sum {
                at: at.clone(),
                is,
                wanted: self.sum,
            });
        }
        std::fs::rename(&part, &at.path).map_err(ReleaseError::io(&at.path))?;
        let folder = at.path.parent().unwrap_or(Path::new("."));
        sync_folder(folder).map_err(ReleaseError::io(folder))?;
        report.done(format!("has the source of {}", self.version));
        Ok(())
    }
}

/// SHA-256 of the file, in hex, if it is there.
fn sum_at(path: &Path) -> Result<Option<String>, ReleaseError> {
    match std::fs::metadata(path) {
        // A device or a pipe may never end, and is nothing that we keep.
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    digest(path).map(Some).map_err(ReleaseError::io(path))
}

/// Who may fetch into `folder`. A file of its own: homes are on NFS too, where a folder cannot be locked.
async fn lock(folder: &Path, report: &Reporter) -> Result<File, ReleaseError> {
    let path = folder.join(".lock");
    let file = File::create(&path).map_err(ReleaseError::io(&path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(ReleaseError::io(folder)(error)),
        }
        if !told {
            told = true;
            report.doing("another run fetches a release, waiting");
        }
        tokio::time::sleep(LOCK_LOOK).await;
    }
}

fn remove(file: &Path) -> Result<(), ReleaseError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ReleaseError::io(file)(error)),
        _ => Ok(()),
    }
}
