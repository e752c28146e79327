//! How a session is made: each test of the kernel's part runs in all four modes.

use std::path::PathBuf;

use probe::{Options, Probe, Session, Target};
use rustix::process::geteuid;

use crate::tracee;

/// How call sites are hooked, and whether the program gates its tracepoints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) perf_events: bool,
    pub(crate) gated: bool,
}

impl Mode {
    pub(crate) fn options(self) -> Options {
        Options::default().perf_events(self.perf_events)
    }

    pub(crate) fn attach(
        self,
        target: &Target,
        probes: impl IntoIterator<Item = Probe>,
    ) -> Session {
        self.options().attach(target, probes).unwrap()
    }

    /// A copy of a program of this folder.
    pub(crate) fn program(self, name: &str) -> PathBuf {
        tracee::own(&tracee::compiled(name, self.flags()))
    }

    pub(crate) fn flags(self) -> &'static [&'static str] {
        // Closing a perf event takes the kernel a tenth of a second, and every call site has one or two.
        match (self.perf_events, self.gated) {
            (false, false) => &[],
            (false, true) => &["-DSEMAPHORES"],
            (true, false) => &["-DONE_SITE"],
            (true, true) => &["-DONE_SITE", "-DSEMAPHORES"],
        }
    }
}

/// Nothing here is left out where it cannot run.
pub(crate) fn needs_root() {
    assert!(
        geteuid().is_root(),
        "these tests trace through the kernel, which root alone may: run them with `cargo xtask test`"
    );
}

/// Makes a test of each function that takes a [`Mode`] for every mode.
macro_rules! in_every_mode {
    ($($test:ident)+) => { $(
        mod $test {
            in_mode! { $test by_one_link, false, false }
            in_mode! { $test by_one_link_gated, false, true }
            in_mode! { $test by_perf_events, true, false }
            in_mode! { $test by_perf_events_gated, true, true }
        }
    )+ };
}

/// The same without that mode that differs the least from others, for all that happens after an event is caught:
/// perf events are slow to close.
macro_rules! in_most_modes {
    ($($test:ident)+) => { $(
        mod $test {
            in_mode! { $test by_one_link, false, false }
            in_mode! { $test by_one_link_gated, false, true }
            in_mode! { $test by_perf_events_gated, true, true }
        }
    )+ };
}

/// The same with links only, where it makes no difference.
macro_rules! in_link_modes {
    ($($test:ident)+) => { $(
        mod $test {
            in_mode! { $test by_one_link, false, false }
            in_mode! { $test by_one_link_gated, false, true }
        }
    )+ };
}

macro_rules! in_mode {
    ($test:ident $name:ident, $perf_events:literal, $gated:literal) => {
        #[test]
        fn $name() {
            super::$test($crate::mode::Mode {
                perf_events: $perf_events,
                gated: $gated,
            });
        }
    };
}
