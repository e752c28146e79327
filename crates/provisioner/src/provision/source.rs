//! The source of Bitcoin Core that the inventory names: had before anything is made, or only looked at.

use std::path::{Path, PathBuf};

use tokio::sync::mpsc::UnboundedSender;

use super::ProvisionError;
use crate::inventory::{Bitcoin, Source as Kind};
use crate::job::{JobEvent, Reporter};
use crate::nix::cache::user_cache;
use crate::nix::release::{At, Release, ReleaseError, Standing};
use crate::nix::source::{self, Source, SourceError};

/// What its lines of progress are called. `source` alone is a word of BIP39, and may be a host.
const REPORTER: &str = "Core source";

/// Has the source as an archive of this machine; `work` is for one that is packed from a folder.
pub(super) async fn source(
    bitcoin: &Bitcoin,
    work: &Path,
    events: Option<UnboundedSender<JobEvent>>,
) -> Result<Source, ProvisionError> {
    if let Kind::Path(folder) = &bitcoin.source {
        return Ok(source::from_path(folder, work).await?);
    }
    from_elsewhere(bitcoin, events).await
}

/// Fetches what the inventory's source has to be fetched of, so that nothing is given up for hosts that could then not be
/// made.
///
/// # Errors
/// [`ProvisionError::Source`] or [`ProvisionError::Cache`].
pub async fn fetch_source(
    bitcoin: &Bitcoin,
    events: Option<UnboundedSender<JobEvent>>,
) -> Result<(), ProvisionError> {
    match &bitcoin.source {
        Kind::Path(folder) => Ok(source::check_tree(folder)?),
        Kind::Crate | Kind::Release => from_elsewhere(bitcoin, events).await.map(drop),
    }
}

async fn from_elsewhere(
    bitcoin: &Bitcoin,
    events: Option<UnboundedSender<JobEvent>>,
) -> Result<Source, ProvisionError> {
    let folder = folder()?;
    Ok(match release(bitcoin).map_err(SourceError::from)? {
        None => source::from_crate(&folder).await?,
        Some(release) => {
            let report = Reporter::new(REPORTER, events);
            let source = release.source(&folder, &report).await;
            source.map_err(SourceError::from)?
        }
    })
}

/// What `provision` will find of a release's source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ReleaseSource {
    /// Its version.
    pub version: String,
    /// Where it is fetched, if it is not here.
    pub url: String,
    /// Where it is kept.
    pub path: PathBuf,
    /// Whether it is here.
    pub standing: Standing,
}

/// Looks whether the source of the inventory's release is here; `None` where it names no release. Fetches nothing.
///
/// # Errors
/// The file cannot be read, or there is no home to look in.
pub fn look_at_source(bitcoin: &Bitcoin) -> Result<Option<ReleaseSource>, ProvisionError> {
    let Some(release) = release(bitcoin).map_err(SourceError::from)? else {
        return Ok(None);
    };
    let folder = folder()?;
    let At { url, path } = release.at(&folder);
    Ok(Some(ReleaseSource {
        version: release.version.to_string(),
        url,
        path,
        standing: release.standing(&folder).map_err(SourceError::from)?,
    }))
}

fn folder() -> Result<PathBuf, ProvisionError> {
    Ok(user_cache()?.join("source"))
}

/// The release that is wanted, if it is one.
fn release(bitcoin: &Bitcoin) -> Result<Option<&'static Release>, ReleaseError> {
    match (&bitcoin.source, bitcoin.version) {
        (Kind::Release, Some(version)) => Release::of(version)
            .map(Some)
            .ok_or(ReleaseError::Unknown { version }),
        // The inventory gives every release a version.
        (Kind::Release, None) | (Kind::Crate | Kind::Path(_), _) => Ok(None),
    }
}
