//! Notices that the traced file was rebuilt or replaced.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use probe::Session;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// How often the file is looked at besides: inotify does not tell of every change on every file system, nor of
/// one behind a symbolic link.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// Watches the folder of a file: a rebuild replaces the file, so a watch on the file itself would end with it.
pub(super) struct Follow {
    inotify: Option<OwnedFd>,
    /// What the last new file was refused for, to say it once.
    refused: Option<String>,
}

/// What a look found.
pub(super) enum Look {
    /// Nothing new.
    Same,
    /// A new file, which is traced now.
    Followed,
    /// A new file that does not have what is traced; the next may.
    Refused(probe::Error),
}

impl Follow {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            // Without it the looks alone have to do.
            inotify: watch(path).ok(),
            refused: None,
        }
    }

    /// Readable when something changed beside the file.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(|fd| fd.as_fd())
    }

    /// Goes over to the new file if there is one.
    pub(super) fn look(&mut self, session: &mut Session) -> Result<Look, probe::Error> {
        self.empty();
        match session.follow() {
            Ok(false) => Ok(Look::Same),
            Ok(true) => {
                self.refused = None;
                Ok(Look::Followed)
            }
            // These are found before the old file is let go.
            Err(error @ (probe::Error::Request { .. } | probe::Error::OtherMachine { .. })) => {
                let text = error.to_string();
                let said = self.refused.replace(text.clone());
                Ok(if said.as_ref() == Some(&text) {
                    Look::Same
                } else {
                    Look::Refused(error)
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Takes what inotify has to say: that there is something is all we want to know.
    fn empty(&self) {
        let mut bytes = [0; 4096];
        while let Some(fd) = &self.inotify
            && rustix::io::read(fd, &mut bytes).is_ok_and(|count| count > 0)
        {}
    }
}

fn watch(path: &Path) -> rustix::io::Result<OwnedFd> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    // A linker's file is closed when it is whole, or moved to its place.
    let what = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO | WatchFlags::CREATE;
    inotify::add_watch(&inotify, folder, what)?;
    Ok(inotify)
}
