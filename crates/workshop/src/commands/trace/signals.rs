//! Ctrl-C and SIGTERM: the first asks for the result, the second ends at once.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::{Signal, getpgrp};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// Told of signals once this exists.
pub(super) struct Signals {
    wake: UnixStream,
    which: Arc<AtomicUsize>,
}

impl Signals {
    pub(super) fn install() -> io::Result<Self> {
        let (wake, from_handler) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let second = Arc::new(AtomicBool::new(false));
        let which = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM] {
            // In this order: only the second signal finds that there was a first. It ends us in the handler,
            // because we may be stuck in a write; the kernel then detaches what is attached.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&second))?;
            flag::register(signal, Arc::clone(&second))?;
            let number = usize::try_from(signal).unwrap_or(0);
            flag::register_usize(signal, Arc::clone(&which), number)?;
            low_level::pipe::register(signal, from_handler.try_clone()?)?;
        }
        Ok(Self { wake, which })
    }

    /// The signal that arrived, if one did; each is told once.
    pub(super) fn take(&mut self) -> Option<Signal> {
        let mut bytes = [0; 16];
        // Nothing to read is an error here, and no signal.
        if self.wake.read(&mut bytes).ok()? == 0 {
            return None;
        }
        Some(match self.which.load(Ordering::Relaxed) {
            number if i32::try_from(number) == Ok(SIGINT) => Signal::INT,
            _ => Signal::TERM,
        })
    }
}

impl AsFd for Signals {
    /// Readable when a signal arrived.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// Whether a command of ours was sent the signal too: a terminal sends Ctrl-C to everybody in its foreground.
pub(super) fn reached_everybody(signal: Signal) -> bool {
    signal == Signal::INT
        && std::fs::File::open("/dev/tty")
            .ok()
            .and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok())
            .is_some_and(|foreground| foreground == getpgrp())
}
