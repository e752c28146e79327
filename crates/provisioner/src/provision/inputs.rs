//! What the closure is made of, as the inventory says it.

use std::path::Path;

use super::ProvisionError;
use super::source::source;
use crate::cloud::Provider;
use crate::inventory::Inventory;
use crate::nix::builder::Inputs;
use crate::nix::cache::{Cache, user_cache};
use crate::nix::export::{ExportError, Exported, export};
use crate::nix::source::SourceError;
use crate::state;

/// All that a build of the inventory at `path` hangs on; none where that takes a look at the hosts' system first.
pub(super) async fn inputs_of(
    path: &Path,
    inventory: &Inventory,
) -> Result<Option<Inputs>, ProvisionError> {
    let Some(system) = Provider::system(inventory, &state::folder_of(path))? else {
        return Ok(None);
    };
    // Nothing is written beside the inventory by who only asks.
    let work = tempfile::tempdir().map_err(|source| SourceError::Io {
        path: std::env::temp_dir(),
        source,
    })?;
    let source = source(&inventory.bitcoin, work.path(), None).await?;
    Ok(Some(Inputs::new(source, system)?))
}

/// Writes what this machine's cache has of the inventory's closure into `folder`, for a web server to give out.
///
/// # Errors
/// What is in it cannot be told or had; [`ExportError`].
pub async fn export_cache(
    path: &Path,
    inventory: &Inventory,
    folder: &Path,
) -> Result<Exported, ProvisionError> {
    let nothing = || ProvisionError::from(ExportError::NothingBuilt);
    let inputs = inputs_of(path, inventory).await?.ok_or_else(nothing)?;
    let cache = Cache::open(&user_cache()?.join("nix"))?;
    Ok(export(&cache, &inputs, folder)?)
}
