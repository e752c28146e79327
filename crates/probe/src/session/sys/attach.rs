//! Hooks a program into call sites, with their semaphores and cookies.
//!
//! aya attaches uprobes but knows no semaphores. Here the kernel raises the semaphore in every process that
//! maps the file, now and later, and lowers it when the file descriptor is closed, also by `kill -9`.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use aya_obj::generated::{
    PERF_FLAG_FD_CLOEXEC, bpf_attach_type, bpf_attr, bpf_cmd, perf_event_attr,
};

use super::{make, owned, undisturbed};

/// `format/ref_ctr_offset` of the uprobe PMU is `config:32-63`.
const SEMAPHORE_SHIFT: u32 = 32;

/// How programs are hooked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Method {
    /// All call sites by one link: closing it waits once for programs that still run. Waiting for each of
    /// twenty takes seconds.
    Multi,
    /// A perf event and a link for each, by the number of the uprobe PMU: kernels before 6.10.
    Perf(u32),
}

impl Method {
    /// What a program has to be loaded for.
    pub(super) fn attach_type(self) -> bpf_attach_type {
        match self {
            Self::Multi => bpf_attach_type::BPF_TRACE_UPROBE_MULTI,
            // The type of programs that are loaded for no attach type.
            Self::Perf(_) => bpf_attach_type::BPF_CGROUP_INET_INGRESS,
        }
    }
}

/// Hooked call sites; dropping it unhooks them.
#[derive(Debug)]
pub(in super::super) struct Link {
    // Closed in this order.
    _program: OwnedFd,
    _uprobe: Option<OwnedFd>,
}

/// Whose call sites are hooked.
pub(in super::super) struct Place<'a> {
    /// The program's file.
    pub(in super::super) path: &'a CStr,
    /// The only process; none for every one.
    pub(in super::super) pid: Option<u32>,
}

/// A call site to hook.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Hook {
    /// Where the instruction lies in the file.
    pub(in super::super) offset: u64,
    /// Where the semaphore lies in it; 0 for none.
    pub(in super::super) semaphore: u64,
    /// Given to the program.
    pub(in super::super) cookie: u64,
}

/// Hooks `program` into all `hooks`; with the error comes the one that failed, where the kernel says it.
pub(in super::super) fn attach(
    program: BorrowedFd<'_>,
    method: Method,
    place: &Place<'_>,
    hooks: &[Hook],
) -> Result<Vec<Link>, (Option<Hook>, io::Error)> {
    match method {
        Method::Multi => attach_multi(program, place, hooks)
            .map(|link| vec![link])
            .map_err(|error| (None, error)),
        Method::Perf(pmu) => hooks
            .iter()
            .map(|hook| {
                attach_perf(program, pmu, place, hook).map_err(|error| (Some(*hook), error))
            })
            .collect(),
    }
}

/// Unhooks everything. Each close waits for programs that still run, so they wait side by side.
pub(in super::super) fn detach(links: Vec<Link>) {
    std::thread::scope(|scope| {
        let mut links = links.into_iter();
        // One is left for this thread.
        let last = links.next();
        for link in links {
            let closing = std::thread::Builder::new().spawn_scoped(scope, move || drop(link));
            // Without a thread the link was dropped with the closure.
            drop(closing);
        }
        drop(last);
    });
}

fn attach_multi(program: BorrowedFd<'_>, place: &Place<'_>, hooks: &[Hook]) -> io::Result<Link> {
    let offsets: Vec<u64> = hooks.iter().map(|hook| hook.offset).collect();
    let semaphores: Vec<u64> = hooks.iter().map(|hook| hook.semaphore).collect();
    let cookies: Vec<u64> = hooks.iter().map(|hook| hook.cookie).collect();
    // SAFETY: a union of structures of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    attr.link_create.__bindgen_anon_1.prog_fd = program.as_raw_fd().cast_unsigned();
    attr.link_create.attach_type = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;
    // SAFETY: all of it is zeroed.
    let multi = unsafe { &mut attr.link_create.__bindgen_anon_3.uprobe_multi };
    multi.path = place.path.as_ptr().expose_provenance() as u64;
    multi.offsets = offsets.as_ptr().expose_provenance() as u64;
    multi.ref_ctr_offsets = semaphores.as_ptr().expose_provenance() as u64;
    multi.cookies = cookies.as_ptr().expose_provenance() as u64;
    multi.cnt = u32::try_from(hooks.len()).unwrap_or(u32::MAX);
    multi.pid = place.pid.unwrap_or(0);
    Ok(Link {
        _program: make(bpf_cmd::BPF_LINK_CREATE, &attr)?,
        _uprobe: None,
    })
}

fn attach_perf(
    program: BorrowedFd<'_>,
    pmu: u32,
    place: &Place<'_>,
    hook: &Hook,
) -> io::Result<Link> {
    let uprobe = open_uprobe(pmu, place, hook)?;
    // SAFETY: a union of structures of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    attr.link_create.__bindgen_anon_1.prog_fd = program.as_raw_fd().cast_unsigned();
    attr.link_create.__bindgen_anon_2.target_fd = uprobe.as_raw_fd().cast_unsigned();
    attr.link_create.attach_type = bpf_attach_type::BPF_PERF_EVENT as u32;
    attr.link_create.__bindgen_anon_3.perf_event.bpf_cookie = hook.cookie;
    Ok(Link {
        _program: make(bpf_cmd::BPF_LINK_CREATE, &attr)?,
        _uprobe: Some(uprobe),
    })
}

fn open_uprobe(pmu: u32, place: &Place<'_>, hook: &Hook) -> io::Result<OwnedFd> {
    // SAFETY: a structure of integers and unions of integers.
    let mut attr: perf_event_attr = unsafe { std::mem::zeroed() };
    attr.type_ = pmu;
    attr.size = u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0);
    attr.config = hook.semaphore << SEMAPHORE_SHIFT;
    attr.__bindgen_anon_3.config1 = place.path.as_ptr().expose_provenance() as u64;
    attr.__bindgen_anon_4.config2 = hook.offset;
    // An event of every process is opened on one CPU; its program runs on all of them.
    let (pid, cpu) = match place.pid {
        Some(pid) => (pid.cast_signed(), -1),
        None => (-1, 0),
    };
    undisturbed(|| {
        // SAFETY: `attr` and the path outlive the call.
        owned(unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &raw const attr,
                pid,
                cpu,
                -1,
                PERF_FLAG_FD_CLOEXEC,
            )
        })
    })
}
