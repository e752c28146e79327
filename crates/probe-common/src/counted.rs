//! What the kernel side counts. One copy a CPU; user space adds them up.

/// Buckets of a histogram: 129 powers of two with their signs, or as many equal steps as fit with two more
/// for what lies outside.
pub const BUCKETS: usize = 258;
/// Bytes of a key by which events are grouped: a hash or the start of a string.
pub const KEY_BYTES: usize = 64;

/// Counters of one probe.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events that passed the filters.
    pub events: u64,
    /// Events that went to the stream.
    pub streamed: u64,
    /// Events for which the ring buffer had no room.
    pub dropped: u64,
    /// Events for which the table of groups had no room.
    pub ungrouped: u64,
    /// Arguments that could not be read, because their memory was not there.
    pub unreadable: u64,
    /// Values that could not be recorded, because other threads were faster every time.
    pub contended: u64,
}

/// What was added up of one argument.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// Events whose value could not be read.
    pub missing: u64,
    /// The sum's low 64 bits.
    pub sum_low: u64,
    /// The sum's high 64 bits: carries, and the signs of negative values.
    pub sum_high: u64,
    /// The largest [`biased`] value.
    pub max: u64,
    /// The largest complement of a [`biased`] value, so that zeroes mean "nothing yet" here too.
    pub not_min: u64,
    /// Makes the buckets start on a cache line of their own.
    pub reserved: [u64; 3],
    /// The histogram. Powers of two: bucket 64 is the value 0, 64 + n the values from 2^(n-1) to 2^n - 1,
    /// 64 - n their negatives. Equal steps: what lies below, the steps, what lies above.
    pub buckets: [u64; BUCKETS],
}

impl Default for Values {
    fn default() -> Self {
        Self {
            missing: 0,
            sum_low: 0,
            sum_high: 0,
            max: 0,
            not_min: 0,
            reserved: [0; 3],
            buckets: [0; BUCKETS],
        }
    }
}

/// A key by which events are grouped.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupKey {
    /// The probe.
    pub probe: u32,
    /// Which of its measures this is about.
    pub measure: u16,
    /// How many of `bytes` are the key; for a string without its NUL.
    pub length: u16,
    /// The integer (little-endian, sign extended), string or bytes; zeroes after it.
    pub bytes: [u8; KEY_BYTES],
}

/// What was counted and added up of the events with one key.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many events there were.
    pub events: u64,
    /// As [`Values::missing`].
    pub missing: u64,
    /// As [`Values::sum_low`].
    pub sum_low: u64,
    /// As [`Values::sum_high`].
    pub sum_high: u64,
    /// As [`Values::max`].
    pub max: u64,
    /// As [`Values::not_min`].
    pub not_min: u64,
}

const SIGN: u64 = 1 << 63;

/// A value's bits moved so that comparing them unsigned orders signed values too.
#[inline(always)]
pub const fn biased(value: u64, signed: bool) -> u64 {
    if signed { value ^ SIGN } else { value }
}

/// The value that [`biased`] was given.
#[inline(always)]
pub const fn unbiased(biased_value: u64, signed: bool) -> u64 {
    biased(biased_value, signed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bias_orders_signed_values() {
        let values = [i64::MIN, -5, -1, 0, 1, i64::MAX];
        let moved = values.map(|value| biased(value.cast_unsigned(), true));
        assert!(moved.is_sorted());
        assert_eq!(
            moved.map(|value| unbiased(value, true).cast_signed()),
            values
        );
        assert_eq!(biased(7, false), 7);
    }
}
