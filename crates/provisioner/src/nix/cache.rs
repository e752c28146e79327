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

use super::Closure;
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

    /// What these inputs gave before, if all of it is still in the cache.
    pub fn look_up(&self, inputs: &str) -> Option<Closure> {
        let text = std::fs::read(self.record_of(inputs)).ok()?;
        let closure: Closure = serde_json::from_slice(&text).ok()?;
        let kept = [&closure.host, &closure.bitcoin, &closure.tree]
            .iter()
            .all(|path| {
                self.folder
                    .join("store")
                    .join(format!("{}.narinfo", path.hash()))
                    .exists()
            });
        kept.then_some(closure)
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

    fn record_of(&self, inputs: &str) -> PathBuf {
        self.folder.join("builds").join(format!("{inputs}.json"))
    }
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
            let text = format!("workshop-1:{}", STANDARD.encode(pair.to_bytes()));
            write_private(&path, text.as_bytes())?;
            text
        }
        Err(error) => return Err(error),
    };
    let wrong = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "secret-key is not a key that Nix made or we did",
        )
    };
    let (name, secret) = text.trim().split_once(':').ok_or_else(wrong)?;
    let secret = STANDARD.decode(secret).map_err(|_| wrong())?;
    let public = secret.get(32..64).ok_or_else(wrong)?;
    Ok(format!("{name}:{}", STANDARD.encode(public)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let path = |name: &str| {
            format!("/nix/store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m-{name}")
                .parse()
                .unwrap()
        };
        let closure = Closure {
            host: path("host"),
            bitcoin: path("bitcoin"),
            tree: path("tree"),
        };
        cache.record("abc", &closure).unwrap();
        assert_eq!(cache.look_up("abc"), None, "no narinfo yet");
        std::fs::write(
            folder
                .path()
                .join("store/9n93dkwl2y6h16q5b0yb440k1fq3zx1m.narinfo"),
            "",
        )
        .unwrap();
        assert_eq!(cache.look_up("abc"), Some(closure));
        assert_eq!(cache.look_up("other"), None);
    }
}
