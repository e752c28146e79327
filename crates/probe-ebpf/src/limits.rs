//! What the session at hand does not go beyond: constants to the verifier, set when the object is loaded.

use probe_common::Limits;

/// Set by user space, then frozen.
#[unsafe(no_mangle)]
pub static LIMITS: Limits = Limits {
    filters: 0,
    measures: 0,
    what: 0,
    args: 0,
    parts: 0,
    operands: 0,
    process: 0,
    indexed: 0,
    registers: 0,
    reserved: 0,
};

/// Reads one of them, for the macro.
#[inline(always)]
pub fn read(limit: &u32) -> u32 {
    // SAFETY: nothing writes it while a program runs.
    unsafe { core::ptr::from_ref(limit).read_volatile() }
}

/// Reads one of the limits. Volatile: what the compiler sees above is not what will be there.
macro_rules! limit {
    ($field:ident) => {
        crate::limits::read(&crate::limits::LIMITS.$field)
    };
}

pub(crate) use limit;
