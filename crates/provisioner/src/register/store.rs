//! Who asked to join, in `.workshop/register.json`: written whole before anybody is told anything.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::participants::{PublicKey, judge_bytes};
use crate::state::files;

/// The file's name in `.workshop/`.
const FILE: &str = "register.json";

/// The version of what we write. A reader refuses what is newer than it knows.
const VERSION: u32 = 1;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// The instructor has not answered.
    None,
    /// In the inventory.
    Approved,
    /// As `--auto` answered.
    AutoApproved,
    /// Not to join.
    Refused,
}

/// Somebody who asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) initials: String,
    #[serde(with = "as_line")]
    pub(super) key: PublicKey,
    pub(super) from: IpAddr,
    pub(super) asked: jiff::Timestamp,
    pub(super) answer: Answer,
}

#[derive(Serialize, Deserialize)]
struct Content {
    v: u32,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
}

impl Store {
    /// What is in the folder's file; nothing where there is none.
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<Request>), StoreError> {
        let path = folder.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self { path }, vec![]));
            }
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let version = serde_json::from_slice(&bytes).map(|Version { v }| v);
        let content: Result<Content, _> = match version {
            Ok(found) if found > VERSION => return Err(StoreError::Newer { path, found }),
            Ok(_) => serde_json::from_slice(&bytes),
            Err(error) => Err(error),
        };
        match content {
            Ok(content) => Ok((Self { path }, content.requests)),
            Err(source) => Err(StoreError::Damaged { path, source }),
        }
    }

    /// Writes all of them, whole or not at all; on disk when this returns.
    pub(super) fn save(&self, requests: &[Request]) -> Result<(), StoreError> {
        let io = |source| StoreError::Io {
            path: self.path.clone(),
            source,
        };
        let content = Content {
            v: VERSION,
            requests: requests.to_vec(),
        };
        let mut text = serde_json::to_vec_pretty(&content).map_err(|error| io(error.into()))?;
        text.push(b'\n');
        files::write_private(&self.path, &text).map_err(io)
    }
}

/// A key as the line of `authorized_keys`.
mod as_line {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{PublicKey, judge_bytes};

    pub(super) fn serialize<S: Serializer>(key: &PublicKey, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&key.authorized_line())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PublicKey, D::Error> {
        let line = String::deserialize(from)?;
        let verdict = judge_bytes(line.as_bytes());
        let key = verdict.key().cloned();
        key.ok_or_else(|| D::Error::custom("not an ed25519 key"))
    }
}
