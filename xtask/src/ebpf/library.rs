//! The source of Rust's library: `core` is compiled for the kernel along with our own code.
//!
//! It is pinned like the compiler: code of `core` and its line numbers are a part of the object. The `rust-src`
//! component of the pinned compiler has it.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::files::{at, digest_folder, digest_part, hex, make_folder};
use super::nightly::{NAME, Nightly};
use super::tools::{Outcome, Runner};
use crate::Result;
use crate::run::root;

/// Releases that make the same object, as [`digest`] has them.
const KNOWN: &[&str] = &[
    // The pinned compiler's own.
    "1fed54aea11843b562387b1e18e0b030c93fabeead41de821a3326991f629960",
    // Rust 1.97.1, which that nightly became: what differs are attributes of stability, a feature gate of the crate
    // and an example in the documentation of `fmt::NumBuffer`.
    "73fe2debd853f183bbf9998942cbe7cb012716974bc24d61b1190d97dd999096",
];

/// What of the library gets into the object.
const COMPILED: &[&str] = &["core", "compiler-builtins/compiler-builtins"];

/// Names a `.tar.xz` whose top folder is `library`, for machines that rustup's server is out of reach of.
const ARCHIVE_VARIABLE: &str = "WORKSHOP_RUST_LIBRARY";

/// Where such a file may lie beside the checkout.
const ARCHIVE_BESIDE: &str = "../shared/toolchain/rust-library-1.97.1.tar.xz";

/// The folder called `library`, wherever it is at hand; else from rustup.
pub(super) fn ensure(nightly: &Nightly, cache: &Path, run: Runner) -> Result<Outcome<PathBuf>> {
    let own = nightly.rust_src().join("library");
    let unpacked = cache.join("rust-library/library");
    for folder in [&own, &unpacked] {
        if is_known(folder)? {
            return Ok(Outcome::Ready(folder.clone()));
        }
    }
    if let Some(archive) = archive()? {
        unpack(&archive, cache, run)?;
        if is_known(&unpacked)? {
            return Ok(Outcome::Ready(unpacked));
        }
        return Err(format!(
            "{}: the library of another release of Rust than those that make the object: {NAME}, 1.97.1",
            archive.display()
        ));
    }
    if let Err(error) = nightly.add_library(run) {
        return Ok(Outcome::Absent(format!(
            "the source of Rust's library is missing, and rustup did not get it; name an archive of it in \
             {ARCHIVE_VARIABLE}, or see to this:\n{error}"
        )));
    }
    if is_known(&own)? {
        Ok(Outcome::Ready(own))
    } else {
        Err(format!(
            "{}: not the library of {NAME}, whose compiler lies beside it; have rustup install that toolchain anew",
            own.display()
        ))
    }
}

/// Whether a folder has a library that makes the object.
fn is_known(folder: &Path) -> Result<bool> {
    Ok(folder.join("core/src/lib.rs").is_file() && KNOWN.contains(&digest(folder)?.as_str()))
}

/// Of the parts that are compiled.
fn digest(folder: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    for part in COMPILED {
        digest_part(&mut digest, part, b"");
        digest_folder(&mut digest, &folder.join(part))?;
    }
    Ok(hex(digest))
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
