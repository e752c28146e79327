//! Wakes the one thread that waits: signals, keys and answers come from others.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// The end that wakes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Wake(Arc<UnixStream>);

/// The end that is waited at.
#[derive(Debug)]
pub(crate) struct Woken(UnixStream);

/// Both ends.
pub(crate) fn pair() -> std::io::Result<(Wake, Woken)> {
    let (wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    Ok((Wake(Arc::new(wake)), Woken(woken)))
}

impl Wake {
    pub(crate) fn wake(&self) {
        // When it is full, the other end is readable anyway.
        let _ = self.0.as_ref().write(&[0]);
    }

    /// A descriptor of its own for a signal handler to write to.
    pub(crate) fn for_signals(&self) -> std::io::Result<UnixStream> {
        self.0.try_clone()
    }
}

impl Woken {
    /// Takes note of everything so far.
    pub(crate) fn clear(&mut self) {
        let mut bytes = [0; 256];
        while matches!(self.0.read(&mut bytes), Ok(read) if read == bytes.len()) {}
    }
}

impl AsFd for Woken {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
