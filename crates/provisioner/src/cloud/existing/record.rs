//! Which machine a host is on, written down in `.workshop/hosts/WORD/machine.json` before anything is changed there,
//! and removed when everything was put back. So whatever comes later needs no inventory.

use std::io;
use std::path::{Path, PathBuf};

use russh::keys::PublicKey;
use serde::{Deserialize, Serialize};

use crate::cloud::Endpoint;
use crate::host::keys::public_line;
use crate::inventory::Machine;
use crate::state::files;

const FILE: &str = "machine.json";

/// The version of the format that we write.
const SCHEMA: u32 = 1;

/// A machine, and how to get in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Way {
    /// Where its sshd listens.
    pub(crate) address: Endpoint,
    /// The account.
    pub(crate) user: String,
    /// `ssh-ed25519 AAAA…`
    pub(crate) host_key: Key,
    /// The file of the instructor's key, if the inventory names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<PathBuf>,
}

/// A host key that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Key(PublicKey);

impl Key {
    pub(crate) fn public(&self) -> PublicKey {
        self.0.clone()
    }
}

impl From<PublicKey> for Key {
    fn from(key: PublicKey) -> Self {
        Self(key)
    }
}

impl TryFrom<String> for Key {
    type Error = russh::keys::ssh_key::Error;

    fn try_from(line: String) -> Result<Self, Self::Error> {
        PublicKey::from_openssh(&line).map(Self)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        public_line(&key.0)
    }
}

impl Way {
    pub(crate) fn to(machine: &Machine, host_key: PublicKey) -> Self {
        Self {
            address: machine.address,
            user: machine.user.clone(),
            host_key: host_key.into(),
            identity: machine.identity.clone(),
        }
    }
}

/// What is written down of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    schema: u32,
    /// The machine, and how we got in before our key did.
    pub(crate) machine: Way,
    /// The host through which it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jump: Option<Way>,
    /// Names the system: software that was built on one does not fit another.
    pub(crate) system: String,
    /// Whether root is let in by our key there.
    pub(crate) adopted: bool,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum RecordError {
    /// It cannot be read or written.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not what we write.
    #[error("{} is not what `workshop` wrote", path.display())]
    #[diagnostic(help(
        "Restore it from a copy: it says which machine this host is on. By hand: `sudo /var/lib/workshop-before/undo` on the machine puts back what was there, and then the file can go."
    ))]
    Format {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A newer `workshop` wrote it.
    #[error("{}: written by a newer version (format {found}, this program knows {SCHEMA})", path.display())]
    #[diagnostic(help("Use the newer `workshop` for this workshop."))]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it names.
        found: u32,
    },
}

impl Record {
    pub(crate) fn new(machine: Way, jump: Option<Way>, system: String) -> Self {
        Self {
            schema: SCHEMA,
            machine,
            jump,
            system,
            adopted: false,
        }
    }

    /// Of the host `name`; none where it is on no machine of somebody's.
    ///
    /// # Errors
    /// [`RecordError`].
    pub(crate) fn load(workplace: &Path, name: &str) -> Result<Option<Self>, RecordError> {
        let path = file(workplace, name);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordError::Io { path, source }),
        };
        #[derive(Deserialize)]
        struct Format {
            schema: u32,
        }
        match serde_json::from_slice(&text) {
            Ok(Format { schema }) if schema > SCHEMA => {
                return Err(RecordError::Newer {
                    path,
                    found: schema,
                });
            }
            Ok(_) => {}
            Err(source) => return Err(RecordError::Format { path, source }),
        }
        match serde_json::from_slice(&text) {
            Ok(record) => Ok(Some(record)),
            Err(source) => Err(RecordError::Format { path, source }),
        }
    }

    /// All of a workshop, by name.
    ///
    /// # Errors
    /// [`RecordError`].
    pub(crate) fn all(workplace: &Path) -> Result<Vec<(String, Self)>, RecordError> {
        let folder = workplace.join("hosts");
        let io = |source| RecordError::Io {
            path: folder.clone(),
            source,
        };
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(source) => return Err(io(source)),
        };
        let mut all = Vec::new();
        for entry in entries {
            // Folders are named by us; another one's file would not be ours.
            let Ok(name) = entry.map_err(io)?.file_name().into_string() else {
                continue;
            };
            if let Some(record) = Self::load(workplace, &name)? {
                all.push((name, record));
            }
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(all)
    }

    /// Writes it down; on disk when this returns.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub(crate) fn save(&self, workplace: &Path, name: &str) -> Result<(), RecordError> {
        let path = file(workplace, name);
        let io = |source| RecordError::Io {
            path: path.clone(),
            source,
        };
        if let Some(folder) = path.parent() {
            crate::state::make_private_folder(folder).map_err(io)?;
        }
        let text = serde_json::to_string_pretty(self).map_err(|error| io(error.into()))?;
        files::write_private(&path, format!("{text}\n").as_bytes()).map_err(io)
    }

    /// Forgets it. One that is not there is no error.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub(crate) fn remove(workplace: &Path, name: &str) -> Result<(), RecordError> {
        let path = file(workplace, name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.map_err(|source| RecordError::Io { path, source }),
        }
    }
}

fn file(workplace: &Path, name: &str) -> PathBuf {
    workplace.join("hosts").join(name).join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILbbuaIHYQLfSUrj8NTzormAiISgPhuRPNFReXH/qcTW";

    fn record() -> Record {
        let way = |last: u8| Way {
            address: [192, 0, 2, last].into(),
            user: "debian".into(),
            host_key: Key::try_from(KEY.to_owned()).unwrap(),
            identity: None,
        };
        Record::new(way(1), Some(way(2)), "debian-13-amd64".into())
    }

    #[test]
    fn what_was_written_is_read_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let workplace = folder.path();
        assert_eq!(Record::all(workplace).unwrap(), []);
        record().save(workplace, "zoo").unwrap();
        assert_eq!(Record::load(workplace, "zoo").unwrap(), Some(record()));
        assert_eq!(Record::load(workplace, "able").unwrap(), None);
        assert_eq!(
            Record::all(workplace).unwrap(),
            [("zoo".to_owned(), record())]
        );
        Record::remove(workplace, "zoo").unwrap();
        Record::remove(workplace, "zoo").unwrap();
        assert_eq!(Record::load(workplace, "zoo").unwrap(), None);
    }

    #[test]
    fn what_we_did_not_write_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let workplace = folder.path();
        record().save(workplace, "zoo").unwrap();
        let path = file(workplace, "zoo");
        let good = std::fs::read_to_string(&path).unwrap();
        for (text, says) in [
            (
                good.replace("\"schema\": 1", "\"schema\": 2"),
                "newer version",
            ),
            (
                good.replace("ssh-ed25519 AAAA", "ssh-ed25519 "),
                "is not what",
            ),
            (String::new(), "is not what"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Record::load(workplace, "zoo").unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
