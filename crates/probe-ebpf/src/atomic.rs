//! Atomic additions and maxima. The target has no `AtomicU64::fetch_add`; the intrinsics are there.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

/// Tries of a compare-and-exchange before it is given up and counted. A CPU has a copy of its own, so each
/// failure takes a preemption within a few nanoseconds. The verifier follows every one of them.
const TRIES: u32 = 4;

/// Adds to a counter.
#[inline(always)]
pub fn add(counter: *mut u64, value: u64) {
    // SAFETY: every counter lies in a map's value, which the verifier has checked.
    let _ = unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(counter, value) };
}

/// Adds to a sum of 128 bits that two counters hold.
#[inline(always)]
pub fn add_wide(low: *mut u64, high: *mut u64, value: u64, signed: bool) {
    // SAFETY: as above. Not relaxed: LLVM makes of that an instruction that does not return the old value, and goes on
    // with what was in the register.
    let before = unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::AcqRel }>(low, value) };
    let carry = u64::from(before.wrapping_add(value) < before);
    let sign = if signed && (value as i64) < 0 {
        u64::MAX
    } else {
        0
    };
    let carried = carry.wrapping_add(sign);
    if carried != 0 {
        add(high, carried);
    }
}

/// Raises a maximum; `false` when others were faster every time.
#[inline(always)]
pub fn raise(maximum: *mut u64, value: u64) -> bool {
    for _ in 0..TRIES {
        // SAFETY: as above; volatile, since others write it.
        let before = unsafe { maximum.read_volatile() };
        if before >= value {
            return true;
        }
        // SAFETY: as above.
        let (_, done) = unsafe {
            atomic_cxchg::<u64, { AtomicOrdering::Relaxed }, { AtomicOrdering::Relaxed }>(
                maximum, before, value,
            )
        };
        if done {
            return true;
        }
    }
    false
}
