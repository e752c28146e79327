//! How we talk to a host: one pinned SSH connection, scripts on standard input, output with bounds.

pub mod keys;
mod output;
mod pinned;
pub mod script;
pub mod ssh;

pub use output::{Bytes, Output, last_lines, printable};
pub use script::Script;
pub use ssh::{Limits, Ssh, SshError, Target};
