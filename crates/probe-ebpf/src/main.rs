//! The kernel side: one generic set of programs, told by a map what to do where they are hit.
//!
//! A link's cookie is the index of a [`Site`] in [`SITES`]; the site says how to read the arguments and what
//! to do with them. `aggregate` adds up, `group` adds up by key, `stream_small` and `stream_large` send whole
//! events. Several of them may hang on one call site; [`CONTROL`] starts and stops all at one moment.
//!
//! Programs on uprobes are preempted and run on all CPUs at once: whatever they write is added atomically,
//! into a copy of the CPU's own where there is one.

#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![expect(
    internal_features,
    reason = "atomics that return the old value are missing on this target otherwise"
)]

mod aggregate;
mod atomic;
mod group;
mod limits;
mod operand;
mod registers;
mod stream;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_get_attach_cookie;
use aya_ebpf::macros::{map, uprobe};
use aya_ebpf::maps::{Array, PerCpuArray, PerCpuHashMap, RingBuf};
use aya_ebpf::programs::ProbeContext;
use probe_common::{Control, Group, GroupKey, LARGE_DATA, SMALL_DATA, Site, Totals, Values};

// Sizes are set when the object is loaded, by what the session needs.
#[map]
static CONTROL: Array<Control> = Array::with_max_entries(1, 0);
#[map]
static SITES: Array<Site> = Array::with_max_entries(1, 0);
#[map]
static TOTALS: PerCpuArray<Totals> = PerCpuArray::with_max_entries(1, 0);
#[map]
static VALUES: PerCpuArray<Values> = PerCpuArray::with_max_entries(1, 0);
#[map]
static GROUPS: PerCpuHashMap<GroupKey, Group> = PerCpuHashMap::with_max_entries(1, 0);
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);

use crate::limits::limit;
use crate::registers::Registers;

/// Where a program was hit: the call site, the probe's counters, and the registers.
struct Hit<'a> {
    site: &'static Site,
    totals: *mut Totals,
    registers: &'a Registers,
    cookie: u32,
}

/// The hit, when it counts: the session runs, it is the right process, and every filter holds.
#[inline(always)]
fn hit<'a, const ALL: bool>(
    context: &ProbeContext,
    registers: &'a mut Registers,
) -> Option<Hit<'a>> {
    if CONTROL.get(0)?.running == 0 {
        return None;
    }
    // SAFETY: the context is the one this program was called with.
    let cookie = unsafe { bpf_get_attach_cookie(context.as_ptr()) } as u32;
    let site = SITES.get(cookie)?;
    let totals = TOTALS.get_ptr_mut(site.probe)?;
    // Just counting takes none.
    if ALL || limit!(filters) | limit!(measures) != 0 {
        registers.fill(context.as_ptr().cast_const().cast());
    }
    let hit = Hit {
        site,
        totals,
        registers,
        cookie,
    };
    (operand::right_process(&hit) && operand::filters_hold(&hit)).then_some(hit)
}

/// Counts events and adds up arguments.
#[uprobe]
pub fn aggregate(context: ProbeContext) -> u32 {
    let mut registers = Registers::new();
    if let Some(hit) = hit::<false>(&context, &mut registers) {
        aggregate::add_hit(&hit);
    }
    0
}

/// The same by key.
#[uprobe]
pub fn group(context: ProbeContext) -> u32 {
    let mut registers = Registers::new();
    if let Some(hit) = hit::<true>(&context, &mut registers) {
        group::add_hit(&hit);
    }
    0
}

/// Sends events whose strings and byte arrays are short.
#[uprobe]
pub fn stream_small(context: ProbeContext) -> u32 {
    let mut registers = Registers::new();
    if let Some(hit) = hit::<true>(&context, &mut registers) {
        stream::send::<SMALL_DATA>(&hit);
    }
    0
}

/// Sends events with long ones.
#[uprobe]
pub fn stream_large(context: ProbeContext) -> u32 {
    let mut registers = Registers::new();
    if let Some(hit) = hit::<true>(&context, &mut registers) {
        stream::send::<LARGE_DATA>(&hit);
    }
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Helpers for tracing are for GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
