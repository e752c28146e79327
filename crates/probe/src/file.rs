//! Opening a program for [`crate::usdt`].
//!
//! The file is read with `pread`, not mapped: the headers and the notes are five small reads, and a rebuild
//! that truncates a mapped file would end us with SIGBUS.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::usdt::{self, Malformed, ReadAt, Tracepoints};

/// Why a file's tracepoints cannot be told.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum Error {
    /// It is not there, or we may not read it.
    #[error("cannot open `{}`", path.display())]
    #[diagnostic(help(
        "name a program, such as build/bin/bitcoind in a built tree of Bitcoin Core"
    ))]
    Open {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A directory, a FIFO, a device: nothing a program can be.
    #[error("`{}` is {kind}, not a program", path.display())]
    #[diagnostic(help(
        "name a program, such as build/bin/bitcoind in a built tree of Bitcoin Core"
    ))]
    NotAFile {
        /// The file.
        path: PathBuf,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// It is no program we can read, or a damaged one.
    #[error("cannot tell the tracepoints of `{}`", path.display())]
    #[diagnostic(forward(source))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Malformed,
    },
}

/// Reads the tracepoints of the program at `path`, which may also be `/proc/PID/exe`.
///
/// # Errors
/// When the file cannot be opened, is not a regular file, or is not a linked 64-bit little-endian program.
pub fn read_file(path: impl AsRef<Path>) -> Result<Tracepoints, Error> {
    open_file(path).map(|(_, tracepoints)| tracepoints)
}

/// As [`read_file`], and returns the file too: probes attached to it are of what was read.
///
/// # Errors
/// As [`read_file`].
pub fn open_file(path: impl AsRef<Path>) -> Result<(File, Tracepoints), Error> {
    let path = path.as_ref();
    let opened = open(path)?;
    match usdt::read(&opened) {
        Ok(tracepoints) => Ok((opened.file, tracepoints)),
        Err(source) => Err(Error::Malformed {
            path: path.to_owned(),
            source,
        }),
    }
}

struct Opened {
    file: File,
    size: u64,
}

impl ReadAt for Opened {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

fn open(path: &Path) -> Result<Opened, Error> {
    let failed = |source| Error::Open {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        // Opening a FIFO without a writer would wait for one.
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let kind = metadata.file_type();
    let kind = if kind.is_file() {
        return Ok(Opened {
            file,
            size: metadata.len(),
        });
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "a special file"
    };
    Err(Error::NotAFile {
        path: path.to_owned(),
        kind,
    })
}
