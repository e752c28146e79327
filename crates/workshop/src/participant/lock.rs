//! One command at a time changes what is kept for a participant, though several may run.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic as _, WrapErr as _};

use super::state_folder;

/// Temporary files end so. Only who holds the lock has any, so that all others are of killed runs.
const UNFINISHED: &str = ".unfinished";

/// The right to change answers, progress and the files in ~/workshop. It ends with the value, or the process.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, and never read")] File);

impl Lock {
    /// Waits for the other commands; each holds it for the time of a write.
    pub(crate) fn take() -> miette::Result<Self> {
        Self::at(&state_folder()?.join("workshop"))
    }

    /// With the lock in that folder.
    pub(crate) fn at(folder: &Path) -> miette::Result<Self> {
        fs_err::create_dir_all(folder).into_diagnostic()?;
        let path = folder.join("lock");
        File::create(&path)
            .and_then(|file| file.lock().map(|()| file))
            .map(Self)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot lock {}", path.display()))
    }

    /// Writes a file that only its owner reads, whole or not at all, with its folder.
    pub(crate) fn write(&self, path: &Path, text: &str) -> miette::Result<()> {
        let path = behind_links(path);
        self.unfinished(&path, text, 0o600)
            .and_then(|file| {
                file.persist(&path).map_err(|error| error.error)?;
                sync_folder_of(&path)
            })
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", path.display()))
    }

    /// The same for a file of the participant's own work, which others may read and run.
    pub(crate) fn write_work(&self, path: &Path, text: &str, replace: bool) -> miette::Result<()> {
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        self.unfinished(path, text, mode)
            .and_then(|file| {
                if replace {
                    file.persist(path).map_err(|error| error.error)?;
                } else {
                    // An editor takes no lock.
                    file.persist_noclobber(path).map_err(|error| error.error)?;
                }
                sync_folder_of(path)
            })
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", path.display()))
    }

    fn unfinished(
        &self,
        path: &Path,
        text: &str,
        mode: u32,
    ) -> std::io::Result<tempfile::NamedTempFile> {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}.");
        sweep(folder, &prefix);
        let mut file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(UNFINISHED)
            .permissions(std::fs::Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    provisioner::state::files::sync_folder(folder_of(path))
}

/// Who keeps a file elsewhere, behind a link, wants it changed there.
fn behind_links(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Removes what killed runs left of a file. What cannot be removed does no harm.
fn sweep(folder: &Path, prefix: &str) {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(UNFINISHED) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
