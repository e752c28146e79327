//! The registers of the thread that was hit.

use core::mem::MaybeUninit;

use crate::limits::limit;

/// The most registers a machine has: aarch64's.
const MOST: usize = 34;
/// x86_64's.
const FEW: usize = 21;

/// Copies registers by their numbers: a loop would load from the context at an offset that is computed.
macro_rules! copy {
    ($to:ident, $context:ident, $($at:literal)*) => {
        $(
            // SAFETY: the context has as many. Volatile: one load for each, at its own offset.
            $to.0[$at].write(unsafe { $context.add($at).read_volatile() });
        )*
    };
}

/// A copy of the registers. The verifier allows loads from the context at fixed offsets only, and from the stack
/// at any: a copy of all costs less than asking the kernel for one.
pub struct Registers([MaybeUninit<u64>; MOST]);

impl Registers {
    /// Room for a copy.
    #[inline(always)]
    pub const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; MOST])
    }

    /// Copies them from the context. In place: the stack has no room for two copies.
    #[inline(always)]
    pub fn fill(&mut self, context: *const u64) {
        copy!(self, context, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20);
        if limit!(registers) as usize > FEW {
            copy!(self, context, 21 22 23 24 25 26 27 28 29 30 31 32 33);
        }
    }

    /// A register by its offset in the context; the second byte of some has an offset of its own.
    #[inline(always)]
    pub fn get(&self, offset: u16) -> Option<u64> {
        let at = usize::from(offset) / 8;
        if at >= limit!(registers) as usize {
            return None;
        }
        // SAFETY: as many were copied as the limit says.
        let register = unsafe { self.0.as_ptr().add(at).read_volatile().assume_init() };
        Some(register >> (u32::from(offset % 8) * 8))
    }
}
