//! A rehearsal: every starter fails, every right solution passes, every wrong one fails for its own reason, on a real
//! host and by the participant's own commands.
//!
//! - [`here`]: runs them, in this account.
//! - [`place`]: puts a solution where a participant would.
//! - [`plan`]: which there are, and what came of each.
//!
//! `workshop rehearse` has a host run the first two and prints the third.

#[cfg(target_os = "linux")]
pub(crate) mod here;
#[cfg(target_os = "linux")]
mod place;
pub(crate) mod plan;
