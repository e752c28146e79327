//! The source of Rust's library: `core` is compiled for the kernel along with our own code.
//!
//! The `rust-src` component of the pinned compiler has it. Line numbers of `core` are a part of the object, so
//! a library of another release is told apart by a digest, which is recorded beside the object.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::files::{at, digest_folder, digest_part, hex, make_folder};
use super::nightly::{NAME, Nightly};
use super::tools::{Outcome, Reach, Runner};
use crate::Result;
use crate::run::root;

/// Names a `.tar.xz` whose top folder is `library`, for machines that rustup's server is out of reach of.
const ARCHIVE_VARIABLE: &str = "WORKSHOP_RUST_LIBRARY";

/// Where such a file may lie beside the checkout.
const ARCHIVE_BESIDE: &str = "../shared/toolchain/rust-library-1.97.1.tar.xz";

/// What of the library gets into the object.
const COMPILED: &[&str] = &["core", "compiler-builtins/compiler-builtins"];

pub(super) struct Library {
    /// The folder called `library`.
    pub(super) folder: PathBuf,
    /// Of the parts that are compiled.
    pub(super) sha256: String,
}

impl Library {
    /// The library of the committed object where it is at hand; else one that is.
    pub(super) fn find(
        nightly: &Nightly,
        cache: &Path,
        recorded: Option<&str>,
        reach: Reach,
        run: Runner,
    ) -> Result<Outcome<Self>> {
        let own = nightly.rust_src().join("library");
        let unpacked = cache.join("rust-library/library");
        let mut candidates = Vec::new();
        for folder in [&own, &unpacked] {
            candidates.extend(Self::at(folder)?);
        }
        let is_recorded = |library: &Self| Some(library.sha256.as_str()) == recorded;
        if !candidates.iter().any(is_recorded)
            && let Some(archive) = archive()?
        {
            unpack(&archive, cache, run)?;
            candidates.retain(|library| library.folder != unpacked);
            candidates.extend(Self::at(&unpacked)?);
        }
        if candidates.is_empty() && reach == Reach::Anywhere {
            nightly.add_library(run)?;
            candidates.extend(Self::at(&own)?);
        }
        let best = candidates.iter().position(is_recorded).unwrap_or(0);
        Ok(if best < candidates.len() {
            Outcome::Ready(candidates.swap_remove(best))
        } else {
            let toolchain = nightly.folder().file_name().unwrap_or_default();
            Outcome::Absent(format!(
                "no source of Rust's library; `rustup component add rust-src --toolchain {}` adds it, or name \
                 an archive of it in {ARCHIVE_VARIABLE}",
                toolchain.to_string_lossy()
            ))
        })
    }

    fn at(folder: &Path) -> Result<Option<Self>> {
        if !folder.join("core/src/lib.rs").is_file() {
            return Ok(None);
        }
        let mut digest = Sha256::new();
        for part in COMPILED {
            digest_part(&mut digest, part, b"");
            digest_folder(&mut digest, &folder.join(part))?;
        }
        Ok(Some(Self {
            folder: folder.to_owned(),
            sha256: hex(digest),
        }))
    }
}

/// The archive that was named, or the one beside the checkout.
fn archive() -> Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(ARCHIVE_VARIABLE).map(PathBuf::from) {
        if !path.is_file() {
            return Err(format!(
                "{ARCHIVE_VARIABLE}={}: no such file; unset it to use rustup's `rust-src` of {NAME}",
                path.display()
            ));
        }
        return Ok(Some(path));
    }
    let beside = root().join(ARCHIVE_BESIDE);
    Ok(beside.is_file().then_some(beside))
}

/// Unpacks an archive into the cache, in place of what was unpacked before.
fn unpack(archive: &Path, cache: &Path, run: Runner) -> Result {
    make_folder(cache)?;
    let new = tempfile::tempdir_in(cache).map_err(at(cache))?;
    let mut tar = Command::new("tar");
    tar.arg("-xJf").arg(archive).arg("-C").arg(new.path());
    run("unpacking the library's source", &mut tar)?;
    if !new.path().join("library/core/src/lib.rs").is_file() {
        return Err(format!(
            "{}: no library/core/src/lib.rs in it",
            archive.display()
        ));
    }
    let place = cache.join("rust-library");
    if place.exists() {
        std::fs::remove_dir_all(&place).map_err(at(&place))?;
    }
    std::fs::rename(new.keep(), &place).map_err(at(&place))
}
