//! A temporary folder of a check. Those of killed runs are swept by the next.

use std::path::{Path, PathBuf};

use super::CouldNot;

/// Folders are called so, with the process's number and something random after it.
const PREFIX: &str = "workshop-check-";

/// A temporary folder, removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    /// Makes one, and removes those whose process is gone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new() -> Result<Self, CouldNot> {
        let place = std::env::temp_dir();
        sweep(&place);
        tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .tempdir_in(&place)
            .map(Self)
            .map_err(|error| {
                CouldNot::new(
                    format!("no folder can be made in {}: {error}", place.display()),
                    "is the disk full? `df -h /tmp`",
                )
            })
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

fn sweep(place: &Path) {
    let Ok(entries) = std::fs::read_dir(place) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(owner) else {
            continue;
        };
        if !PathBuf::from(format!("/proc/{pid}")).exists() {
            // Somebody else's cannot be removed, and need not be.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn owner(name: &str) -> Option<u32> {
    let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    pid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_ended_runs_are_swept() {
        let place = tempfile::tempdir().unwrap();
        // Above the largest number the kernel gives.
        let dead = place.path().join(format!("{PREFIX}4194305-x"));
        let ours = place
            .path()
            .join(format!("{PREFIX}{}-x", std::process::id()));
        let other = place.path().join("somebody-elses-1-x");
        for folder in [&dead, &ours, &other] {
            std::fs::create_dir(folder).unwrap();
        }
        sweep(place.path());
        assert!(!dead.exists() && ours.exists() && other.exists());
    }
}
