//! Reads a key file: never more of it than a key needs, and never from what would block or act.

use std::fs::{self, FileType};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::refuse::{MAX_FILE, Refusal};
use super::{Verdict, judge_bytes};

/// Judges the key in a file. Symbolic links are followed.
pub fn judge_file(path: &Path) -> Verdict {
    match read_file(path) {
        Ok(bytes) => judge_bytes(&bytes),
        Err(refusal) => Verdict::Refused(refusal),
    }
}

/// The bytes of a key file: one more than allowed, if there are more, and no further.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Refusal> {
    read_capped(path, MAX_FILE)
}

/// The bytes of any regular file: one more than `cap`, if there are more, and no further.
pub(crate) fn read_capped(path: &Path, cap: usize) -> Result<Vec<u8>, Refusal> {
    let unreadable = |source: io::Error| {
        if source.kind() == io::ErrorKind::NotFound {
            return Refusal::Missing {
                pub_exists: with_pub(path).is_file(),
            };
        }
        Refusal::Unreadable {
            path: path.to_owned(),
            source,
        }
    };
    // Opening a device can act (rewind a tape, reset a serial line), so its type is looked at first;
    // and O_NONBLOCK keeps the open from waiting, should a pipe take the file's place in between.
    let not_a_file = |kind: FileType| (!kind.is_file()).then(|| not_a_file(kind));
    let kind = fs::metadata(path).map_err(unreadable)?.file_type();
    if let Some(refusal) = not_a_file(kind) {
        return Err(refusal);
    }
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(unreadable)?;
    if let Some(refusal) = not_a_file(file.metadata().map_err(unreadable)?.file_type()) {
        return Err(refusal);
    }
    let mut bytes = Vec::new();
    file.take(cap as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn not_a_file(kind: FileType) -> Refusal {
    Refusal::NotAFile {
        what: if kind.is_dir() {
            "a folder"
        } else if kind.is_fifo() {
            "a pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        },
    }
}

fn with_pub(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_devices_and_folders_do_not_hang() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.pub");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let socket = folder.path().join("socket.pub");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, expected) in [
            (pipe.as_path(), "a pipe"),
            (socket.as_path(), "a socket"),
            (Path::new("/dev/zero"), "a device"),
            (folder.path(), "a folder"),
        ] {
            match judge_file(path) {
                Verdict::Refused(Refusal::NotAFile { what }) => assert_eq!(what, expected),
                other => panic!("{}: {other:?}", path.display()),
            }
        }
    }

    #[test]
    fn a_missing_file_points_to_its_public_half() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ada.pub"), "").unwrap();
        let missing = |name: &str| match judge_file(&folder.path().join(name)) {
            Verdict::Refused(Refusal::Missing { pub_exists }) => pub_exists,
            other => panic!("{other:?}"),
        };
        assert!(missing("ada"));
        assert!(!missing("grace"));
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse.pub");
        // One tebibyte, none of it on disk.
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        let verdict = judge_file(&path);
        assert!(matches!(verdict, Verdict::Refused(Refusal::TooLarge)));
    }
}
