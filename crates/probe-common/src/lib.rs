//! Records that both sides of the kernel boundary read and write.
//!
//! User space describes each call site in a [`Site`]; the programs of `probe-ebpf` find it by the cookie of
//! their link, interpret it, and write [`Totals`], [`Values`], [`Group`]s and [`Event`]s. Everything is
//! `repr(C)`, without implicit padding, and all zeroes mean "nothing yet".

#![no_std]

mod counted;
mod event;
mod site;

pub use counted::{BUCKETS, Group, GroupKey, KEY_BYTES, Totals, Values, biased, unbiased};
pub use event::{COMM_BYTES, Event, LARGE_DATA, SMALL_DATA, Segment};
pub use site::{
    Compare, Filter, Key, Limits, MAX_ARGS, MAX_FILTERS, MAX_MEASURES, MAX_PARTS, Measure,
    NO_REGISTER, Operand, Part, Process, Site, key, measure, operand, part,
};

/// Whether the programs count at all: all probes of a session start and stop at one moment.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Control {
    /// 1 while the session runs.
    pub running: u32,
    /// Makes the size a multiple of eight.
    pub reserved: u32,
}

#[cfg(all(feature = "user", target_os = "linux"))]
mod plain {
    //! What aya needs to know to copy these records in and out of maps.

    use super::{Control, Group, GroupKey, Site, Totals, Values};

    // SAFETY: repr(C), Copy, only integers and arrays of them, no padding; any bits are a value.
    unsafe impl aya::Pod for Control {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Site {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Totals {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Values {}
    // SAFETY: as above.
    unsafe impl aya::Pod for GroupKey {}
    // SAFETY: as above.
    unsafe impl aya::Pod for Group {}
}
