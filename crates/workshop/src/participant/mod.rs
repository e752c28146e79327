//! Where a participant is and what is kept for them: the host's own description, answers, progress.

pub(crate) mod answers;
pub(crate) mod lock;
pub(crate) mod progress;
pub(crate) mod runs;
pub(crate) mod work;

use std::path::{Path, PathBuf};

use exercises::profile::{self, PROFILES, Profile, Version};
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::Deserialize;

use crate::output::Output;

/// Written by `workshop provision`; see crates/provisioner/src/steps/system.rs.
const HOST: &str = "/etc/workshop/host.json";

/// What a provisioned host says of itself.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Host {
    pub(crate) word: Option<String>,
    pub(crate) tree: Option<PathBuf>,
    pub(crate) bitcoin_version: Option<String>,
    pub(crate) node_binary: Option<PathBuf>,
    pub(crate) memory_bytes: Option<u64>,
}

impl Host {
    /// This host's description; an empty one where nothing was provisioned.
    pub(crate) fn here() -> miette::Result<Self> {
        match fs_err::read_to_string(HOST) {
            Ok(text) => serde_json::from_str(&text)
                .into_diagnostic()
                .wrap_err_with(|| format!("{HOST} is damaged")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).into_diagnostic(),
        }
    }

    /// The source tree: the given one, else the host's.
    pub(crate) fn tree(&self, given: Option<&Path>) -> Option<PathBuf> {
        given.map(Path::to_owned).or_else(|| self.tree.clone())
    }

    /// What kind of Bitcoin Core the tree is; without one, what the host says it has.
    pub(crate) fn version(&self, tree: Option<&Path>) -> Option<Version> {
        let in_tree = tree.and_then(|tree| {
            PROFILES.iter().find_map(|profile| {
                Version::in_tree(&fs_err::read_to_string(tree.join(profile.build_system)).ok()?)
            })
        });
        in_tree.or_else(|| Version::from_text(self.bitcoin_version.as_deref()?))
    }

    /// The line of Bitcoin Core.
    pub(crate) fn profile(&self, tree: Option<&Path>) -> &'static Profile {
        profile::of_version(self.version(tree))
    }
}

/// The participant's home.
pub(crate) fn home() -> miette::Result<PathBuf> {
    std::env::home_dir()
        .filter(|home| home.is_absolute())
        .ok_or_else(|| miette::miette!(help = "set HOME", "this account has no home folder"))
}

/// Whoever types `sudo workshop` finds none of their own answers, and is told why.
pub(crate) fn remark_on_sudo(output: &Output) {
    let by_sudo = std::env::var_os("SUDO_UID").is_some_and(|uid| uid != "0");
    if by_sudo && rustix::process::geteuid().is_root() {
        let home = home().map_or_else(
            |_| "root's home".to_owned(),
            |home| home.display().to_string(),
        );
        output.remark(format_args!(
            "remark: with sudo the answers and the progress are those in {home}; run `workshop` without it"
        ));
    }
}

/// Where what programs remember of this account is kept.
pub(crate) fn state_folder() -> miette::Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    match state {
        Some(state) => Ok(state),
        None => Ok(home()?.join(".local/state")),
    }
}

/// ~/workshop: where a participant's files are.
pub(crate) fn work_folder() -> miette::Result<PathBuf> {
    Ok(home()?.join("workshop"))
}

/// A path under the home as people type it.
pub(crate) fn shown(path: &Path) -> String {
    let rest = home()
        .ok()
        .and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned));
    rest.map_or_else(
        || path.display().to_string(),
        |rest| format!("~/{}", rest.display()),
    )
}

/// Writes a file whole or not at all, making its folder.
pub(crate) fn write(path: &Path, text: &str) -> miette::Result<()> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).into_diagnostic()?;
    }
    provisioner::state::files::write_private(path, text.as_bytes())
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
