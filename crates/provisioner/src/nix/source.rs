//! Bitcoin Core's tree, as one archive that a builder can be sent.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::release::ReleaseError;

/// What the pinned crate carries: Core's tree between 31 and 32, without `src/wallet`.
pub const CRATE_CORE_VERSION: &str = "31.99";

const CRATE: &str = "libbitcoinkernel-sys-0.4.1";
const MANIFEST: &str = include_str!("../../../../nix/core-source/Cargo.toml");
const LOCK: &str = include_str!("../../../../nix/core-source/Cargo.lock");

/// An archive with a tree in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The archive on this machine. Its file name is part of the store path.
    pub archive: PathBuf,
    /// SHA-256 of the archive, in hex.
    pub sum: String,
    /// The folder in the archive where the tree begins.
    pub root: String,
    /// Bitcoin Core's version.
    pub version: String,
    /// Whether the tree has the wallet.
    pub wallet: bool,
}

/// The tree cannot be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum SourceError {
    /// cargo is not there or failed.
    #[error("cargo could not fetch {CRATE}, which carries Bitcoin Core's tree: {detail}")]
    #[diagnostic(help(
        "`source: crate` needs cargo and the crate registry on this machine. \
         Without them, name a tree of your own: `source: path` with `path: DIR`."
    ))]
    Fetch {
        /// What cargo said last.
        detail: String,
    },
    /// No release.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Release(#[from] ReleaseError),
    /// The archive is not the one whose sum is known.
    #[error("{} is not the {CRATE} whose checksum is pinned", path.display())]
    #[diagnostic(help("Remove the file and run again; cargo fetches it anew."))]
    Sum {
        /// The archive.
        path: PathBuf,
    },
    /// The folder is no tree that we can build.
    #[error("{} is not a tree of Bitcoin Core that builds with CMake: {missing} is missing", path.display())]
    #[diagnostic(help(
        "Trees before v29 use autotools and are not built by this version; name a newer tree."
    ))]
    NotATree {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        missing: &'static str,
    },
    /// A file could not be read or written.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Whether the pinned crate is where cargo keeps it.
///
/// # Errors
/// [`SourceError`]; another file of its name is there.
pub fn crate_is_here() -> Result<bool, SourceError> {
    Ok(fetched(&pinned_sum())?.is_some())
}

/// Fetches the pinned crate with cargo, or finds it where cargo keeps it. `work` holds the small manifest.
///
/// # Errors
/// [`SourceError`].
pub async fn from_crate(work: &Path) -> Result<Source, SourceError> {
    let sum = pinned_sum();
    let archive = match fetched(&sum)? {
        Some(archive) => archive,
        None => {
            fetch(work).await?;
            fetched(&sum)?.ok_or(SourceError::Fetch {
                detail: "it is not in cargo's registry afterwards".into(),
            })?
        }
    };
    Ok(Source {
        archive,
        sum,
        root: format!("{CRATE}/bitcoin"),
        version: CRATE_CORE_VERSION.into(),
        wallet: false,
    })
}

/// Whether `folder` has a tree that can be built.
///
/// # Errors
/// [`SourceError::NotATree`].
pub fn check_tree(folder: &Path) -> Result<(), SourceError> {
    for missing in ["CMakeLists.txt", "src/init.cpp", "src/util/trace.h"] {
        if !folder.join(missing).exists() {
            return Err(SourceError::NotATree {
                path: folder.to_owned(),
                missing,
            });
        }
    }
    Ok(())
}

