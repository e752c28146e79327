//! What the checker on a host prints: evidence, and never a verdict.

use exercises::Evidence;
use serde::{Deserialize, Serialize};

/// Begins a line on standard error that names the task which is looked at now.
pub(crate) const BEGINS: &str = "@looks at ";

/// One line of standard output.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Line {
    /// What was seen.
    Evidence(Box<Evidence>),
    /// Why nothing was.
    Nothing {
        /// The task.
        task: String,
        /// Why.
        why: String,
    },
}
