//! Machines that somebody already has: any server or VM that SSH gets to.
//!
//! `workshop trust` accepts their host keys; [`Existing`] gives each host a machine (`places`), looks at it (`looks`),
//! writes down which one it is (`record`), takes it over (`adopt::adopt`), and puts back what was there (`adopt::undo`).

pub mod adopt;
mod error;
mod looks;
mod places;
mod provider;
mod record;
pub mod trust;
pub(crate) mod ways;

pub use adopt::{CHANGES, STAYS};
pub use error::ExistingError;
pub use places::Placed;
pub use provider::Existing;
pub use record::RecordError;
pub(crate) use record::{Record, Way};
