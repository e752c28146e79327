//! How we talk to a host: one pinned SSH connection, scripts on standard input, output with bounds.

mod jump;
pub mod keys;
mod login;
mod output;
mod pinned;
mod scan;
pub mod script;
pub mod ssh;

pub use jump::Jump;
pub use login::{Identity, Login};
pub use output::{Bytes, Output, last_lines, printable};
pub use scan::shown_key;
pub use script::Script;
pub use ssh::{Limits, Ssh, SshError, Target};
