//! Signals that end the monitor: they wake it, and it ends in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::wake::Wake;

/// The last signal that came.
#[derive(Clone, Debug)]
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    pub(crate) fn watch(wake: &Wake) -> std::io::Result<Self> {
        let last = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // Numbers of signals are small and positive. Handlers run in this order: noted, then woken.
            let number = usize::try_from(signal).unwrap_or(0);
            signal_hook::flag::register_usize(signal, Arc::clone(&last), number)?;
            signal_hook::low_level::pipe::register(signal, wake.for_signals()?)?;
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
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}
