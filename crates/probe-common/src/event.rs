//! One event of the stream, as it lies in the ring buffer.

use crate::site::{MAX_ARGS, MAX_PARTS};

/// Bytes of a thread's name, its NUL among them (the kernel's `TASK_COMM_LEN`).
pub const COMM_BYTES: usize = 16;
/// Room for strings and byte arrays in a small event.
pub const SMALL_DATA: usize = 256;
/// The same in a large one. A single string or array may have half of it.
pub const LARGE_DATA: usize = 8192;

/// The fixed part of an event; its strings and byte arrays follow.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Nanoseconds of the kernel's monotonic clock.
    pub time: u64,
    /// The process, as the namespace of the session numbers it.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// Which probe of the session.
    pub probe: u32,
    /// Which call site: the cookie.
    pub site: u32,
    /// The thread's name.
    pub comm: [u8; COMM_BYTES],
    /// Bit n is set when argument n was read.
    pub readable: u32,
    /// 1 when the process lives in another pid namespace; `pid` and `tid` are the first namespace's then.
    pub foreign: u32,
    /// What became of each part.
    pub segments: [Segment; MAX_PARTS],
    /// The arguments, sign extended; pointers as they are.
    pub values: [u64; MAX_ARGS],
}

/// What became of a string or byte array.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Bytes that were read; with a string's NUL.
    pub length: u16,
    /// 1 when its memory could be read.
    pub readable: u16,
    /// How long the byte array is in the program, which may be more than was set aside for it.
    pub full_length: u32,
}
