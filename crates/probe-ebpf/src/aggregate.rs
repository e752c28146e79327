//! Counts events and adds up arguments.

use probe_common::{BUCKETS, MAX_MEASURES, Measure, Values, biased, measure};

use crate::atomic::{add, add_wide, raise};
use crate::{Hit, VALUES, operand};

#[inline(always)]
pub fn add_hit(hit: &Hit) {
    // SAFETY: `totals` points into a map's value.
    add(unsafe { &raw mut (*hit.totals).events }, 1);
    for at in 0..MAX_MEASURES {
        if at as u32 >= hit.site.measure_count {
            break;
        }
        let measure = &hit.site.measures[at];
        let Some(value) = operand::read(hit, measure.arg) else {
            continue;
        };
        if let Some(values) = VALUES.get_ptr_mut(measure.values) {
            record(hit, measure, values, value);
        }
    }
}

#[inline(always)]
fn record(hit: &Hit, measure: &Measure, values: *mut Values, value: u64) {
    let signed = measure.signed != 0;
    // SAFETY: `values` points to a map's whole value, here and below.
    unsafe {
        add(&raw mut (*values).count, 1);
        if measure.what & measure::SUM != 0 {
            add_wide(
                &raw mut (*values).sum_low,
                &raw mut (*values).sum_high,
                value,
                signed,
            );
        }
        if measure.what & measure::RANGE != 0 {
            let moved = biased(value, signed);
            let recorded =
                raise(&raw mut (*values).max, moved) & raise(&raw mut (*values).not_min, !moved);
            if !recorded {
                add(&raw mut (*hit.totals).contended, 1);
            }
        }
        if measure.what & (measure::LOG2 | measure::LINEAR) != 0 {
            let bucket = if measure.what & measure::LOG2 != 0 {
                log2_bucket(value, signed)
            } else {
                linear_bucket(measure, value, signed)
            };
            if (bucket as usize) < BUCKETS {
                add(
                    (&raw mut (*values).buckets)
                        .cast::<u64>()
                        .add(bucket as usize),
                    1,
                );
            }
        }
    }
}

/// 64 is zero; above it the number of bits, below it the same of a negative value's magnitude.
#[inline(always)]
fn log2_bucket(value: u64, signed: bool) -> u32 {
    if signed && (value as i64) < 0 {
        64 - bits(value.wrapping_neg())
    } else {
        64 + bits(value)
    }
}

/// How many bits a value takes. The machine has no instruction for it.
#[inline(always)]
fn bits(mut value: u64) -> u32 {
    if value == 0 {
        return 0;
    }
    let mut bits = 1;
    if value >> 32 != 0 {
        bits += 32;
        value >>= 32;
    }
    if value >> 16 != 0 {
        bits += 16;
        value >>= 16;
    }
    if value >> 8 != 0 {
        bits += 8;
        value >>= 8;
    }
    if value >> 4 != 0 {
        bits += 4;
        value >>= 4;
    }
    if value >> 2 != 0 {
        bits += 2;
        value >>= 2;
    }
    if value >> 1 != 0 {
        bits += 1;
    }
    bits
}

/// 0 is below the first step, `buckets` + 1 above the last.
#[inline(always)]
fn linear_bucket(measure: &Measure, value: u64, signed: bool) -> u32 {
    let value = biased(value, signed);
    let min = biased(measure.min as u64, signed);
    if value < min {
        return 0;
    }
    // A divisor of zero gives zero in BPF; user space allows none.
    let step = (value - min) / measure.step;
    if step >= u64::from(measure.buckets) {
        measure.buckets + 1
    } else {
        step as u32 + 1
    }
}
