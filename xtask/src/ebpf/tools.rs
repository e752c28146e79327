//! All that building the kernel side needs, found or set up.

use std::path::PathBuf;
use std::process::Command;

use super::files::cache;
use super::nightly::{self, Nightly};
use super::{library, linker};
use crate::Result;

/// How a program is run that takes a while: behind a bar, or silently beside others.
pub(super) type Runner = fn(&str, &mut Command) -> Result;

/// What to do where the pinned compiler is not installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NoNightly {
    /// Have rustup install it.
    Install,
    /// Leave it at that: hundreds of megabytes are nothing to fetch without being asked.
    GiveUp,
}

/// Something that was looked for.
pub(super) enum Outcome<T> {
    Ready(T),
    /// What is missing, and what would bring it.
    Absent(String),
}

pub(super) struct Tools {
    pub(super) nightly: Nightly,
    /// The folder called `library`.
    pub(super) library: PathBuf,
    /// The folder of the linker's program.
    pub(super) linker: PathBuf,
}

impl Tools {
    /// Finds the tools and sets up what is missing.
    pub(super) fn set_up(no_nightly: NoNightly, run: Runner) -> Result<Outcome<Self>> {
        if !cfg!(target_os = "linux") {
            let reason = "it is built on Linux only: bpf-linker uses the compiler's libLLVM.so";
            return Ok(Outcome::Absent(reason.into()));
        }
        let nightly = match (Nightly::find()?, no_nightly) {
            (Some(nightly), _) => nightly,
            (None, NoNightly::Install) => Nightly::install(run)?,
            (None, NoNightly::GiveUp) => {
                return Ok(Outcome::Absent(format!(
                    "rustup has no toolchain with rustc {}; `cargo xtask ebpf` installs it",
                    nightly::VERSION
                )));
            }
        };
        let cache = cache()?;
        let library = match library::ensure(&nightly, &cache, run)? {
            Outcome::Ready(library) => library,
            Outcome::Absent(reason) => return Ok(Outcome::Absent(reason)),
        };
        let linker = linker::ensure(&nightly, &cache, run)?;
        Ok(Outcome::Ready(Self {
            nightly,
            library,
            linker,
        }))
    }
}
