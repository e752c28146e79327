//! The pinned nightly compiler. Targets without a compiled `core` need one.

use std::path::PathBuf;
use std::process::Command;

use super::files::at;
use super::tools::Runner;
use crate::Result;
use crate::run::read;

/// rustup's name of the release whose compiler is [`COMMIT`].
pub(super) const NAME: &str = "nightly-2026-05-20";

/// The compiler itself: a toolchain may be installed under any name, such as `nightly`.
const COMMIT: &str = "e50aa6fba4e63ab34c72bf9acfd2c307c1155d1a";

/// What `rustc --version` says of it.
pub(super) const VERSION: &str = "1.97.0-nightly (e50aa6fba 2026-05-19)";

/// An installed toolchain with that compiler.
pub(super) struct Nightly {
    folder: PathBuf,
    host: String,
}

impl Nightly {
    /// Looks at the compilers of all toolchains that rustup has.
    pub(super) fn find() -> Result<Option<Self>> {
        let Some(home) = rustup_home() else {
            return Ok(None);
        };
        let toolchains = home.join("toolchains");
        if !toolchains.is_dir() {
            return Ok(None);
        }
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(&toolchains).map_err(at(&toolchains))? {
            folders.push(entry.map_err(at(&toolchains))?.path());
        }
        // Likely names first: asking a compiler for its version takes 20 ms and more.
        folders.sort_by_key(|folder| !folder.to_string_lossy().contains("nightly"));
        Ok(folders.into_iter().find_map(Self::at))
    }

    /// The toolchain in a folder, if it is the pinned one.
    fn at(folder: PathBuf) -> Option<Self> {
        let output = Command::new(folder.join("bin/rustc"))
            .arg("-vV")
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name));
        (field("commit-hash: ")? == COMMIT).then_some(())?;
        let host = field("host: ")?.to_owned();
        Some(Self { folder, host })
    }

    /// Has rustup install it.
    pub(super) fn install(run: Runner) -> Result<Self> {
        let mut command = rustup();
        command.args(["toolchain", "install", NAME, "--no-self-update"]);
        command.args(["--profile", "minimal", "--component", "rust-src"]);
        run(&format!("installing {NAME}"), &mut command)?;
        Self::find()?.ok_or_else(|| {
            format!("rustup installed {NAME}, but its compiler is not {VERSION} (commit {COMMIT})")
        })
    }

    /// Has rustup add the source of the library that belongs to it.
    pub(super) fn add_library(&self, run: Runner) -> Result {
        let name = self.folder.file_name().unwrap_or_default();
        let mut command = rustup();
        command.args(["component", "add", "rust-src", "--toolchain"]);
        run("adding the library's source", command.arg(name))
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// A program that comes with the compiler for its own use.
    pub(super) fn inner_program(&self, name: &str) -> Command {
        let folder = self.folder.join("lib/rustlib").join(&self.host).join("bin");
        let mut command = Command::new(folder.join(name));
        command.env("LD_LIBRARY_PATH", self.libraries());
        command
    }

    /// Where the `rust-src` component has the library's source.
    pub(super) fn rust_src(&self) -> PathBuf {
        self.folder.join("lib/rustlib/src/rust")
    }

    /// The compiler's LLVM.
    pub(super) fn llvm(&self) -> Result<PathBuf> {
        let folder = self.libraries();
        for entry in std::fs::read_dir(&folder).map_err(at(&folder))? {
            let entry = entry.map_err(at(&folder))?;
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with("libLLVM.so.")
            {
                return Ok(entry.path());
            }
        }
        Err(format!("{}: no libLLVM.so.*", folder.display()))
    }

    fn libraries(&self) -> PathBuf {
        self.folder.join("lib")
    }
}

/// What rustup says, or nothing where there is no rustup.
fn rustup_home() -> Option<PathBuf> {
    let home = read(rustup().args(["show", "home"])).ok()?;
    Some(PathBuf::from(home.trim()))
}

fn rustup() -> Command {
    let mut command = Command::new("rustup");
    // Its backtraces would push the error out of the lines that we show.
    command.env_remove("RUST_BACKTRACE");
    command
}
