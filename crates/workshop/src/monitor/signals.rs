//! Signals that end the monitor: they wake it, and it ends in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::wake::Wake;

/// The last signal that came.
#[derive(Clone, Debug)]
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Off a screen a second signal ends us at once: we may be stuck in a write.
    pub(crate) fn watch(wake: &Wake, on_screen: bool) -> std::io::Result<Self> {
        let last = Arc::new(AtomicUsize::new(0));
        let second = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // Handlers run in this order: only the second signal finds that there was a first, and who is woken
            // finds which it was.
            if !on_screen {
                flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&second))?;
                flag::register(signal, Arc::clone(&second))?;
            }
            let number = usize::try_from(signal).unwrap_or(0);
            flag::register_usize(signal, Arc::clone(&last), number)?;
            low_level::pipe::register(signal, wake.for_signals()?)?;
        }
        Ok(Self(last))
    }

    /// Whether one came.
    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Ends as the signal would have ended us, now that everything is in order. Ctrl-C is how one ends a monitor:
    /// that is no failure.
    pub(crate) fn finish(&self) {
        let signal = i32::try_from(self.0.load(Ordering::Relaxed)).unwrap_or(0);
        if matches!(signal, SIGTERM | SIGHUP) {
            // Only signals that cannot be raised fail.
            let _ = low_level::emulate_default_handler(signal);
        }
    }
}
