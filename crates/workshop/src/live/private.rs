//! A copy of a program that nobody else runs or traces.
//!
//! A uprobe belongs to a file. Who traces the participant's program without its semaphores, as BCC does, keeps
//! everybody else from tracing it with them (`EINVAL`); and when a tracer is killed the kernel may fail to remove
//! its uprobes and keep them until the next boot ("failed to unregister, leaking uprobe"). With a file of our own
//! neither can happen to us, nor do we do it to anybody.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::CouldNot;
use super::scratch::Scratch;

/// The copy. Removed when it is dropped; those who run it then are not disturbed.
#[derive(Debug)]
pub(crate) struct Private {
    path: PathBuf,
    _scratch: Option<Scratch>,
}

impl Private {
    /// Copies a program.
    ///
    /// # Errors
    /// When it cannot be read, or there is no room.
    pub(crate) fn copy(program: &Path) -> Result<Self, CouldNot> {
        let scratch = Scratch::new()?;
        let flags = statvfs(scratch.path()).map(|place| place.f_flag);
        if flags.is_ok_and(|flags| flags.contains(StatVfsMountFlags::NOEXEC)) {
            // Better the original than none.
            return Ok(Self {
                path: program.to_owned(),
                _scratch: None,
            });
        }
        let path = scratch.path().join("bitcoind");
        let copy = || {
            std::fs::copy(program, &path)?;
            // The participant runs it, though the folder is root's.
            std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755))?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
        };
        copy().map_err(|error: std::io::Error| {
            CouldNot::new(
                format!("{} cannot be copied: {error}", program.display()),
                "is it there, and is there room in /tmp? `df -h /tmp`",
            )
        })?;
        Ok(Self {
            path,
            _scratch: Some(scratch),
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_copy_is_another_file_that_runs_and_goes() {
        let original = Path::new("/bin/true");
        let copy = Private::copy(original).unwrap();
        let path = copy.path().to_owned();
        let inode = |path: &Path| std::fs::metadata(path).unwrap().ino();
        assert_ne!(inode(&path), inode(original));
        // A child that another test starts just now holds the file open for writing until it has become its program.
        let status = loop {
            match std::process::Command::new(&path).status() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                ran => break ran.unwrap(),
            }
        };
        assert!(status.success());
        drop(copy);
        assert!(!path.exists());
        assert!(Private::copy(Path::new("/nowhere")).is_err());
    }
}
