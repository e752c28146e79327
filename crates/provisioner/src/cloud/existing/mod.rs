//! Machines that somebody already has: any server or VM that SSH gets to.
//!
//! `workshop trust` accepts their host keys; [`Existing`] looks at a machine (`adopt::look`), writes down which one it
//! is (`record`), takes it over (`adopt::adopt`), and puts back what was there (`adopt::undo`).

pub mod adopt;
mod error;
mod provider;
mod record;
pub mod trust;
pub(crate) mod ways;

pub use adopt::{CHANGES, STAYS};
pub use error::ExistingError;
pub use provider::{Existing, Placed};
pub use record::RecordError;
pub(crate) use record::{Record, Way};
