//! Events of the stream.

use std::time::Duration;

use probe_common as wire;
use probe_common::{COMM_BYTES, MAX_ARGS};

use super::plan::{PlannedPart, PlannedProbe, Signs};
use super::request::Part;
use crate::usdt::ProbeId;

/// One time that a tracepoint fired.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Which probe of the session, by its index in the request.
    pub probe: usize,
    /// Its tracepoint.
    pub id: &'a ProbeId,
    /// When, since the session was attached.
    pub since_start: Duration,
    /// The process, as the session's pid namespace numbers it; for [`Target::Pid`](super::Target::Pid) as its own
    /// does, which in a container is another.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// Whether the process lives in another pid namespace, such as a container's. Its numbers are the machine's
    /// own then, which are those that the session sees unless it lives in a container itself.
    pub foreign: bool,
    fixed: wire::Event,
    data: &'a [u8],
    parts: &'a [PlannedPart],
    signed: Signs,
    argc: usize,
}

/// An argument's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of an unsigned type, or an address.
    Unsigned(u64),
    /// Of a signed type.
    Signed(i64),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsigned(value) => value.fmt(f),
            Self::Signed(value) => value.fmt(f),
        }
    }
}

impl Value {
    /// The value as any 64-bit type has it.
    pub fn get(self) -> i128 {
        match self {
            Self::Unsigned(value) => value.into(),
            Self::Signed(value) => value.into(),
        }
    }
}

impl<'a> Event<'a> {
    /// Understands what the kernel side sent; none when it is not what it should be.
    pub(super) fn decode(
        bytes: &'a [u8],
        start: u64,
        ids: &'a [ProbeId],
        probes: &'a [PlannedProbe],
        signs: impl Fn(u32) -> Option<(Signs, usize)>,
    ) -> Option<Self> {
        let (fixed, data) = fixed(bytes)?;
        let probe = usize::try_from(fixed.probe).ok()?;
        let (signed, argc) = signs(fixed.site)?;
        Some(Self {
            probe,
            id: ids.get(probe)?,
            since_start: Duration::from_nanos(fixed.time.saturating_sub(start)),
            pid: fixed.pid,
            tid: fixed.tid,
            foreign: fixed.foreign != 0,
            fixed,
            data,
            parts: &probes.get(probe)?.parts,
            signed,
            argc,
        })
    }

    /// How many arguments the tracepoint has at this call site.
    pub fn argument_count(&self) -> usize {
        self.argc
    }

    /// An argument; none when there is no such or it could not be read.
    pub fn value(&self, arg: usize) -> Option<Value> {
        if arg >= self.argc || self.fixed.readable & (1 << arg) == 0 {
            return None;
        }
        let value = *self.fixed.values.get(arg)?;
        Some(if *self.signed.get(arg)? {
            Value::Signed(value.cast_signed())
        } else {
            Value::Unsigned(value)
        })
    }

    /// The string or bytes that an argument points to, if they were asked for and could be read. A string
    /// comes without its NUL and may be cut at what was set aside for it.
    pub fn bytes(&self, arg: usize) -> Option<&'a [u8]> {
        let (part, segment, offset) = self.segment(arg)?;
        if segment.readable == 0 {
            return None;
        }
        let length = match part {
            Part::Text { .. } => usize::from(segment.length).checked_sub(1)?,
            Part::Bytes { .. } => usize::from(segment.length),
        };
        self.data.get(offset..offset.checked_add(length)?)
    }

    /// How long the byte array is in the program, which may be more than was set aside for it.
    pub fn full_length(&self, arg: usize) -> Option<u32> {
        Some(self.segment(arg)?.1.full_length)
    }

    /// Whether there is more of the string or byte array than was set aside for it. A string that just fits
    /// counts as cut too.
    pub fn is_cut(&self, arg: usize) -> bool {
        self.segment(arg).is_some_and(|(part, segment, _)| {
            segment.readable != 0
                && match part {
                    Part::Text { capacity, .. } => segment.length >= capacity,
                    Part::Bytes { .. } => segment.full_length > u32::from(segment.length),
                }
        })
    }

    /// The thread's name.
    pub fn comm(&self) -> &[u8] {
        let end = self.fixed.comm.iter().position(|byte| *byte == 0);
        &self.fixed.comm[..end.unwrap_or(COMM_BYTES)]
    }

    fn segment(&self, arg: usize) -> Option<(Part, wire::Segment, usize)> {
        self.parts
            .iter()
            .zip(self.fixed.segments)
            .find(|(planned, _)| usize::from(planned.part.arg()) == arg)
            .map(|(planned, segment)| (planned.part, segment, usize::from(planned.offset)))
    }
}

/// Splits a record into its fixed part and its data.
fn fixed(bytes: &[u8]) -> Option<(wire::Event, &[u8])> {
    const SIZE: usize = size_of::<wire::Event>();
    let (head, data) = bytes.split_at_checked(SIZE)?;
    let head: &[u8; SIZE] = head.try_into().ok()?;
    Some((decode(head), data))
}

#[expect(unsafe_code, reason = "plain data from the kernel side")]
fn decode(bytes: &[u8; size_of::<wire::Event>()]) -> wire::Event {
    const { assert!(MAX_ARGS <= 32, "`readable` has a bit for each") };
    // SAFETY: repr(C), only integers and arrays of them: any bits are a value. Read unaligned.
    unsafe { bytes.as_ptr().cast::<wire::Event>().read_unaligned() }
}
