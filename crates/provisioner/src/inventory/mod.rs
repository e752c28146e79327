//! The inventory: `inventory.yaml` in, a checked [`Inventory`] or every problem of it out.

mod address;
mod cache;
pub mod edit;
mod existing;
mod fields;
mod guard;
mod hetzner;
mod insert;
mod load;
mod moment;
mod money;
pub(crate) mod naming;
mod people;
mod problem;
mod read;
mod schema;
mod sections;
mod size;
pub mod syntax;
mod template;
pub mod tree;
mod types;
mod values;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub use address::NodeAddress;
pub use cache::NamedCache;
pub use existing::{Existing, Machine};
pub use guard::{Guard, Sustained, Volume};
pub use hetzner::Servers;
pub use load::{Loaded, MAX_INVENTORY};
pub use money::Money;
pub use problem::{Finding, Problems};
pub use schema::schema;
pub use size::{Cpus, Size};
pub use types::{
    Bitcoin, Chain, Disk, Hosts, Inventory, Limits, Participant, ProviderKind, Source, Workshop,
};
pub(crate) use values::Bad;
pub use values::Version;

/// Bytes of the file that a message points at.
type Place = Range<usize>;

/// A path as an inventory writes it: relative to the inventory's own folder, `~` being the home.
fn resolve(written: &str, folder: &Path) -> PathBuf {
    let written = written.trim();
    if let Some(rest) = written.strip_prefix('~')
        && (rest.is_empty() || rest.starts_with('/'))
        && let Ok(home) = etcetera::home_dir()
    {
        return home.join(rest.trim_start_matches('/'));
    }
    folder.join(written)
}
