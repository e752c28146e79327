//! All that building the kernel side needs, found or set up.

use std::path::PathBuf;
use std::process::Command;

use super::files::cache;
use super::library::Library;
use super::nightly::{self, Nightly};
use super::{linker, provenance};
use crate::Result;

/// How a program is run that takes a while: behind a bar, or silently beside others.
pub(super) type Runner = fn(&str, &mut Command) -> Result;

/// What may be downloaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Packages of the crate registry, as for any build with cargo.
    Registry,
    /// Toolchains too: rustup's installation is changed.
    Anywhere,
}

/// Something that was looked for.
pub(super) enum Outcome<T> {
    Ready(T),
    /// What is missing, and what would bring it.
    Absent(String),
}

pub(super) struct Tools {
    pub(super) nightly: Nightly,
    pub(super) library: Library,
    /// The folder of the linker's program.
    pub(super) linker: PathBuf,
}

impl Tools {
    /// Finds the tools; gets what is missing within `reach`.
    pub(super) fn set_up(reach: Reach, run: Runner) -> Result<Outcome<Self>> {
        if !cfg!(target_os = "linux") {
            let reason =
                "the kernel side is built on Linux only: bpf-linker uses the compiler's libLLVM.so";
            return Ok(Outcome::Absent(reason.into()));
        }
        let nightly = match Nightly::find()? {
            Some(nightly) => nightly,
            None if reach == Reach::Anywhere => Nightly::install(run)?,
            None => {
                return Ok(Outcome::Absent(format!(
                    "rustup has no toolchain with rustc {}; `rustup toolchain install {} --profile minimal \
                     --component rust-src` installs it",
                    nightly::VERSION,
                    nightly::NAME
                )));
            }
        };
        let cache = cache()?;
        let recorded = recorded_library();
        let library = match Library::find(&nightly, &cache, recorded.as_deref(), reach, run)? {
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

    /// What is recorded beside the object.
    pub(super) fn provenance(&self) -> String {
        let value = serde_json::json!({
            "rustc": nightly::VERSION,
            "bpf-linker": linker::VERSION,
            "library": { "sha256": self.library.sha256 },
        });
        format!("{value:#}\n")
    }
}

/// The digest of the library that the committed object was built with, if that is recorded.
pub(super) fn recorded_library() -> Option<String> {
    let text = std::fs::read_to_string(provenance()).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(value["library"]["sha256"].as_str()?.to_owned())
}
