//! Counts events and adds up arguments by key.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::{bpf_probe_read_user, bpf_probe_read_user_str};
use probe_common::{Group, GroupKey, KEY_BYTES, MAX_MEASURES, biased, key, measure};

use crate::aggregate::wants;
use crate::atomic::{add, add_wide, raise};
use crate::limits::limit;
use crate::{GROUPS, Hit, operand};

/// Stands for the length of a key that could not be read: such events have a group of their own, so that
/// the groups add up to all events.
const UNREADABLE: u16 = u16::MAX;

#[inline(always)]
pub fn add_hit(hit: &Hit) {
    let mut key = key_of(hit);
    // Without a measure the first row counts events; with several, each has its row. The first comes last: a group
    // is there when its first row is, so one that found no room for all is none.
    for at in (0..MAX_MEASURES).rev() {
        if at != 0 && (at as u32 >= limit!(measures) || at as u32 >= hit.site.measure_count) {
            continue;
        }
        key.measure = at as u16;
        let Some(group) = find(&key) else {
            // SAFETY: `totals` points into a map's value.
            add(unsafe { &raw mut (*hit.totals).ungrouped }, 1);
            break;
        };
        record(hit, at, group);
    }
}

#[inline(always)]
fn record(hit: &Hit, at: usize, group: *mut Group) {
    // SAFETY: `group` points to a map's whole value, here and below.
    unsafe {
        add(&raw mut (*group).events, 1);
        if at as u32 >= limit!(measures) || at as u32 >= hit.site.measure_count {
            return;
        }
        let measure = &hit.site.measures[at];
        let Some(value) = operand::read(hit, measure.arg) else {
            add(&raw mut (*group).missing, 1);
            return;
        };
        let signed = measure.signed != 0;
        if wants(measure, measure::SUM) {
            add_wide(
                &raw mut (*group).sum_low,
                &raw mut (*group).sum_high,
                value,
                signed,
            );
        }
        if wants(measure, measure::RANGE) {
            let moved = biased(value, signed);
            let recorded =
                raise(&raw mut (*group).max, moved) & raise(&raw mut (*group).not_min, !moved);
            if !recorded {
                add(&raw mut (*hit.totals).contended, 1);
            }
        }
    }
}

#[inline(always)]
fn key_of(hit: &Hit) -> GroupKey {
    let mut key = GroupKey {
        probe: hit.site.probe,
        measure: 0,
        length: UNREADABLE,
        bytes: [0; KEY_BYTES],
    };
    let Some(value) = operand::read(hit, hit.site.key.arg) else {
        return key;
    };
    let bytes = (&raw mut key.bytes).cast();
    match hit.site.key.kind {
        key::INTEGER => {
            key.bytes[..8].copy_from_slice(&value.to_le_bytes());
            key.length = 8;
        }
        key::TEXT => {
            // SAFETY: the buffer is as large as is said; the kernel checks the address.
            let read =
                unsafe { bpf_probe_read_user_str(bytes, KEY_BYTES as u32, value as *const _) };
            if read > 0 {
                // Without the NUL.
                key.length = (read - 1) as u16;
            }
        }
        _ => {
            let length = u32::from(hit.site.key.bytes);
            if length <= KEY_BYTES as u32 {
                // SAFETY: as above.
                if unsafe { bpf_probe_read_user(bytes, length, value as *const _) } == 0 {
                    key.length = length as u16;
                }
            }
        }
    }
    if key.length == UNREADABLE {
        // SAFETY: `totals` points into a map's value.
        add(unsafe { &raw mut (*hit.totals).unreadable }, 1);
    }
    key
}

/// The key's group on this CPU, made when it is new.
#[inline(always)]
fn find(key: &GroupKey) -> Option<*mut Group> {
    if let Some(group) = GROUPS.get_ptr_mut(key) {
        return Some(group);
    }
    let new = Group {
        events: 0,
        missing: 0,
        sum_low: 0,
        sum_high: 0,
        max: 0,
        not_min: 0,
    };
    // Another CPU may have been faster; either way it is there now, or the table is full.
    let _ = GROUPS.insert(key, &new, u64::from(BPF_NOEXIST));
    GROUPS.get_ptr_mut(key)
}
