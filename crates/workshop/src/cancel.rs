//! One flag for everything that should end a check early.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Set by Ctrl-C, SIGTERM, SIGHUP, and by a parent that went away. A second signal ends the process at once.
#[derive(Clone, Debug)]
pub(crate) struct Cancel {
    flag: Arc<AtomicBool>,
    /// Readable once it is set; never read.
    wake: Arc<UnixStream>,
    /// Written to when it is set.
    waker: Arc<UnixStream>,
}

impl Cancel {
    /// Takes over the signals of this process.
    ///
    /// # Errors
    /// When the operating system gives us no handler or socket.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal sets the flag, and the second finds it set. Shells tell such an
            // end by 128 and the signal's number.
            signal_hook::flag::register_conditional_shutdown(
                signal,
                128 + signal,
                Arc::clone(&flag),
            )?;
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(Self {
            flag,
            wake: Arc::new(wake),
            waker: Arc::new(waker),
        })
    }

    /// Sets it too when `input` ends: a parent that holds the other end of a pipe has gone then.
    pub(crate) fn on_end_of(&self, mut input: impl Read + Send + 'static) {
        let cancel = self.clone();
        std::thread::spawn(move || {
            let _ = io::copy(&mut input, &mut io::sink());
            cancel.set();
        });
    }

    /// Asks everybody to end.
    pub(crate) fn set(&self) {
        self.flag.store(true, Ordering::SeqCst);
        // A full socket has woken everybody already.
        let _ = io::Write::write(&mut &*self.waker, &[0]);
    }

    /// Whether to end.
    pub(crate) fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// Sleeps, but no longer than until it is set; whether it is.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let timeout = Timespec::try_from(time).ok();
        let _ = poll(
            &mut [PollFd::new(&*self.wake, PollFlags::IN)],
            timeout.as_ref(),
        );
        self.is_set()
    }
}

impl AsFd for Cancel {
    /// Readable once it is set.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn it_ends_a_sleep_and_stays_set() {
        let cancel = Cancel::on_signals().unwrap();
        assert!(!cancel.sleep(Duration::from_millis(1)));
        let (parent, child) = UnixStream::pair().unwrap();
        cancel.on_end_of(child);
        let start = Instant::now();
        drop(parent);
        assert!(cancel.sleep(Duration::from_secs(60)));
        assert!(cancel.is_set() && cancel.sleep(Duration::from_secs(60)));
        assert!(start.elapsed() < Duration::from_secs(50));
    }
}
