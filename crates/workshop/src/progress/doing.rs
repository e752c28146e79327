//! What a check is doing, for whoever waits for it: nothing as long as it is quick, then one line with a spinner on
//! a terminal, and a line for each step elsewhere.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::is_terminal;
use crate::output::Output;

/// What takes less is over before it could be read.
const QUICK: Duration = Duration::from_millis(300);

/// A log need not tell what is over soon.
const QUICK_IN_A_LOG: Duration = Duration::from_secs(3);

/// Four frames a second move, and are 400 bytes over a slow line.
const FRAME: Duration = Duration::from_millis(250);

/// Shows until it is dropped.
pub(crate) struct Doing {
    shared: Arc<Shared>,
    showing: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    what: String,
    ended: bool,
}

impl Doing {
    /// Begins with `what`.
    pub(crate) fn start(what: impl Into<String>, output: Output) -> Self {
        let shared = Arc::new(Shared::default());
        shared.lock().what = what.into();
        let ours = Arc::clone(&shared);
        let showing = std::thread::spawn(move || {
            if is_terminal() {
                ours.spin();
            } else {
                ours.tell(output);
            }
        });
        Self {
            shared,
            showing: Some(showing),
        }
    }

    /// The next step.
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.shared.lock().what = what.into();
        self.shared.changed.notify_all();
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        // A drawing that died takes nothing with it.
        let _ = self.showing.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end, but no longer than `time`; the step when it was not the end.
    fn after(&self, time: Duration) -> Option<String> {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.lock(), time, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.ended).then(|| state.what.clone())
    }

    /// Waits for another step than `told`, or for the end.
    fn next(&self, told: &str) -> Option<String> {
        let state = self
            .changed
            .wait_while(self.lock(), |state| !state.ended && state.what == told)
            .unwrap_or_else(PoisonError::into_inner);
        (!state.ended).then(|| state.what.clone())
    }

    fn spin(&self) {
        let Some(mut what) = self.after(QUICK) else {
            return;
        };
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>3} {wide_msg}") {
            bar.set_style(style);
        }
        loop {
            bar.set_message(what);
            bar.tick();
            match self.after(FRAME) {
                Some(now) => what = now,
                None => break,
            }
        }
        bar.finish_and_clear();
    }

    fn tell(&self, output: Output) {
        let mut step = self.after(QUICK_IN_A_LOG);
        while let Some(what) = step {
            output.remark(format_args!("{what} …"));
            step = self.next(&what);
        }
    }
}
