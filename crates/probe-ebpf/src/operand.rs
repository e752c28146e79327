//! Reads arguments as the site's operands say.

use aya_ebpf::bindings::bpf_pidns_info;
use aya_ebpf::helpers::generated::{bpf_get_ns_current_pid_tgid, bpf_probe_read_user};
use probe_common::{Compare, MAX_FILTERS, NO_REGISTER, Operand, biased, operand};

use crate::limits::limit;
use crate::registers::Registers;
use crate::{Hit, atomic};

/// An argument, sign extended to 64 bits; none when its memory is not there or the operand is not known.
#[inline(always)]
pub fn read(hit: &Hit, arg: u8) -> Option<u64> {
    let value = match hit.site.operands.get(usize::from(arg)) {
        Some(operand) => fetch(hit.registers, operand),
        None => None,
    };
    if value.is_none() {
        // SAFETY: `totals` points into a map's value.
        atomic::add(unsafe { &raw mut (*hit.totals).unreadable }, 1);
    }
    value
}

/// As [`read`], without counting a failure.
#[inline(always)]
pub fn fetch(registers: &Registers, operand: &Operand) -> Option<u64> {
    let mut value = operand.displacement as u64;
    if has(operand, operand::CONSTANT) {
        return Some(value);
    }
    if has(operand, operand::REGISTER) {
        value = registers.get(operand.base)?;
    } else if has(operand, operand::MEMORY) {
        if operand.base != NO_REGISTER {
            value = value.wrapping_add(registers.get(operand.base)?);
        }
        if limit!(indexed) != 0 && operand.index != NO_REGISTER {
            let index = registers.get(operand.index)?;
            value = value.wrapping_add(index << (operand.scale_shift & 3));
        }
        let mut bytes = 0_u64;
        let size = u32::from(operand.size & 15);
        if size > 8 {
            return None;
        }
        // SAFETY: `bytes` has room for eight; the kernel checks the address.
        let status =
            unsafe { bpf_probe_read_user((&raw mut bytes).cast(), size, value as *const _) };
        if status != 0 {
            return None;
        }
        value = bytes;
    } else {
        return None;
    }
    // Cuts the value to its width and extends its sign, without a branch.
    Some((value & operand.mask ^ operand.sign).wrapping_sub(operand.sign))
}

/// Whether an operand is of a kind, if any of the session is.
#[inline(always)]
fn has(operand: &Operand, kind: u8) -> bool {
    limit!(operands) & (1 << kind) != 0 && operand.kind == kind
}

/// Process and thread in the namespace of the session, and whether they were found there.
#[inline(always)]
pub fn ids(hit: &Hit) -> Option<bpf_pidns_info> {
    let mut info = bpf_pidns_info { pid: 0, tgid: 0 };
    let process = &hit.site.process;
    // SAFETY: `info` is as large as is said.
    let status = unsafe {
        bpf_get_ns_current_pid_tgid(
            process.namespace_device,
            process.namespace_inode,
            &raw mut info,
            size_of::<bpf_pidns_info>() as u32,
        )
    };
    (status == 0).then_some(info)
}

/// Whether the process is the one that counts.
#[inline(always)]
pub fn right_process(hit: &Hit) -> bool {
    if limit!(process) == 0 {
        return true;
    }
    let wanted = hit.site.process.pid;
    wanted == 0 || matches!(ids(hit), Some(info) if info.tgid == wanted)
}

/// Whether every filter holds. One whose argument cannot be read does not.
#[inline(always)]
pub fn filters_hold(hit: &Hit) -> bool {
    for at in 0..MAX_FILTERS {
        if at as u32 >= limit!(filters) || at as u32 >= hit.site.filter_count {
            break;
        }
        let filter = &hit.site.filters[at];
        let Some(value) = read(hit, filter.arg) else {
            return false;
        };
        let signed = filter.signed != 0;
        let (left, right) = (biased(value, signed), biased(filter.value, signed));
        let holds = match filter.compare {
            compare if compare == Compare::Equal as u8 => left == right,
            compare if compare == Compare::NotEqual as u8 => left != right,
            compare if compare == Compare::Less as u8 => left < right,
            compare if compare == Compare::LessOrEqual as u8 => left <= right,
            compare if compare == Compare::Greater as u8 => left > right,
            _ => left >= right,
        };
        if !holds {
            return false;
        }
    }
    true
}
