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
        if self.gated { &["-DSEMAPHORES"] } else { &[] }
    }
}

/// Nothing here is left out where it cannot run.
pub(crate) fn needs_root() {
    assert!(
        geteuid().is_root(),
        "these tests trace through the kernel, which root alone may: run them with `cargo xtask test`"
    );
}

/// Makes four tests of each function that takes a [`Mode`].
macro_rules! in_every_mode {
    ($($test:ident)+) => { $(
        mod $test {
            use crate::mode::Mode;

            #[test]
            fn by_one_link() {
                super::$test(Mode { perf_events: false, gated: false });
            }

            #[test]
            fn by_one_link_gated() {
                super::$test(Mode { perf_events: false, gated: true });
            }

            #[test]
            fn by_perf_events() {
                super::$test(Mode { perf_events: true, gated: false });
            }

            #[test]
            fn by_perf_events_gated() {
                super::$test(Mode { perf_events: true, gated: true });
            }
        }
    )+ };
}
