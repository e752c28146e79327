//! Builds the object.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::files::{self, at};
use super::tools::{Runner, Tools};
use crate::Result;
use crate::run::{read, root};

/// Where the kernel side runs: BPF, little-endian.
const TARGET: &str = "bpfel-unknown-none";

/// Flags of the compiler, one a word.
pub(super) const FLAGS: &[&str] = &[
    // The registers that aya's contexts read are those of this processor.
    "--cfg=bpf_target_arch=\"x86_64\"",
    // Types become .BTF and line tables .BTF.ext: the verifier shows its complaints with their lines.
    "-Cdebuginfo=2",
    "-Clink-arg=--btf",
    // And with the lines' text: LLVM finds no files under the names that we give them.
    "-Zdwarf-version=5",
    "-Zembed-source",
    // Atomics that return the old value (Linux 5.12) and 32-bit registers.
    "-Ctarget-cpu=v3",
];

/// See its own words.
pub(super) const RUSTC_WRAPPER: &str = include_str!("rustc.sh");

/// What to do with a lock file that does not have all packages, as after a change of a manifest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// Let cargo add them.
    Complete,
    /// Fail.
    Keep,
}

/// Builds the kernel side in a folder for cargo's files and returns the object's bytes.
pub(super) fn build(tools: &Tools, folder: &Path, lock: Lock, run: Runner) -> Result<Vec<u8>> {
    // cargo is run elsewhere.
    let folder = std::path::absolute(folder).map_err(at(folder))?;
    let wrapper = folder.join("rustc.sh");
    files::write(&wrapper, RUSTC_WRAPPER.as_bytes())?;
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755))
        .map_err(at(&wrapper))?;
    let names = names(tools, lock)?;
    let flags = FLAGS.iter().map(|flag| (*flag).to_owned());
    let remaps = names
        .iter()
        .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    let flags: Vec<String> = flags.chain(remaps).collect();

    let mut cargo = cargo(tools);
    cargo
        .env("RUSTC_WRAPPER", &wrapper)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        // Looking at the packages has completed the lock file.
        .args(["build", "--locked", "--release", "--target", TARGET])
        .args(["-Z", "build-std=core", "--target-dir"])
        .arg(&folder);
    run("building the kernel side", &mut cargo)?;

    let built = folder.join(TARGET).join("release/probe");
    let stripped = folder.join("probe.bpf.o");
    let mut strip = tools.nightly.inner_program("rust-objcopy");
    // .BTF and .BTF.ext stay.
    read(strip.arg("--strip-debug").arg(&built).arg(&stripped))?;
    let bytes = std::fs::read(&stripped).map_err(at(&stripped))?;
    no_path_in(&bytes, names.iter().map(|(path, _)| path.as_path()))?;
    Ok(bytes)
}

/// Every folder that source comes from, and what it is called in the object.
fn names(tools: &Tools, lock: Lock) -> Result<Vec<(PathBuf, String)>> {
    let mut command = cargo(tools);
    command.args(["metadata", "--quiet", "--format-version", "1"]);
    if lock == Lock::Keep {
        command.arg("--locked");
    }
    let text = read(&mut command).map_err(|error| match lock {
        Lock::Complete => error,
        Lock::Keep => format!(
            "{error}\n  if it is the lock file that has to change, `cargo xtask ebpf` does that; commit it"
        ),
    })?;
    let metadata: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut names = vec![(tools.library.clone(), "library".to_owned())];
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let field = |name: &str| package[name].as_str().unwrap_or_default();
        let manifest = Path::new(field("manifest_path"));
        let folder = manifest.parent().unwrap_or(manifest);
        let name = if package["source"].is_null() {
            // Ours: as the folder is called from the top folder, so that messages can be followed.
            let name = folder.file_name().unwrap_or_default();
            format!("crates/{}", name.to_string_lossy())
        } else {
            format!("{}-{}", field("name"), field("version"))
        };
        names.push((folder.to_owned(), name));
    }
    Ok(names)
}

/// The pinned cargo, at the kernel side, with no settings but ours.
fn cargo(tools: &Tools) -> Command {
    let mut cargo = Command::new(tools.nightly.program("cargo"));
    without_settings(&mut cargo);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(tools.linker.clone()).chain(std::env::split_paths(&path));
    cargo
        .current_dir(root().join("crates/probe-ebpf"))
        .env("PATH", std::env::join_paths(path).unwrap_or_default())
        .env("RUSTC", tools.nightly.program("rustc"))
        // Where cargo takes the library's source from, instead of from beside the compiler.
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", &tools.library);
    cargo
}

/// Takes out of the environment what changes the result of a build or where it is put.
pub(super) fn without_settings(command: &mut Command) {
    const SETTINGS: &[&str] = &[
        "CARGO_BUILD_",
        "CARGO_ENCODED_",
        "CARGO_INCREMENTAL",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "CARGO_UNSTABLE_",
        "RUSTC",
        "RUSTFLAGS",
        "__CARGO_",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if SETTINGS.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
}

/// Nothing of this machine may be in the object.
fn no_path_in<'a>(bytes: &[u8], folders: impl Iterator<Item = &'a Path>) -> Result {
    for folder in folders {
        let path = folder.as_os_str().as_encoded_bytes();
        if bytes.windows(path.len()).any(|window| window == path) {
            return Err(format!(
                "the path {} is in the object: two machines would not build the same",
                folder.display()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    /// What the wrapper calls the compiler with, for arguments of cargo's.
    fn wrapped(arguments: &str) -> String {
        let output = Command::new("sh")
            .args(["-c", RUSTC_WRAPPER, "rustc.sh", "echo"])
            .args(arguments.split(' '))
            .env("CARGO_PKG_NAME", "core")
            .env("CARGO_PKG_VERSION", "0.0.0")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn crates_for_the_kernel_are_named_by_package() {
        assert_eq!(
            wrapped("lib.rs --target bpfel-unknown-none -C metadata=5f1e -C opt-level=3"),
            "lib.rs --target bpfel-unknown-none -C metadata=core-0.0.0 -C opt-level=3"
        );
        // Those for the building machine may be there twice, so cargo's names stay.
        let for_the_host = "lib.rs -C metadata=5f1e -C opt-level=3";
        assert_eq!(wrapped(for_the_host), for_the_host);
        assert_eq!(wrapped("-vV"), "-vV");
    }

    #[test]
    fn a_path_of_the_machine_is_found() {
        let folders = [PathBuf::from("/home/ada/workshop")];
        let check = |bytes: &[u8]| no_path_in(bytes, folders.iter().map(PathBuf::as_path));
        assert!(check(b"\0crates/probe-ebpf/src/main.rs\0").is_ok());
        let error = check(b"\0/home/ada/workshop/crates/probe-ebpf/src/main.rs\0").unwrap_err();
        assert!(error.contains("/home/ada/workshop is in the object"));
    }

    #[test]
    fn the_committed_object_names_files_by_package() {
        let bytes = std::fs::read(super::super::object()).unwrap();
        let files: Vec<_> = bytes
            .split(|byte| *byte == 0)
            .filter_map(|string| std::str::from_utf8(string).ok())
            .filter(|string| Path::new(string).extension() == Some(OsStr::new("rs")))
            .collect();
        assert!(
            files.contains(&"crates/probe-ebpf/src/main.rs"),
            "{files:?}"
        );
        for file in files {
            let (package, rest) = file.split_once('/').unwrap();
            assert!(
                matches!(package, "crates" | "library") || rest.starts_with("src/"),
                "{file}"
            );
        }
    }
}
