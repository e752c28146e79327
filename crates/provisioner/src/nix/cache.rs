//! What was built before: a signed binary cache in the user's cache folder, and which inputs gave what.
//!
//! The folder outlives workshops. A builder mounts it and serves `store/`; the signing key beside it is
//! readable by root of the instructor's own machines alone.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcetera::BaseStrategy as _;
use russh::keys::{Algorithm, PrivateKey};

use super::builder::Inputs;
use super::secret_key::SecretKey;
use super::{Closure, NarInfo, NarInfoError, StorePath, narinfo};
use crate::state::files::write_private;

/// The cache cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CacheError {
    /// There is no home to keep it in.
    #[error("cannot find this user's cache folder")]
    #[diagnostic(help("Set HOME or XDG_CACHE_HOME."))]
    NoHome {
        /// What etcetera says.
        source: etcetera::HomeDirError,
    },
    /// Reading or writing failed.
    #[error("cannot use the cache in {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of it is not what Nix wrote.
    #[error("{} is not what Nix wrote into the cache", path.display())]
    #[diagnostic(help("Remove the file; what it described is built or fetched anew."))]
    NarInfo {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NarInfoError,
    },
    /// An archive is not the one that was signed.
    #[error("{} is not the archive that its .narinfo describes", path.display())]
    #[diagnostic(help("Was the disk full or the connection cut? Remove the file and run again."))]
    Archive {
        /// The file.
        path: PathBuf,
    },
}

/// The user's cache folder for workshops, `~/.cache/workshop` unless XDG says otherwise.
///
/// # Errors
/// [`CacheError::NoHome`].
pub fn user_cache() -> Result<PathBuf, CacheError> {
    let strategy =
        etcetera::choose_base_strategy().map_err(|source| CacheError::NoHome { source })?;
    Ok(strategy.cache_dir().join("workshop"))
}

/// What Nix looks for first (src/libstore/binary-cache-store.cc).
pub(super) const CACHE_INFO: &str = "StoreDir: /nix/store\n";

/// The signed binary cache.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    public_key: String,
}

