//! `cargo xtask fuzz`: the reader of programs' notes against files and operands nobody has written yet.
//!
//! libFuzzer starts from real programs: those that the tests compile, so that nothing of the kind is kept in
//! the repository. What it learns stays in `crates/probe/fuzz/corpus`, what it finds in `…/artifacts`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::machine;
use crate::run::{headline, read, root, shown, target};

/// Larger programs are mostly C library; libFuzzer's changes would rarely meet a note in them.
const SEED_LIMIT: u64 = 64 << 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to try: files as a whole, or the text of operands.
    #[arg(value_parser = ["read", "args"], default_values = ["read", "args"])]
    targets: Vec<String>,

    /// Seconds for each.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(args: &Args) -> Result {
    machine::prepare()?;
    let path = cargo_fuzz()?;
    headline("Compiling the programs to start from");
    shown(Command::new("cargo").current_dir(root()).args([
        "test",
        "--quiet",
        "--package",
        "probe",
        "--test",
        "programs",
        "--test",
        "operands",
    ]))?;
    let seeds = seeds()?;
    let fuzz = root().join("crates/probe/fuzz");
    for name in &args.targets {
        headline(&format!("Fuzzing {name} for {} s", args.seconds));
        let corpus = fuzz.join("corpus").join(name);
        fs::create_dir_all(&corpus).map_err(failed(&corpus))?;
        shown(
            Command::new("cargo")
                .env("PATH", &path)
                // The stable cargo that runs us; cargo-fuzz would take it for its own.
                .env_remove("CARGO")
                .current_dir(root())
                .args(["+nightly", "fuzz", "run", "--fuzz-dir"])
                .arg(&fuzz)
                .arg("--target-dir")
                .arg(target().join("fuzz"))
                .arg(name)
                .args([&corpus, &seeds.join(name)])
                .arg("--")
                .arg(format!(
                    "-dict={}",
                    fuzz.join(format!("{name}.dict")).display()
                ))
                .arg(format!("-max_total_time={}", args.seconds))
                .arg(format!("-max_len={SEED_LIMIT}"))
                // A file of 64 KiB is read in microseconds and in less memory than a thousand times its size.
                .args(["-timeout=5", "-malloc_limit_mb=64"])
                .arg("-print_final_stats=1"),
        )?;
    }
    Ok(())
}

/// The search path with cargo-fuzz in it, installed beside our other tools where the user has none.
fn cargo_fuzz() -> Result<OsString> {
    let nightly = Command::new("cargo")
        .args(["+nightly", "--version"])
        .stdout(Stdio::null())
        .status();
    if !nightly.is_ok_and(|status| status.success()) {
        return Err(
            "fuzzing needs nightly Rust for its sanitizers: rustup toolchain install nightly"
                .into(),
        );
    }
    let own = target().join("xtask/cargo-fuzz");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([own.join("bin")]);
    let folders: Vec<PathBuf> = folders.collect();
    if !folders
        .iter()
        .any(|folder| folder.join("cargo-fuzz").is_file())
    {
        headline("Installing cargo-fuzz");
        shown(
            Command::new("cargo")
                .args(["install", "--locked", "cargo-fuzz", "--root"])
                .arg(&own),
        )?;
    }
    std::env::join_paths(folders).map_err(|error| error.to_string())
}

/// A folder for each target: programs, and the operands in them.
fn seeds() -> Result<PathBuf> {
    let seeds = target().join("xtask/fuzz-seeds");
    let [programs, operands] = ["read", "args"].map(|name| seeds.join(name));
    for folder in [&programs, &operands] {
        fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    for test in ["programs", "operands"] {
        let folder = target().join("tmp").join(test);
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let entry = entry.map_err(failed(&folder))?;
            let path = entry.path();
            let bytes = match entry.metadata() {
                Ok(metadata) if metadata.is_file() && metadata.len() <= SEED_LIMIT => {
                    fs::read(&path).map_err(failed(&path))?
                }
                _ => continue,
            };
            if !bytes.starts_with(b"\x7fELF") {
                continue;
            }
            let name = format!("{test}-{}", entry.file_name().to_string_lossy());
            let seed = programs.join(&name);
            fs::write(&seed, bytes).map_err(failed(&seed))?;
            let notes = read(Command::new("readelf").arg("-nW").arg(&path))?;
            for (at, text) in notes
                .lines()
                .filter_map(|line| line.trim().strip_prefix("Arguments: "))
                .enumerate()
            {
                let seed = operands.join(format!("{name}-{at}"));
                fs::write(&seed, text).map_err(failed(&seed))?;
            }
        }
    }
    Ok(seeds)
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}
