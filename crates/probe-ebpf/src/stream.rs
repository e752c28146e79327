//! Sends whole events through the ring buffer.

use aya_ebpf::helpers::generated::{
    bpf_get_current_comm, bpf_get_current_pid_tgid, bpf_ktime_get_ns, bpf_probe_read_user,
    bpf_probe_read_user_str,
};
use probe_common::{COMM_BYTES, Event, MAX_ARGS, MAX_PARTS, Part, Segment, part};

use crate::atomic::add;
use crate::limits::limit;
use crate::{EVENTS, Hit, operand};

/// Sends an event with `DATA` bytes for strings and byte arrays. The verifier wants sizes that it knows.
#[inline(always)]
pub fn send<const DATA: usize>(hit: &Hit) {
    let Some(mut entry) = EVENTS.reserve::<Record<DATA>>(0) else {
        // SAFETY: `totals` points into a map's value.
        add(unsafe { &raw mut (*hit.totals).dropped }, 1);
        return;
    };
    let record = entry.as_mut_ptr();
    // SAFETY: the entry is as large as a record; every field of the fixed part is written.
    unsafe {
        let event = &raw mut (*record).event;
        identify(hit, event);
        let mut readable = 0;
        for at in 0..MAX_ARGS {
            let mut value = 0;
            if (at as u32) < limit!(args) && (at as u32) < hit.site.argc {
                match operand::fetch(hit.registers, &hit.site.operands[at]) {
                    Some(read) => {
                        value = read;
                        readable |= 1 << at;
                    }
                    None => add(&raw mut (*hit.totals).unreadable, 1),
                }
            }
            (&raw mut (*event).values)
                .cast::<u64>()
                .add(at)
                .write(value);
        }
        (*event).readable = readable;
        let data = (&raw mut (*record).data).cast::<u8>();
        for at in 0..MAX_PARTS {
            let mut segment = Segment {
                length: 0,
                readable: 0,
                full_length: 0,
            };
            if (at as u32) < limit!(parts) && (at as u32) < hit.site.part_count {
                segment = copy::<DATA>(hit, &hit.site.parts[at], data);
                if segment.readable == 0 {
                    add(&raw mut (*hit.totals).unreadable, 1);
                }
            }
            (&raw mut (*event).segments)
                .cast::<Segment>()
                .add(at)
                .write(segment);
        }
        add(&raw mut (*hit.totals).streamed, 1);
    }
    entry.submit(0);
}

#[repr(C)]
struct Record<const DATA: usize> {
    event: Event,
    data: [u8; DATA],
}

#[inline(always)]
unsafe fn identify(hit: &Hit, event: *mut Event) {
    // SAFETY: the caller's `event` points to memory for one.
    unsafe {
        (*event).time = bpf_ktime_get_ns();
        (*event).probe = hit.site.probe;
        (*event).site = hit.cookie;
        match operand::ids(hit) {
            Some(info) => {
                (*event).pid = info.tgid;
                (*event).tid = info.pid;
                (*event).foreign = 0;
            }
            None => {
                let ids = bpf_get_current_pid_tgid();
                (*event).pid = (ids >> 32) as u32;
                (*event).tid = ids as u32;
                (*event).foreign = 1;
            }
        }
        // Fails never: the size is right. It writes zeroes in any case.
        bpf_get_current_comm((&raw mut (*event).comm).cast(), COMM_BYTES as u32);
    }
}

/// Copies one string or byte array to its place.
#[inline(always)]
unsafe fn copy<const DATA: usize>(hit: &Hit, part: &Part, data: *mut u8) -> Segment {
    let mut segment = Segment {
        length: 0,
        readable: 0,
        full_length: 0,
    };
    let half = DATA as u32 / 2;
    let offset = u32::from(part.offset);
    let capacity = u32::from(part.capacity);
    let Some(operand) = hit.site.operands.get(usize::from(part.arg)) else {
        return segment;
    };
    let Some(address) = operand::fetch(hit.registers, operand) else {
        return segment;
    };
    // Half and half is what the verifier can follow: each number has a bound of its own.
    if offset > half || capacity > half {
        return segment;
    }
    // SAFETY: offset + capacity is within the data; the kernel checks the address.
    unsafe {
        let to = data.add(offset as usize).cast();
        if part.kind == part::TEXT {
            let read = bpf_probe_read_user_str(to, capacity, address as *const _);
            if read > 0 {
                segment.length = read as u16;
                segment.full_length = read as u32;
                segment.readable = 1;
            }
            return segment;
        }
        let mut length = capacity;
        segment.full_length = capacity;
        if let Some(operand) = hit.site.operands.get(usize::from(part.length_arg)) {
            let Some(full) = operand::fetch(hit.registers, operand) else {
                return segment;
            };
            // What does not fit in 32 bits is no length of an array in memory.
            segment.full_length = if full > u64::from(u32::MAX) {
                u32::MAX
            } else {
                full as u32
            };
            if segment.full_length < length {
                length = segment.full_length;
            }
        }
        if length > half {
            return segment;
        }
        if bpf_probe_read_user(to, length, address as *const _) == 0 {
            segment.length = length as u16;
            segment.readable = 1;
        }
    }
    segment
}
