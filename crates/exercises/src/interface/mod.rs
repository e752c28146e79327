//! The interface test: whether each documented tracepoint of a program fires, and whether each of its
//! arguments is what the node says over RPC.
//!
//! [`seen`] is what the binary saw and what it expected to see; [`report()`] compares the two.

mod compare;
mod report;
pub mod seen;
mod types;

pub use report::{Line, Report, Result, report};
pub use seen::Seen;
