//! Asks the kernel what file descriptors of another process are hooked to.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_link_info, bpf_link_type, bpf_task_fd_type};

use super::{command, make, told};

/// The kernel's `PATH_MAX`.
const PATH_BYTES: usize = 4096;
/// Offsets of one link that are asked for. All tracepoints of Bitcoin Core have fewer call sites.
const OFFSETS: usize = 1024;

/// A file's name and offsets in it.
pub(in super::super) struct Hooked {
    pub(in super::super) path: Vec<u8>,
    pub(in super::super) offsets: Vec<u64>,
}

/// What a perf event of a process is hooked to: none when it is no uprobe, or has no program yet.
pub(in super::super) fn perf_event(pid: u32, fd: u32) -> io::Result<Option<Hooked>> {
    let mut path = [0_u8; PATH_BYTES];
    // SAFETY: a union of structures of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    attr.task_fd_query.pid = pid;
    attr.task_fd_query.fd = fd;
    attr.task_fd_query.buf_len = u32::try_from(path.len()).unwrap_or(0);
    attr.task_fd_query.buf = path.as_mut_ptr().expose_provenance() as u64;
    match told(bpf_cmd::BPF_TASK_FD_QUERY, &mut attr) {
        Ok(()) => {}
        // An event without a program, or of another kind.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOENT | libc::EOPNOTSUPP | libc::EINVAL | ENOTSUPP)
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    // SAFETY: the kernel has filled this member in.
    let answer = unsafe { attr.task_fd_query };
    let uprobes = [
        bpf_task_fd_type::BPF_FD_TYPE_UPROBE as u32,
        bpf_task_fd_type::BPF_FD_TYPE_URETPROBE as u32,
    ];
    Ok(uprobes.contains(&answer.fd_type).then(|| Hooked {
        path: until_nul(&path),
        offsets: vec![answer.probe_offset],
    }))
}

/// The kernel's own `ENOTSUPP`, which C libraries do not name.
const ENOTSUPP: i32 = 524;

/// What a link is hooked to: none when it is none of several uprobes.
pub(in super::super) fn link(id: u32) -> io::Result<Option<Hooked>> {
    // SAFETY: a union of structures of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    attr.__bindgen_anon_6.__bindgen_anon_1.link_id = id;
    let link = make(bpf_cmd::BPF_LINK_GET_FD_BY_ID, &attr)?;
    let mut path = [0_u8; PATH_BYTES];
    let mut offsets = [0_u64; OFFSETS];
    // SAFETY: a structure of integers and a union of structures of integers.
    let mut info: bpf_link_info = unsafe { std::mem::zeroed() };
    // The kind first: what the kernel reads of the rest depends on it.
    tell(&link, &mut info)?;
    if info.type_ != bpf_link_type::BPF_LINK_TYPE_UPROBE_MULTI as u32 {
        return Ok(None);
    }
    // SAFETY: as above.
    info = unsafe { std::mem::zeroed() };
    info.__bindgen_anon_1.uprobe_multi.path = path.as_mut_ptr().expose_provenance() as u64;
    info.__bindgen_anon_1.uprobe_multi.path_size = u32::try_from(path.len()).unwrap_or(0);
    info.__bindgen_anon_1.uprobe_multi.offsets = offsets.as_mut_ptr().expose_provenance() as u64;
    info.__bindgen_anon_1.uprobe_multi.count = u32::try_from(offsets.len()).unwrap_or(0);
    tell(&link, &mut info)?;
    // SAFETY: the kernel has filled this member in.
    let count = unsafe { info.__bindgen_anon_1.uprobe_multi.count };
    let count = usize::try_from(count).unwrap_or(OFFSETS);
    Ok(Some(Hooked {
        path: until_nul(&path),
        offsets: offsets.into_iter().take(count).collect(),
    }))
}

fn tell(link: &OwnedFd, info: &mut bpf_link_info) -> io::Result<()> {
    // SAFETY: a union of structures of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    attr.info.bpf_fd = link.as_raw_fd().cast_unsigned();
    attr.info.info_len = u32::try_from(size_of::<bpf_link_info>()).unwrap_or(0);
    attr.info.info = std::ptr::from_mut(info).expose_provenance() as u64;
    command(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &attr).map(|_| ())
}

fn until_nul(bytes: &[u8]) -> Vec<u8> {
    CStr::from_bytes_until_nul(bytes)
        .map(|path| path.to_bytes().to_vec())
        .unwrap_or_default()
}
