//! What became of each host of a run.

use crate::cloud::Endpoint;
use crate::plan::PlannedHost;
use crate::run::StepResult;

/// What became of one host.
#[derive(Debug)]
pub struct HostReport {
    /// The host as planned.
    pub host: PlannedHost,
    /// Where it is, once it was made.
    pub address: Option<Endpoint>,
    /// SHA-256 fingerprint of its host key.
    pub fingerprint: String,
    /// Each step and what became of it, or why the host failed.
    pub result: Result<Vec<(&'static str, StepResult)>, Failure>,
}

/// Why a host failed: the error as text, since many may share one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The whole message, with the last lines of a failed command.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
}

impl Failure {
    /// The error with its causes and its way out.
    pub fn new(error: &dyn miette::Diagnostic) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            message.push_str(&format!("\n  caused by: {inner}"));
            cause = inner.source();
        }
        Self {
            message,
            hint: error.help().map(|help| help.to_string()),
        }
    }

    /// The first line, for events and the journal.
    pub fn line(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

impl HostReport {
    /// Whether every step is so at the end.
    pub fn verified(&self) -> bool {
        self.result.as_ref().is_ok_and(|steps| {
            steps
                .iter()
                .all(|(_, result)| !matches!(result, StepResult::Wanting(_)))
        })
    }

    /// The steps that were changed.
    pub fn changed_steps(&self) -> Vec<&'static str> {
        let steps = self.result.as_deref().unwrap_or_default().iter();
        steps
            .filter(|(_, result)| *result == StepResult::Changed)
            .map(|(id, _)| *id)
            .collect()
    }
}
