//! A line between whatever is being drawn.

use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;

use crate::output::Output;

/// The bars that are on the terminal; there is only one.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Says from now on which bars a line must not be written into.
pub(super) fn bars(now: Option<MultiProgress>) {
    *BARS.lock().unwrap_or_else(PoisonError::into_inner) = now;
}

/// Tells a line on standard error, above the bars if there are any.
pub(crate) fn note(output: Output, line: &str) {
    let bars = BARS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // As in `Output::remark`: a closed standard error must not end the run.
    let drawn = bars.is_some_and(|bars| !bars.is_hidden() && bars.println(line).is_ok());
    if !drawn {
        output.remark(line);
    }
}
