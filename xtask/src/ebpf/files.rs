//! Files of the build: written whole or not at all, read in a fixed order.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use sha2::{Digest as _, Sha256};

use crate::Result;

/// The user's cache folder for what building the kernel side needs.
pub(super) fn cache() -> Result<PathBuf> {
    let strategy = etcetera::choose_base_strategy()
        .map_err(|error| format!("no cache folder: {error}; set HOME or XDG_CACHE_HOME"))?;
    Ok(strategy.cache_dir().join("workshop/ebpf"))
}

/// An error with the file it is about.
pub(super) fn at(path: &Path) -> impl Fn(std::io::Error) -> String + use<> {
    let path = path.display().to_string();
    move |error| format!("{path}: {error}")
}

pub(super) fn make_folder(path: &Path) -> Result {
    std::fs::create_dir_all(path).map_err(at(path))
}

/// Writes a file as a whole, readable by all; leaves one alone that is right already.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result {
    if std::fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(at(folder))?;
    file.write_all(bytes).map_err(at(path))?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
        .map_err(at(path))?;
    file.persist(path).map_err(|error| at(path)(error.error))?;
    Ok(())
}

/// Adds every file below a folder to a digest: its path from there and its bytes, sorted by path.
pub(super) fn digest_folder(digest: &mut Sha256, folder: &Path) -> Result {
    let mut paths = Vec::new();
    list(folder, &mut paths)?;
    paths.sort();
    for path in paths {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        let bytes = std::fs::read(&path).map_err(at(&path))?;
        digest_part(digest, &name.to_string_lossy(), &bytes);
    }
    Ok(())
}

/// Adds a named part; lengths keep two parts from being taken for one.
pub(super) fn digest_part(digest: &mut Sha256, name: &str, bytes: &[u8]) {
    for part in [name.as_bytes(), bytes] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
}

/// A finished digest in hexadecimal.
pub(super) fn hex(digest: Sha256) -> String {
    digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn list(folder: &Path, paths: &mut Vec<PathBuf>) -> Result {
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        let path = entry.path();
        // What an editor's own cargo leaves there is no source.
        if entry.file_name() == "target" {
            continue;
        }
        if entry.file_type().map_err(at(&path))?.is_dir() {
            list(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
