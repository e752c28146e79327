//! System calls that no library wraps as we need them: loading a program, hooking it (`attach`), and asking
//! what others have hooked (`query`).

#![expect(unsafe_code, reason = "raw system calls")]

mod attach;
mod query;

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_insn, bpf_prog_type};

use super::Error;

pub(super) use self::attach::{Hook, Link, Method, Place, attach, detach};
pub(super) use self::query::{link, perf_event};

/// Room for what the verifier says of a program that it refuses; it cuts what is longer.
const LOG_BYTES: usize = 1 << 16;

/// Signals that one system call is interrupted by before we give up.
const SIGNALS: u32 = 100;

/// A program to load.
pub(super) struct Code<'a> {
    pub(super) name: &'a str,
    pub(super) license: &'a CStr,
    pub(super) instructions: &'a [bpf_insn],
    /// How it will be hooked.
    pub(super) method: Method,
}

/// Loads a uprobe program. Only when the kernel refuses it is it asked again for the reason.
pub(super) fn load_program(code: &Code<'_>) -> Result<OwnedFd, Error> {
    let mut no_log = [];
    undisturbed(|| try_load(code, &mut no_log)).or_else(|source| {
        let mut log = vec![0; LOG_BYTES];
        undisturbed(|| try_load(code, &mut log)).map_err(|_| Error::Load {
            source,
            log: CStr::from_bytes_until_nul(&log)
                .map(|log| log.to_string_lossy().into_owned())
                .unwrap_or_default(),
        })
    })
}

fn try_load(code: &Code<'_>, log: &mut [u8]) -> io::Result<OwnedFd> {
    // SAFETY: a union of structures of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    // SAFETY: all of it is zeroed; the members of the union that this command reads are filled in.
    let load = unsafe { &mut attr.__bindgen_anon_3 };
    load.prog_type = bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32;
    load.expected_attach_type = code.method.attach_type() as u32;
    load.insns = code.instructions.as_ptr().expose_provenance() as u64;
    load.insn_cnt = u32::try_from(code.instructions.len()).unwrap_or(u32::MAX);
    load.license = code.license.as_ptr().expose_provenance() as u64;
    // The last byte stays a NUL.
    let room = load.prog_name.len() - 1;
    for (to, from) in load.prog_name[..room].iter_mut().zip(code.name.bytes()) {
        *to = from.cast_signed();
    }
    if !log.is_empty() {
        load.log_level = 1;
        load.log_size = u32::try_from(log.len()).unwrap_or(0);
        load.log_buf = log.as_mut_ptr().expose_provenance() as u64;
    }
    make(bpf_cmd::BPF_PROG_LOAD, &attr)
}

/// Writes the only value of a map and lets nobody change it any more: constants to the verifier.
///
/// `bytes` has to be as long as the map's value.
pub(super) fn freeze(map: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let key = 0_u32;
    // SAFETY: a union of structures of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    // SAFETY: all of it is zeroed.
    let update = unsafe { &mut attr.__bindgen_anon_2 };
    update.map_fd = map.as_raw_fd().cast_unsigned();
    update.key = (&raw const key).expose_provenance() as u64;
    update.__bindgen_anon_1.value = bytes.as_ptr().expose_provenance() as u64;
    command(bpf_cmd::BPF_MAP_UPDATE_ELEM, &attr)?;
    // SAFETY: as above; freezing takes nothing but the map.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    attr.__bindgen_anon_2.map_fd = map.as_raw_fd().cast_unsigned();
    command(bpf_cmd::BPF_MAP_FREEZE, &attr).map(|_| ())
}

/// Tries again when a signal came in between, such as a child's end or a window's new size: the verifier gives up
/// with EAGAIN then, opening an event with EINTR.
fn undisturbed<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..SIGNALS {
        match call() {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            done => return done,
        }
    }
    call()
}

/// A command that makes a file descriptor.
fn make(what: bpf_cmd, attr: &bpf_attr) -> io::Result<OwnedFd> {
    owned(command(what, attr)?)
}

/// A command that answers in `attr`.
fn told(what: bpf_cmd, attr: &mut bpf_attr) -> io::Result<()> {
    call(what, std::ptr::from_mut(attr)).map(|_| ())
}

fn command(what: bpf_cmd, attr: &bpf_attr) -> io::Result<libc::c_long> {
    call(what, std::ptr::from_ref(attr))
}

fn call(command: bpf_cmd, attr: *const bpf_attr) -> io::Result<libc::c_long> {
    // SAFETY: `attr` and what it points to outlive the call; it is as large as is said.
    let done = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_int,
            attr,
            size_of::<bpf_attr>(),
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(done)
    }
}

fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(fd) {
        // SAFETY: the kernel has just made it for us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
