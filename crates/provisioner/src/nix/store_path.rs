//! A path in a Nix store, with its hash and name checked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const STORE: &str = "/nix/store/";

/// `/nix/store/HASH-NAME`: 32 digits of Nix's base 32 and a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StorePath(String);

/// Not a store path.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a path of a Nix store: {why}")]
pub struct StorePathError {
    text: String,
    why: &'static str,
}

impl StorePath {
    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 32 digits, which name the path's `.narinfo` in a binary cache.
    pub fn hash(&self) -> &str {
        &self.0[STORE.len()..STORE.len() + 32]
    }

    /// The file of a binary cache that describes it.
    pub fn narinfo(&self) -> String {
        format!("{}.narinfo", self.hash())
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StorePath {
    type Err = StorePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why| StorePathError {
            text: text.escape_debug().to_string(),
            why,
        };
        let rest = text
            .strip_prefix(STORE)
            .ok_or(wrong("it does not begin with /nix/store/"))?;
        let (hash, name) = rest.split_once('-').ok_or(wrong("no `-` after the hash"))?;
        // Nix's base 32 leaves out e, o, t and u (src/libutil/hash.cc).
        if hash.len() != 32
            || !hash
                .bytes()
                .all(|b| b"0123456789abcdfghijklmnpqrsvwxyz".contains(&b))
        {
            return Err(wrong("the hash is not 32 digits of Nix's base 32"));
        }
        // The characters of checkName in src/libstore/path.cc, and its limit of 211.
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+-._?=".contains(&b);
        if name.is_empty()
            || name.len() > 211
            || name.starts_with('.')
            || !name.bytes().all(allowed)
        {
            return Err(wrong(
                "the name has other characters than a store path may have",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for StorePath {
    type Error = StorePathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StorePath> for String {
    fn from(path: StorePath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_store_paths_are_store_paths() {
        let path: StorePath = "/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-bitcoin-core-31.99"
            .parse()
            .unwrap();
        assert_eq!(path.hash(), "9n93dkwl2y6h16q5b0yb440k1fq3zx1m");
        for wrong in [
            "/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-bitcoin/bin",
            "/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-a b",
            "/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-$(reboot)",
            "/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1e-name",
            "/nix/store/9n93-name",
            "/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m",
            "/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-",
            "/gnu/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-name",
        ] {
            assert!(wrong.parse::<StorePath>().is_err(), "{wrong}");
        }
    }
}
