//! Key pairs of ours: the instructor's key for a workshop and each host's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};

use crate::state::files;

/// A key file of ours could not be made or read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KeyFileError {
    /// The file could not be read or written.
    #[error("cannot use the key file {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is there and is no ed25519 key in OpenSSH's format.
    #[error("{} is not an ed25519 key in OpenSSH's format", path.display())]
    #[diagnostic(help(
        "Restore it from a copy. A host that was made with the lost key has to be made anew."
    ))]
    Format {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: russh::keys::ssh_key::Error,
    },
}

/// An ed25519 key pair in a file of ours (mode 0600).
#[derive(Clone, Debug)]
pub struct KeyPair {
    private: Arc<PrivateKey>,
}

impl KeyPair {
    /// Reads the pair in `path`, or makes one there. Written whole or not at all.
    ///
    /// # Errors
    /// [`KeyFileError`]; a file that is there and is no key is never replaced.
    pub fn load_or_create(path: &Path, comment: &str) -> Result<Self, KeyFileError> {
        if let Some(pair) = Self::load(path)? {
            return Ok(pair);
        }
        let format = |source| KeyFileError::Format {
            path: path.to_owned(),
            source,
        };
        let mut private = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)
            .map_err(format)?;
        private.set_comment(comment);
        let text = private.to_openssh(LineEnding::LF).map_err(format)?;
        files::write_private(path, text.as_bytes()).map_err(|source| KeyFileError::Io {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            private: Arc::new(private),
        })
    }

    /// Reads the pair in `path`; `None` where there is no file.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn load(path: &Path) -> Result<Option<Self>, KeyFileError> {
        match fs_err::read_to_string(path) {
            Ok(text) => PrivateKey::from_openssh(text)
                .map(|private| {
                    Some(Self {
                        private: Arc::new(private),
                    })
                })
                .map_err(|source| KeyFileError::Format {
                    path: path.to_owned(),
                    source,
                }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(KeyFileError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// As [`KeyPair::load`], of a pair that must be there.
    ///
    /// # Errors
    /// [`KeyFileError`]; also when there is none.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        Self::load(path)?.ok_or_else(|| KeyFileError::Io {
            path: path.to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }

    /// The private half, for authentication.
    pub fn private(&self) -> Arc<PrivateKey> {
        Arc::clone(&self.private)
    }

    /// The private half as an OpenSSH file's text.
    ///
    /// # Errors
    /// What the encoder says; it has no reason to fail for an ed25519 key.
    pub fn private_text(&self) -> Result<String, russh::keys::ssh_key::Error> {
        Ok(self.private.to_openssh(LineEnding::LF)?.to_string())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.private.public_key().clone()
    }

    /// `ssh-ed25519 AAAA…`, without a comment.
    pub fn public_line(&self) -> String {
        public_line(self.private.public_key())
    }

    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.private.public_key())
    }
}

/// `SHA256:…`, as `ssh-keygen -l` shows it.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// `ssh-ed25519 AAAA…`: what known_hosts and authorized_keys need of a key.
pub fn public_line(key: &PublicKey) -> String {
    let mut key = key.clone();
    key.set_comment("");
    key.to_openssh()
        .map(|line| line.trim_end().to_owned())
        .unwrap_or_default()
}
