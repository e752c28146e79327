//! The closure: what of a host's software is ours, where it is built, signed and kept.

pub mod builder;
pub mod cache;
mod narinfo;
mod public_key;
pub mod release;
pub mod remote;
pub mod source;
mod store_path;
mod upload;

use serde::{Deserialize, Serialize};

pub use narinfo::{NarInfo, NarInfoError};
pub use public_key::{CacheKey, CacheKeyError};
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
