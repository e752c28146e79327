//! What checks do on the live system: processes that end with us, observations that need root, temporary
//! nodes. However a check ends (Ctrl-C, a lost connection, `kill -9`) nothing of it goes on running.
//!
//! - [`functional`]: the tests that Bitcoin Core itself has for its tracepoints.
//! - [`interface`]: nodes made to fire every tracepoint, and what each argument should be.
//! - [`private`]: a copy of a program, that nobody else traces.
//! - [`process`]: a child in a process group of its own, bounded in time and output.
//! - [`root`]: the same binary again through `sudo -n`, for what needs root.
//! - [`regtest`]: temporary nodes on a chain of their own.
//! - [`scratch`]: a temporary folder; those of killed runs are swept.
//! - [`starts`]: starts and stops of a program, traced.

pub(crate) mod functional;
pub(crate) mod interface;
pub(crate) mod private;
pub(crate) mod process;
pub(crate) mod regtest;
pub(crate) mod root;
pub(crate) mod scratch;
pub(crate) mod starts;

/// Everything here ends when it is set.
pub(crate) use crate::cancel;

/// Why something could not be observed, and what would change that.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct CouldNot {
    pub(crate) why: String,
    pub(crate) remedy: String,
}

impl CouldNot {
    pub(crate) fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            remedy: remedy.into(),
        }
    }

    /// From an error that knows its way out.
    pub(crate) fn of(error: &dyn miette::Diagnostic) -> Self {
        let mut why = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            why.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        let remedy = error.help().map(|help| help.to_string());
        Self::new(
            why,
            remedy.unwrap_or_else(|| "ask the instructor".to_owned()),
        )
    }

    /// The check was interrupted.
    pub(crate) fn cancelled() -> Self {
        Self::new("it was interrupted", "run the check again")
    }
}

impl<T> From<CouldNot> for exercises::Observed<T> {
    fn from(CouldNot { why, remedy }: CouldNot) -> Self {
        Self::unknown(why, remedy)
    }
}
