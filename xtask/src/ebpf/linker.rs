//! bpf-linker, which turns LLVM bitcode into one object for the kernel.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::without_settings;
use super::files::{at, make_folder};
use super::nightly::Nightly;
use super::tools::Runner;
use crate::Result;

/// The release that reads bitcode of LLVM 22, the pinned compiler's.
pub(super) const VERSION: &str = "0.13.0";

/// The folder of the linker's program. Built unless it is there and works; that takes some two minutes.
///
/// It is linked to the compiler's own LLVM: nothing else is sure to read what that compiler writes, and no
/// LLVM for developers is needed.
pub(super) fn ensure(nightly: &Nightly, cache: &Path, run: Runner) -> Result<PathBuf> {
    let llvm = cache.join("llvm");
    let library = nightly.llvm()?;
    let name = library.file_name().unwrap_or_default();
    // The linker finds the second name when it runs.
    for link in ["libLLVM.so".as_ref(), name] {
        point(&llvm.join("lib").join(link), &library)?;
    }
    let place = cache.join("linker");
    let folder = place.join("bin");
    if works(&folder) {
        return Ok(folder);
    }
    let mut install = Command::new("cargo");
    without_settings(&mut install);
    install
        .env("LLVM_PREFIX", &llvm)
        .args(["install", "bpf-linker", "--version", VERSION, "--locked"])
        .args(["--no-default-features", "--features", "llvm-22", "--force"])
        .arg("--root")
        .arg(&place);
    run("building bpf-linker", &mut install)?;
    if works(&folder) {
        Ok(folder)
    } else {
        Err(format!(
            "{}: does not run as version {VERSION}, though it was just built",
            folder.join("bpf-linker").display()
        ))
    }
}

/// Whether it is the pinned release and finds its LLVM.
fn works(folder: &Path) -> bool {
    let output = Command::new(folder.join("bpf-linker"))
        .arg("--version")
        .output();
    output.is_ok_and(|output| {
        output.status.success()
            && String::from_utf8_lossy(&output.stdout).trim() == format!("bpf-linker {VERSION}")
    })
}

/// Makes a symbolic link, in place of one that points elsewhere.
fn point(link: &Path, target: &Path) -> Result {
    if std::fs::read_link(link).is_ok_and(|there| there == target) {
        return Ok(());
    }
    let folder = link.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let new = tempfile::tempdir_in(folder).map_err(at(folder))?;
    let made = new.path().join("link");
    std::os::unix::fs::symlink(target, &made).map_err(at(&made))?;
    std::fs::rename(&made, link).map_err(at(link))
}
