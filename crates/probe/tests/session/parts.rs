//! Strings and byte arrays: cut, empty, at the end of memory, and not there at all.

use probe::{GroupKey, Key, Part, Probe, Target};

use crate::mode::Mode;
use crate::tracee::{Tracee, id};
use std::process::Command;

in_every_mode! { texts byte_arrays keys }

/// What `parts.c` has behind an address.
enum Memory {
    /// So many bytes and nothing beyond.
    Ends(Vec<u8>),
    /// More than anybody reads.
    Goes(fn(usize) -> u8),
    NotThere,
}

use Memory::{Ends, Goes, NotThere};

impl Memory {
    /// So many of its bytes, when they are all there.
    fn bytes(&self, count: usize) -> Option<Vec<u8>> {
        match self {
            Ends(bytes) => Some(bytes.get(..count)?.to_vec()),
            Goes(byte) => Some((0..count).map(byte).collect()),
            NotThere => None,
        }
    }

    /// The string, when it ends in time or is cut.
    fn text(&self, capacity: usize) -> Option<Vec<u8>> {
        // A cut one is as long as what is set aside for it, with its NUL.
        (0..capacity).find_map(|length| {
            let bytes = self.bytes(length + 1)?;
            let over = bytes[length] == 0 || length + 1 == capacity;
            over.then(|| bytes[..length].to_vec())
        })
    }
}

/// The calls of `parts:text`.
fn text_calls() -> Vec<Memory> {
    let text = |text: &str| Ends([text.as_bytes(), b"\0"].concat());
    vec![
        text(""),
        text("a"),
        text("1234567"),
        text("12345678"),
        Goes(|_| b'x'),
        text("zzzzzzzzzzzzzzz"),
        Ends(vec![b'y'; 16]),
        NotThere,
        NotThere,
        NotThere,
        NotThere,
        NotThere,
        NotThere,
    ]
}

/// The calls of `parts:bytes`, with the length that each passes.
fn bytes_calls() -> Vec<(Memory, u64)> {
    let data = || Goes(|at| at as u8);
    vec![
        (data(), 0),
        (data(), 1),
        (data(), 32),
        (data(), 33),
        (data(), 10_000),
        (data(), 1 << 40),
        (Ends(vec![b'y'; 32]), 32),
        (Ends(vec![b'y'; 16]), 32),
        // Nothing is read of it.
        (Ends(vec![]), 0),
        (NotThere, 32),
        (NotThere, 32),
        (NotThere, 32),
        (NotThere, 32),
    ]
}

fn texts(mode: Mode) {
    // The last is the longest that goes, in an event of the large kind.
    let capacities = [1_u16, 8, 16, 17, 128, 4096];
    let requests = capacities.map(|capacity| Part::Text { arg: 0, capacity });
    streamed(mode, "parts:text", &requests, |at, request| {
        let capacity = capacities[request].into();
        (text_calls()[at].text(capacity), None)
    });
}

fn byte_arrays(mode: Mode) {
    let requests = [(32, Some(1)), (4096, Some(1)), (32, None), (128, None)];
    let parts = requests.map(|(capacity, length_arg)| Part::Bytes {
        arg: 0,
        capacity,
        length_arg,
    });
    streamed(mode, "parts:bytes", &parts, |at, request| {
        let (capacity, length_arg) = requests[request];
        let (memory, length) = &bytes_calls()[at];
        let full = length_arg.map_or(u64::from(capacity), |_| *length);
        let count = full.min(capacity.into());
        let full = u32::try_from(full).unwrap_or(u32::MAX);
        (memory.bytes(count as usize), Some(full))
    });
}

/// Streams one probe once for each part, and compares call by call.
fn streamed(
    mode: Mode,
    name: &str,
    parts: &[Part],
    expected: impl Fn(usize, usize) -> (Option<Vec<u8>>, Option<u32>),
) {
    let program = mode.program("parts");
    let probes = parts
        .iter()
        .map(|part| Probe::new(id(name)).stream([*part]));
    let mut session = mode.attach(&Target::path(&program), probes);
    Tracee::ready(&mut Command::new(&program)).fire();
    session.stop().unwrap();
    let mut calls = vec![0; parts.len()];
    let mut unreadable = vec![0; parts.len()];
    session.drain(|event| {
        let (at, part) = (calls[event.probe], parts[event.probe]);
        let (bytes, full_length) = expected(at, event.probe);
        let context = format!("{mode:?} call {at}, {part:?}");
        assert_eq!(event.bytes(0), bytes.as_deref(), "{context}");
        if full_length.is_some() {
            assert_eq!(event.full_length(0), full_length, "{context}");
        }
        // The address is told in any case.
        assert!(event.value(0).is_some(), "{context}");
        assert_eq!(event.bytes(1), None, "{context}: nobody asked");
        calls[event.probe] += 1;
        unreadable[event.probe] += u64::from(bytes.is_none());
    });
    for ((counted, calls), unreadable) in session
        .counted()
        .unwrap()
        .probes
        .iter()
        .zip(calls)
        .zip(unreadable)
    {
        assert_eq!((counted.events, calls), (13, 13));
        assert_eq!(counted.lost.unreadable, unreadable);
        assert!(unreadable > 0);
    }
}

/// Keys that are not there have a group of their own, so that groups add up to all events.
fn keys(mode: Mode) {
    let program = mode.program("parts");
    let text = Probe::new(id("parts:text")).group_by(Key::Text { arg: 0 });
    let bytes = Probe::new(id("parts:bytes")).group_by(Key::Bytes { arg: 0, length: 32 });
    let session = mode.attach(&Target::path(&program), [text, bytes]);
    Tracee::ready(&mut Command::new(&program)).fire();
    let counted = session.finish().unwrap().probes;
    for (counted, keys) in counted.iter().zip([
        text_calls()
            .iter()
            .map(|memory| memory.text(64).map_or(GroupKey::Unreadable, GroupKey::Text))
            .collect::<Vec<_>>(),
        bytes_calls()
            .iter()
            .map(|(memory, _)| {
                memory
                    .bytes(32)
                    .map_or(GroupKey::Unreadable, GroupKey::Bytes)
            })
            .collect(),
    ]) {
        let with = |key: &GroupKey| keys.iter().filter(|one| *one == key).count() as u64;
        for group in &counted.groups {
            assert_eq!(group.events, with(&group.key), "{mode:?} {:?}", group.key);
        }
        let grouped: u64 = counted.groups.iter().map(|one| one.events).sum();
        assert_eq!(grouped, counted.events, "{mode:?}");
        assert_eq!(counted.events, 13);
        assert_eq!(counted.lost.unreadable, with(&GroupKey::Unreadable));
    }
}