impl Cache {
    /// Opens the cache in `folder`, making it and its key pair when they are missing.
    ///
    /// # Errors
    /// [`CacheError::Io`]; a key that cannot be read is never replaced, since hosts trust it already.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let io = |source| CacheError::Io {
            path: folder.to_owned(),
            source,
        };
        // The builder's web server is another user and must get to store/; the key has its own mode.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder.join("store"))
            .map_err(io)?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder.join("builds"))
            .map_err(io)?;
        // Nix takes no folder without it for a cache; `nix copy` writes it, but what is here may all be built elsewhere.
        let info = folder.join("store/nix-cache-info");
        if !info.exists() {
            let mut file = tempfile::NamedTempFile::new_in(folder.join("store")).map_err(io)?;
            io::Write::write_all(&mut file, CACHE_INFO.as_bytes()).map_err(io)?;
            publish(file, &info).map_err(io)?;
        }
        let public_key = load_or_create_key(folder).map_err(io)?;
        Ok(Self {
            folder: folder.to_owned(),
            public_key,
        })
    }

    /// Where it is on this machine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `name:base64`, as `trusted-public-keys` takes it.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The signing key's file.
    pub(super) fn secret_key(&self) -> PathBuf {
        self.folder.join("secret-key")
    }

    /// The signing key itself, for whoever signs here instead of on a builder.
    pub(super) fn signing_key(&self) -> Result<SecretKey, CacheError> {
        let path = self.secret_key();
        std::fs::read_to_string(&path)
            .and_then(|text| parse_key(&text))
            .map_err(|source| CacheError::Io { path, source })
    }

    /// A file of the binary cache, by its name there.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join("store").join(name)
    }

    /// What these inputs gave before, if all of it is still in the cache.
    pub fn look_up(&self, inputs: &str) -> Option<Closure> {
        let text = std::fs::read(self.record_of(inputs)).ok()?;
        let closure: Closure = serde_json::from_slice(&text).ok()?;
        // host's closure holds the other two, but a record may say anything.
        let roots = [&closure.host, &closure.bitcoin, &closure.tree];
        self.closure_of(&roots).ok()?;
        Some(closure)
    }

    /// The `.narinfo`s of `roots` and of all that they refer to. Each archive is there and has its size.
    ///
    /// # Errors
    /// [`CacheError`], with the first file that is missing or not right.
    pub fn closure_of(&self, roots: &[&StorePath]) -> Result<Vec<NarInfo>, CacheError> {
        let mut found: Vec<NarInfo> = Vec::new();
        let mut wanted: Vec<StorePath> = roots.iter().map(|root| (*root).clone()).collect();
        while let Some(path) = wanted.pop() {
            if found.iter().any(|info| info.path == path) {
                continue;
            }
            let info = self.path(&path)?;
            wanted.extend(info.references.iter().cloned());
            found.push(info);
        }
        Ok(found)
    }

    /// The `.narinfo` of one path, whose archive is there and has its size.
    pub(super) fn path(&self, path: &StorePath) -> Result<NarInfo, CacheError> {
        let info = self.narinfo(path)?;
        let archive = self.file(&info.url);
        match std::fs::metadata(&archive) {
            Ok(there) if there.len() == info.file_size => Ok(info),
            Ok(_) => Err(CacheError::Archive { path: archive }),
            Err(source) => Err(CacheError::Io {
                path: archive,
                source,
            }),
        }
    }

    fn narinfo(&self, path: &StorePath) -> Result<NarInfo, CacheError> {
        let file = self.file(&path.narinfo());
        let text = std::fs::read_to_string(&file).map_err(|source| CacheError::Io {
            path: file.clone(),
            source,
        })?;
        let info = NarInfo::parse(&text).map_err(|source| CacheError::NarInfo {
            path: file.clone(),
            source,
        })?;
        if info.path == *path {
            Ok(info)
        } else {
            let source = NarInfoError::Wrong("StorePath");
            Err(CacheError::NarInfo { path: file, source })
        }
    }

    /// Takes in a path that was built elsewhere: `text` is its `.narinfo`, `archive` holds what that describes.
    ///
    /// # Errors
    /// [`CacheError::Archive`] where it does not; then nothing was taken in.
    pub(super) fn adopt(
        &self,
        info: &NarInfo,
        text: &str,
        archive: tempfile::NamedTempFile,
    ) -> Result<(), CacheError> {
        let path = self.file(&info.url);
        let io = |source| CacheError::Io {
            path: path.clone(),
            source,
        };
        let content = std::fs::File::open(archive.path()).map_err(io)?;
        if content.metadata().map_err(io)?.len() != info.file_size
            || narinfo::sum(content).map_err(io)? != info.file_hash
        {
            return Err(CacheError::Archive { path });
        }
        publish(archive, &path).map_err(io)?;
        // Last: whoever sees it may rely on the archive.
        let file = self.file(&info.path.narinfo());
        let write = || {
            let mut new = self.temporary()?;
            io::Write::write_all(&mut new, text.as_bytes())?;
            publish(new, &file)
        };
        write().map_err(|source: io::Error| CacheError::Io {
            path: file.clone(),
            source,
        })
    }

    /// A file beside those of the cache that is gone unless it is taken in.
    pub(super) fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        let folder = self.folder.join("store/nar");
        std::fs::create_dir_all(&folder)?;
        tempfile::Builder::new().prefix(".new-").tempfile_in(folder)
    }

    /// Writes down what these inputs gave.
    ///
    /// # Errors
    /// [`CacheError::Io`].
    pub fn record(&self, inputs: &str, closure: &Closure) -> Result<(), CacheError> {
        let path = self.record_of(inputs);
        serde_json::to_vec_pretty(closure)
            .map_err(io::Error::from)
            .and_then(|text| write_private(&path, &text))
            .map_err(|source| CacheError::Io { path, source })
    }

    /// Writes down what these inputs gave, and what gave Bitcoin Core.
    ///
    /// # Errors
    /// [`CacheError::Io`].
    pub fn record_build(&self, inputs: &Inputs, closure: &Closure) -> Result<(), CacheError> {
        self.record(&inputs.core_key(), closure)?;
        self.record(&inputs.key(), closure)
    }

    /// Keeps the record of a named cache: it proves itself to whoever reads it again, so that a run which finds nothing
    /// to do need not ask.
    pub(super) fn remember(&self, inputs: &str, text: &str) -> Result<(), CacheError> {
        let path = self.named_record_of(inputs);
        write_private(&path, text.as_bytes()).map_err(|source| CacheError::Io { path, source })
    }

    /// What [`Cache::remember`] kept.
    pub(super) fn remembered(&self, inputs: &str) -> Option<String> {
        std::fs::read_to_string(self.named_record_of(inputs)).ok()
    }

    fn named_record_of(&self, inputs: &str) -> PathBuf {
        self.folder.join("builds").join(format!("{inputs}.named"))
    }

    fn record_of(&self, inputs: &str) -> PathBuf {
        self.folder.join("builds").join(format!("{inputs}.json"))
    }
}

