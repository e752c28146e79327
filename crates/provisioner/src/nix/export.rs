//! The closure of certain inputs, from this user's cache into a folder that any web server can give out.
//!
//! Every file is there whole or not at all, and what refers to another file comes after it: a folder that is given out
//! while it is written gives out nothing that is not true. What others put there stays as it is.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::builder::Inputs;
use super::cache::{CACHE_INFO, Cache, CacheError, publish};
use super::{CacheKey, NarInfo, narinfo, record};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The public key that all of it is signed by, for `bitcoin.cache.key`.
    pub key: String,
    /// The store paths of the closure.
    pub paths: usize,
    /// Files that were written; what was there already is left alone.
    pub files: usize,
    /// Bytes of these files.
    pub bytes: u64,
}

/// It could not be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ExportError {
    /// Nothing to export.
    #[error(
        "this machine's cache has no build of this inventory's Bitcoin Core with this `workshop`"
    )]
    #[diagnostic(help(
        "Build it once: `workshop provision` with this inventory, without `bitcoin.cache`; one participant or a spare host will do. Then export again, with the same `workshop`."
    ))]
    NothingBuilt,
    /// The secret key lies there.
    #[error("{} is in this machine's own cache, where its secret key lies", folder.display())]
    #[diagnostic(help("Name another folder: what is in it will be public."))]
    OwnCache {
        /// The folder.
        folder: PathBuf,
    },
    /// Signed by another key, as after the key was replaced.
    #[error("{path} is not signed by this machine's own key, {key}")]
    #[diagnostic(help(
        "Was ~/.cache/workshop/nix/secret-key replaced? Remove ~/.cache/workshop/nix/store and build anew."
    ))]
    Unsigned {
        /// The store path.
        path: String,
        /// The name of the key.
        key: String,
    },
    /// Somebody else's file is in the way.
    #[error("{} is there and not of this machine's key", path.display())]
    #[diagnostic(help(
        "It was left as it is. Export into a folder of your own: a cache is signed by one key."
    ))]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// No room.
    #[error("the disk is full: cannot write {}", path.display())]
    #[diagnostic(help("Make room and export again: what is there whole is not copied again."))]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The cache itself.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cache(#[from] CacheError),
}

impl ExportError {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Self::Full { path, source }
                }
                _ => Self::Io { path, source },
            }
        }
    }
}

/// Writes the closure of `inputs` into `folder`, made if need be.
///
/// # Errors
/// [`ExportError`]; what was written by then is whole and is not copied again.
pub fn export(cache: &Cache, inputs: &Inputs, folder: &Path) -> Result<Exported, ExportError> {
    let key = inputs.key();
    let closure = cache.look_up(&key).ok_or(ExportError::NothingBuilt)?;
    let secret = cache.signing_key()?;
    let mut to = Folder::open(cache, folder)?;
    let infos = cache.closure_of(&[&closure.host, &closure.bitcoin, &closure.tree])?;
    if let Some(info) = infos.iter().find(|info| !info.is_signed_by(&to.key)) {
        return Err(ExportError::Unsigned {
            path: info.path.to_string(),
            key: to.key.name().to_owned(),
        });
    }
    to.cache_info()?;
    for info in &infos {
        to.archive(cache, info)?;
    }
    // Referenced paths first: `closure_of` lists what refers before what it refers to.
    for info in infos.iter().rev() {
        to.narinfo(cache, info)?;
    }
    // Bitcoin Core by itself, for those who have another `workshop`.
    for key in [inputs.core_key(), key] {
        to.record(&key, &record::signed(&key, &closure, &secret))?;
    }
    Ok(Exported {
        key: to.key.to_string(),
        paths: infos.len(),
        files: to.files,
        bytes: to.bytes,
    })
}

/// The folder that is written, and how much was.
struct Folder {
    path: PathBuf,
    key: CacheKey,
    files: usize,
    bytes: u64,
}