/// Packs the tree in `folder` (without its build folder and history) into an archive in `work`.
///
/// # Errors
/// [`SourceError`].
pub async fn from_path(folder: &Path, work: &Path) -> Result<Source, SourceError> {
    check_tree(folder)?;
    let cmake = folder.join("CMakeLists.txt");
    let text = std::fs::read_to_string(&cmake).map_err(|source| SourceError::Io {
        path: cmake,
        source,
    })?;
    let archive = work.join("bitcoin-tree.tar");
    std::fs::create_dir_all(work).map_err(|source| SourceError::Io {
        path: work.to_owned(),
        source,
    })?;
    // Everything that differs between two packings of one tree is fixed, so that its sum names the tree.
    let output = Command::new("tar")
        .args([
            "--sort=name",
            "--mtime=@1",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
        ])
        .args(["--exclude=./build", "--exclude=./.git", "-cf"])
        .arg(&archive)
        .arg("-C")
        .arg(folder)
        .arg(".")
        .stdin(Stdio::null())
        .output()
        .await;
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let source =
                io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned());
            return Err(SourceError::Io {
                path: folder.to_owned(),
                source,
            });
        }
        Err(source) => {
            return Err(SourceError::Io {
                path: folder.to_owned(),
                source,
            });
        }
    }
    let sum = sum_of(&archive)?;
    let wallet = folder.join("src/wallet").is_dir();
    Ok(Source {
        archive,
        sum,
        root: ".".into(),
        version: version_of(&text),
        wallet,
    })
}

/// SHA-256 of a file, in hex, without reading it into memory.
///
/// # Errors
/// [`SourceError::Io`].
pub fn sum_of(path: &Path) -> Result<String, SourceError> {
    digest(path).map_err(|source| SourceError::Io {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn digest(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// `MAJOR.MINOR` from Core's CMakeLists.txt, or `unknown`.
fn version_of(cmake: &str) -> String {
    let value = |name: &str| {
        let (_, rest) = cmake.split_once(&format!("set({name} "))?;
        let (value, _) = rest.split_once(')')?;
        value.trim().parse::<u32>().ok()
    };
    match (value("CLIENT_VERSION_MAJOR"), value("CLIENT_VERSION_MINOR")) {
        (Some(major), Some(minor)) => format!("{major}.{minor}"),
        _ => "unknown".into(),
    }
}

fn pinned_sum() -> String {
    let after = LOCK
        .split("name = \"libbitcoinkernel-sys\"")
        .nth(1)
        .unwrap_or_default();
    after
        .split("checksum = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default()
        .to_owned()
}

/// Where cargo keeps the crate: one folder a registry.
fn fetched(sum: &str) -> Result<Option<PathBuf>, SourceError> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let Some(cache) = home.map(|home| home.join("registry/cache")) else {
        return Ok(None);
    };
    let Ok(registries) = std::fs::read_dir(cache) else {
        return Ok(None);
    };
    for registry in registries.flatten() {
        let path = registry.path().join(format!("{CRATE}.crate"));
        if path.exists() {
            return if sum_of(&path)? == sum {
                Ok(Some(path))
            } else {
                Err(SourceError::Sum { path })
            };
        }
    }
    Ok(None)
}

async fn fetch(work: &Path) -> Result<(), SourceError> {
    let folder = work.join("core-source");
    let io = |source| SourceError::Io {
        path: folder.clone(),
        source,
    };
    std::fs::create_dir_all(&folder).map_err(io)?;
    for (name, text) in [
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", LOCK),
        ("nothing.rs", ""),
    ] {
        std::fs::write(folder.join(name), text).map_err(io)?;
    }
    let output = Command::new("cargo")
        .args(["fetch", "--locked", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| SourceError::Fetch {
            detail: error.to_string(),
        })?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(SourceError::Fetch {
        detail: stderr
            .trim()
            .lines()
            .last()
            .unwrap_or("no message")
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_pins_the_crate_of_the_manifest() {
        assert_eq!(pinned_sum().len(), 64);
        let (name, version) = CRATE.rsplit_once('-').unwrap();
        assert!(MANIFEST.contains(&format!("{name} = \"={version}\"")));
    }

    #[test]
    fn the_version_of_a_tree_is_in_its_cmake_file() {
        assert_eq!(
            version_of("set(CLIENT_VERSION_MAJOR 29)\nset(CLIENT_VERSION_MINOR 1)\n"),
            "29.1"
        );
        assert_eq!(version_of("project(x)"), "unknown");
    }
}