/// Puts a file in its place, whole, and readable for a web server, which is another user.
pub(super) fn publish(file: tempfile::NamedTempFile, to: &Path) -> io::Result<()> {
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable)?;
    file.as_file().sync_all()?;
    file.persist(to).map_err(|error| error.error)?;
    Ok(())
}

/// Nix's keys are libsodium's: the secret half is seed and public key, both in base64 behind a name.
fn load_or_create_key(folder: &Path) -> io::Result<String> {
    let path = folder.join("secret-key");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)
                .map_err(io::Error::other)?;
            let pair = key
                .key_data()
                .ed25519()
                .ok_or_else(|| io::Error::other("no ed25519 key"))?;
            // Nix goes by the name: two keys of one name could never be trusted at once.
            let name: String = pair.public.0[..4]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let text = format!("workshop-{name}:{}", STANDARD.encode(pair.to_bytes()));
            write_private(&path, text.as_bytes())?;
            text
        }
        Err(error) => return Err(error),
    };
    Ok(parse_key(&text)?.public())
}

fn parse_key(text: &str) -> io::Result<SecretKey> {
    SecretKey::parse(text).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "secret-key is not a key that Nix made or we did",
        )
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Puts a path into the cache, as Nix would: `text` is its archive.
    pub(crate) fn add(cache: &Cache, path: &StorePath, references: &[&StorePath], text: &str) {
        let sum = narinfo::sum(text.as_bytes()).unwrap();
        let names: Vec<&str> = references.iter().map(|it| &it.as_str()[11..]).collect();
        let info = format!(
            "StorePath: {path}\nURL: nar/{sum}.nar.zst\nCompression: zstd\nFileHash: sha256:{sum}\n\
             FileSize: {}\nNarHash: sha256:{sum}\nNarSize: 9\nReferences: {}\n",
            text.len(),
            names.join(" ")
        );
        let mut archive = cache.temporary().unwrap();
        io::Write::write_all(&mut archive, text.as_bytes()).unwrap();
        cache
            .adopt(&NarInfo::parse(&info).unwrap(), &info, archive)
            .unwrap();
    }

    #[test]
    fn only_what_the_narinfo_describes_is_taken_in() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let text = narinfo::tests::HOST;
        let info = NarInfo::parse(text).unwrap();
        for content in ["", "x", &"x".repeat(422)] {
            let mut archive = cache.temporary().unwrap();
            io::Write::write_all(&mut archive, content.as_bytes()).unwrap();
            let refused = cache.adopt(&info, text, archive).unwrap_err();
            assert!(matches!(refused, CacheError::Archive { .. }), "{refused}");
        }
        assert_eq!(
            std::fs::read_dir(cache.file("nar")).unwrap().count(),
            0,
            "nothing is left"
        );
    }

    #[test]
    fn the_key_stays_and_its_secret_half_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let first = Cache::open(folder.path()).unwrap();
        let second = Cache::open(folder.path()).unwrap();
        assert_eq!(first.public_key(), second.public_key());
        let mode = std::fs::metadata(folder.path().join("secret-key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_build_counts_only_while_all_of_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let path = |digit: char, name: &str| {
            let hash = digit.to_string().repeat(32);
            format!("/nix/store/{hash}-{name}").parse().unwrap()
        };
        let closure = Closure {
            host: path('1', "host"),
            bitcoin: path('2', "bitcoin"),
            tree: path('3', "tree"),
        };
        cache.record("abc", &closure).unwrap();
        assert_eq!(cache.look_up("abc"), None, "no narinfo yet");
        add(&cache, &closure.tree, &[], "tree");
        add(&cache, &closure.bitcoin, &[], "bitcoin");
        add(&cache, &closure.host, &[&closure.tree], "host");
        assert_eq!(cache.look_up("abc").as_ref(), Some(&closure));
        let archive = cache.file(&cache.narinfo(&closure.tree).unwrap().url);
        std::fs::write(&archive, "tre").unwrap();
        assert_eq!(cache.look_up("abc"), None, "a cut archive");
        std::fs::write(&archive, "tree").unwrap();
        assert_eq!(cache.look_up("abc"), Some(closure));
        assert_eq!(cache.look_up("other"), None);
    }
}