impl Folder {
    fn open(cache: &Cache, path: &Path) -> Result<Self, ExportError> {
        let own = |path: &Path| {
            let path = std::fs::canonicalize(path).ok()?;
            let own = std::fs::canonicalize(cache.folder()).ok()?;
            Some(path.starts_with(own))
        };
        // Before anything is made, as far as there is something.
        let there = path.ancestors().find(|path| path.exists());
        if there.and_then(own) == Some(true) {
            return Err(ExportError::OwnCache {
                folder: path.to_owned(),
            });
        }
        for name in ["nar", "builds"] {
            let folder = path.join(name);
            std::fs::create_dir_all(&folder).map_err(ExportError::io(&folder))?;
        }
        let key = cache.public_key().parse();
        Ok(Self {
            path: path.to_owned(),
            key: key.unwrap_or_else(|_| unreachable!("the cache made it of its secret half")),
            files: 0,
            bytes: 0,
        })
    }

    fn cache_info(&mut self) -> Result<(), ExportError> {
        let path = self.path.join("nix-cache-info");
        match std::fs::read_to_string(&path) {
            // With what somebody added, such as a priority.
            Ok(text) if text.lines().any(|line| line == CACHE_INFO.trim_end()) => Ok(()),
            Ok(_) => Err(ExportError::Foreign { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.write(&path, |file| file.write_all(CACHE_INFO.as_bytes()))
            }
            Err(source) => Err(ExportError::Io { path, source }),
        }
    }

    /// Reads what is there as well: a spoiled archive is replaced.
    fn archive(&mut self, cache: &Cache, info: &NarInfo) -> Result<(), ExportError> {
        let path = self.path.join(&info.url);
        if let Ok(there) = File::open(&path)
            && narinfo::sum(there).is_ok_and(|sum| sum == info.file_hash)
        {
            return Ok(());
        }
        let from = cache.file(&info.url);
        let read = |source| CacheError::Io {
            path: from.clone(),
            source,
        };
        let archive = File::open(&from).map_err(read)?;
        let mut spoiled = false;
        let written = self.write(&path, |file| {
            let mut copying = Copying {
                from: archive,
                file,
            };
            spoiled = narinfo::sum(&mut copying)? != info.file_hash;
            if spoiled {
                return Err(io::Error::other("not the archive that was signed"));
            }
            Ok(())
        });
        match spoiled {
            true => Err(CacheError::Archive { path: from }.into()),
            false => written,
        }
    }

    fn narinfo(&mut self, cache: &Cache, info: &NarInfo) -> Result<(), ExportError> {
        let name = info.path.narinfo();
        let from = cache.file(&name);
        let text = std::fs::read(&from).map_err(|source| CacheError::Io { path: from, source })?;
        let key = self.key.clone();
        self.replace(&self.path.join(name), &text, |there| {
            NarInfo::parse(there).is_ok_and(|there| there.is_signed_by(&key))
        })
    }

    fn record(&mut self, inputs: &str, text: &str) -> Result<(), ExportError> {
        let key = self.key.clone();
        let path = self.path.join("builds").join(inputs);
        self.replace(&path, text.as_bytes(), |there| {
            record::verified(there, inputs, &key).is_ok()
        })
    }

    /// A small file, unless it is there as it should be, or somebody else's is.
    fn replace(
        &mut self,
        path: &Path,
        content: &[u8],
        is_ours: impl FnOnce(&str) -> bool,
    ) -> Result<(), ExportError> {
        match std::fs::read(path) {
            Ok(there) if there == content => return Ok(()),
            Ok(there) if std::str::from_utf8(&there).is_ok_and(is_ours) => {}
            Ok(_) => {
                let path = path.to_owned();
                return Err(ExportError::Foreign { path });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ExportError::io(path)(error)),
        }
        self.write(path, |file| file.write_all(content))
    }

    /// Whole or not at all, and readable by the web server, whoever that is.
    fn write(
        &mut self,
        path: &Path,
        content: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<(), ExportError> {
        let folder = path.parent().unwrap_or(&self.path);
        let write = || {
            let mut file = tempfile::Builder::new()
                .prefix(".new-")
                .tempfile_in(folder)?;
            content(file.as_file_mut())?;
            let bytes = file.as_file().metadata()?.len();
            publish(file, path)?;
            Ok(bytes)
        };
        self.bytes += write().map_err(ExportError::io(path))?;
        self.files += 1;
        Ok(())
    }
}

/// Writes what is read.
struct Copying<'a> {
    from: File,
    file: &'a mut File,
}

impl Read for Copying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.file.write_all(&buffer[..read])?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
