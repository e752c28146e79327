//! The checker that a grade sends: this very program, or one for another kind of machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checker cannot be sent.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum BadChecker {
    /// The file cannot be read.
    #[error("cannot read the checker {}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// No program for Linux.
    #[error("{} is no program for Linux", path.display())]
    #[diagnostic(help(
        "name one with --checker FILE: `cargo build-workshop` on a Linux machine makes one that runs on every host"
    ))]
    NotLinux { path: PathBuf },
}

/// A program as bytes: what is sent is the same for all hosts, whatever becomes of the file.
#[derive(Clone)]
pub(crate) struct Checker {
    pub(crate) program: Arc<[u8]>,
}

impl Checker {
    /// The given file, else this program as it runs.
    pub(crate) fn read(given: Option<&Path>) -> Result<Self, BadChecker> {
        let own = || {
            // On Linux it is this process's own program, even when the file has been replaced since.
            if cfg!(target_os = "linux") {
                Ok(PathBuf::from("/proc/self/exe"))
            } else {
                std::env::current_exe()
            }
        };
        let unreadable = |path: &Path, source| BadChecker::Unreadable {
            path: path.to_owned(),
            source,
        };
        let path = given.map_or_else(own, |path| Ok(path.to_owned()));
        let path = path.map_err(|source| unreadable(Path::new("of this process"), source))?;
        let program = std::fs::read(&path).map_err(|source| unreadable(&path, source))?;
        if !program.starts_with(b"\x7fELF") {
            return Err(BadChecker::NotLinux { path });
        }
        Ok(Self {
            program: program.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_no_checker() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "#!/bin/sh\nexit 0\n").unwrap();
        let error = Checker::read(Some(file.path())).err().unwrap();
        assert!(matches!(error, BadChecker::NotLinux { .. }), "{error}");
        let error = Checker::read(Some(Path::new("/nowhere"))).err().unwrap();
        assert!(matches!(error, BadChecker::Unreadable { .. }), "{error}");
        #[cfg(target_os = "linux")]
        assert!(!Checker::read(None).unwrap().program.is_empty());
    }
}
