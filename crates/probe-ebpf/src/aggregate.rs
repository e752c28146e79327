//! Counts events and adds up arguments.

use probe_common::{BUCKETS, MAX_MEASURES, Measure, Values, biased, measure};

use crate::atomic::{add, add_wide, raise};
use crate::limits::limit;
use crate::{Hit, VALUES, operand};

#[inline(always)]
pub fn add_hit(hit: &Hit) {
    // SAFETY: `totals` points into a map's value.
    add(unsafe { &raw mut (*hit.totals).events }, 1);
    for at in 0..MAX_MEASURES {
        if at as u32 >= limit!(measures) || at as u32 >= hit.site.measure_count {
            break;
        }
        let measure = &hit.site.measures[at];
        let Some(values) = VALUES.get_ptr_mut(measure.values) else {
            continue;
        };
        match operand::read(hit, measure.arg) {
            Some(value) => record(hit, measure, values, value),
            // SAFETY: `values` points to a map's whole value.
            None => add(unsafe { &raw mut (*values).missing }, 1),
        }
    }
}

#[inline(always)]
fn record(hit: &Hit, measure: &Measure, values: *mut Values, value: u64) {
    let signed = measure.signed != 0;
    // SAFETY: `values` points to a map's whole value, here and below.
    unsafe {
        if wants(measure, measure::SUM) {
            add_wide(
                &raw mut (*values).sum_low,
                &raw mut (*values).sum_high,
                value,
                signed,
            );
        }
        if wants(measure, measure::RANGE) {
            let moved = biased(value, signed);
            let recorded =
                raise(&raw mut (*values).max, moved) & raise(&raw mut (*values).not_min, !moved);
            if !recorded {
                add(&raw mut (*hit.totals).contended, 1);
            }
        }
        if wants(measure, measure::LOG2 | measure::LINEAR) {
            let bucket = if wants(measure, measure::LOG2) {
                log2_bucket(value, signed, hit.site.zero)
            } else {
                linear_bucket(measure, value, signed)
            };
            if bucket < BUCKETS as u64 {
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

/// Whether one of these is wanted of an argument, if any of the session's is.
#[inline(always)]
pub fn wants(measure: &Measure, what: u8) -> bool {
    limit!(what) & u32::from(what) != 0 && measure.what & what != 0
}

/// 64 is zero; above it the number of bits, below it the same of a negative value's magnitude.
#[inline(always)]
fn log2_bucket(value: u64, signed: bool, zero: u64) -> u64 {
    if signed && (value as i64) < 0 {
        64 - bits(value.wrapping_neg(), zero)
    } else {
        64 + bits(value, zero)
    }
}

/// How many bits a value takes. The machine has no instruction for it; counting from [`Site::zero`] keeps the
/// verifier from following each of the 64 results apart.
///
/// [`Site::zero`]: probe_common::Site::zero
#[inline(always)]
fn bits(mut value: u64, zero: u64) -> u64 {
    let mut bits = zero;
    for shift in [32, 16, 8, 4, 2, 1] {
        if value >> shift != 0 {
            bits += shift;
            value >>= shift;
        }
    }
    // What is left is 0 or 1.
    bits + value
}

/// 0 is below the first step, `buckets` + 1 above the last.
#[inline(always)]
fn linear_bucket(measure: &Measure, value: u64, signed: bool) -> u64 {
    let value = biased(value, signed);
    let min = biased(measure.min as u64, signed);
    if value < min {
        return 0;
    }
    let most = u64::from(measure.buckets);
    match (value - min).checked_div(measure.step) {
        Some(step) if step < most => step + 1,
        _ => most + 1,
    }
}
