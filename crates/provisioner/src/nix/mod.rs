//! The closure: what of a host's software is ours, where it is built, signed and kept.

pub mod builder;
pub mod cache;
pub mod export;
pub mod named;
mod narinfo;
mod public_key;
mod record;
pub mod release;
pub mod remote;
mod secret_key;
pub mod source;
mod store_path;
#[cfg(test)]
mod testing;
mod upload;

use serde::{Deserialize, Serialize};

pub use narinfo::{NarInfo, NarInfoError};
pub use public_key::{CacheKey, CacheKeyError};
pub use record::RecordError;
pub use store_path::{StorePath, StorePathError};

/// What a host runs, as store paths. `host`'s closure holds the other two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closure {
    /// What the profile points to.
    pub host: StorePath,
    /// bitcoind, bitcoin-cli and test_bitcoin.
    pub bitcoin: StorePath,
    /// The archive of the warm build tree.
    pub tree: StorePath,
}
