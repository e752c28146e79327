//! How we talk to a host: one pinned SSH connection, scripts on standard input, output with bounds.

pub mod keys;
pub mod script;
pub mod ssh;

pub use script::Script;
pub use ssh::{Limits, Output, Ssh, SshError, Target};
