//! What bpftrace prints, and what its scripts say: enough of both to judge and to give a hint.

mod keyed;
mod output;
mod script;

pub use output::{Bar, Histogram, MapSize, Number, Origin, Printed, Reader};
pub use script::{Clause, Drawn, Hook, Script};
