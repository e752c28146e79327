//! `cargo xtask ebpf --check`: is the committed object what its source makes?

use std::path::Path;
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

use super::build::{self, FLAGS, Lock, RUSTC_WRAPPER};
use super::files::{self, at, cache, digest_folder, digest_part, hex, make_folder};
use super::tools::{NoNightly, Outcome, Runner, Tools};
use super::{difference, linker, nightly, object};
use crate::Result;
use crate::run::{in_silence, root, target};

/// Successful checks that are remembered.
const REMEMBERED: usize = 32;

/// Checks beside other work, without a word; the answer is the thread's.
pub(crate) fn start() -> JoinHandle<Result<String>> {
    std::thread::spawn(|| check(in_silence))
}

/// Rebuilds the object in a folder of its own and compares; answers what was found, in one line.
///
/// Skips, and says so, where the compiler is not installed or its library is out of reach.
pub(super) fn check(run: Runner) -> Result<String> {
    let place = object();
    let place = place.strip_prefix(root()).unwrap_or(&place).display();
    let committed = std::fs::read(object())
        .map_err(|error| format!("{place}: {error}; `cargo xtask ebpf` builds it"))?;
    let before = inputs(&committed)?;
    let known = cache()?.join("checked");
    if remembered(&known).any(|line| line == before) {
        return Ok(format!(
            "{place}: is what its source makes (checked before; nothing changed since)"
        ));
    }
    let tools = match Tools::set_up(NoNightly::GiveUp, run)? {
        Outcome::Ready(tools) => tools,
        Outcome::Absent(reason) => return Ok(skipped(&reason)),
    };
    make_folder(&target())?;
    let folder = tempfile::Builder::new()
        .prefix("ebpf-check-")
        .tempdir_in(target())
        .map_err(at(&target()))?;
    let built = build::build(&tools, folder.path(), Lock::Keep, run)?;
    if built == committed {
        // Somebody may have edited the source meanwhile.
        if inputs(&committed)? == before {
            remember(&known, before)?;
        }
        return Ok(format!(
            "{place}: is what its source makes ({} bytes)",
            built.len()
        ));
    }
    Err(format!(
        "{place} is not what its source makes: {}\n  run `cargo xtask ebpf` and commit the object",
        difference::first(&committed, &built)
    ))
}

fn skipped(reason: &str) -> String {
    format!("skipped: the kernel side's object was not checked: {reason}")
}

/// A digest of everything that the answer depends on.
fn inputs(committed: &[u8]) -> Result<String> {
    let mut digest = Sha256::new();
    for folder in ["crates/probe-ebpf", "crates/probe-common"] {
        digest_part(&mut digest, folder, b"");
        digest_folder(&mut digest, &root().join(folder))?;
    }
    // The workspace's manifest gives probe-common its edition.
    let manifest = root().join("Cargo.toml");
    digest_part(
        &mut digest,
        "Cargo.toml",
        &std::fs::read(&manifest).map_err(at(&manifest))?,
    );
    // What the tool itself does is in its source.
    digest_part(&mut digest, "build.rs", include_bytes!("build.rs"));
    digest_part(&mut digest, "flags", FLAGS.concat().as_bytes());
    digest_part(&mut digest, "wrapper", RUSTC_WRAPPER.as_bytes());
    digest_part(&mut digest, "rustc", nightly::VERSION.as_bytes());
    digest_part(&mut digest, "linker", linker::VERSION.as_bytes());
    digest_part(&mut digest, "object", committed);
    Ok(hex(digest))
}

/// Inputs of successful checks, the newest first.
fn remembered(known: &Path) -> impl Iterator<Item = String> + use<> {
    let text = std::fs::read_to_string(known).unwrap_or_default();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.into_iter()
}

fn remember(known: &Path, inputs: String) -> Result {
    let lines: Vec<_> = std::iter::once(inputs)
        .chain(remembered(known))
        .take(REMEMBERED)
        .collect();
    files::write(known, (lines.join("\n") + "\n").as_bytes())
}
