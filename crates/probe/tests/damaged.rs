//! What is no program, and real programs damaged by chance: a clear error, never a panic or a hang.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use probe::usdt::{self, Error, Malformed};
use proptest::prelude::*;

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "common/programs.rs"]
mod programs;

use programs::{FOLDER, run};

static PLAIN_BYTES: LazyLock<Vec<u8>> =
    LazyLock::new(|| fs::read(programs::fixture("plain", &["-O2"])).unwrap());

#[test]
fn what_is_no_program_is_named() {
    let folder = &*FOLDER;
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let changed = |at: usize, byte: u8| {
        let mut bytes = PLAIN_BYTES.clone();
        bytes[at] = byte;
        bytes
    };
    let fifo = folder.join("fifo");
    run(Command::new("mkfifo").arg(&fifo));
    let cases = [
        (folder.join("absent"), "cannot open"),
        (folder.clone(), "is a directory, not a program"),
        (fifo, "is a FIFO, not a program"),
        ("/dev/null".into(), "is a device, not a program"),
        (file("empty", b""), "the file is empty"),
        (
            file("script", b"#!/bin/sh\n"),
            "this is a script, not a program",
        ),
        (file("text", b"hello"), "this is not an ELF file"),
        (file("magic", b"\x7fELF"), "this is not an ELF file"),
        (file("bits32", &changed(4, 1)), "this is a 32-bit program"),
        (file("big", &changed(5, 2)), "this is a big-endian program"),
        (file("class9", &changed(4, 9)), "name no word size"),
        (file("object", &changed(16, 1)), "cannot be run (type 1)"),
        (
            file("short", &PLAIN_BYTES[..20]),
            "the file header would end at byte 64",
        ),
        (
            file("cut", &PLAIN_BYTES[..4096]),
            "the section table would end",
        ),
    ];
    for (path, says) in cases {
        let error = usdt::read_file(&path).unwrap_err();
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            text = format!("{text}: {source}");
        }
        assert!(text.contains(says), "{}: {text}", path.display());
        assert!(
            miette::Diagnostic::help(&error).is_some(),
            "{} has no way out",
            path.display()
        );
    }
}

/// The header fields that carry counts and places, by their offset in the ELF header and their width.
const FIELDS: [(usize, usize); 8] = [
    (32, 8), // e_phoff
    (40, 8), // e_shoff
    (54, 2), // e_phentsize
    (56, 2), // e_phnum
    (58, 2), // e_shentsize
    (60, 2), // e_shnum
    (62, 2), // e_shstrndx
    (16, 2), // e_type
];

#[test]
fn huge_counts_are_refused_before_anything_is_allocated() {
    for (at, width) in FIELDS {
        let mut bytes = PLAIN_BYTES.clone();
        bytes[at..at + width].fill(0xff);
        let error = usdt::read(&bytes).unwrap_err();
        assert!(!matches!(error, Malformed::Io { .. }), "{at}: {error}");
    }
    // No count in the header: the first section's size says it, here 2^64 - 1.
    let mut bytes = PLAIN_BYTES.clone();
    let table = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    bytes[60..62].fill(0);
    bytes[table + 32..table + 40].fill(0xff);
    assert!(matches!(
        usdt::read(&bytes),
        Err(Malformed::TooLarge { .. })
    ));
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    struct Shrinking(Vec<u8>);
    impl usdt::ReadAt for Shrinking {
        fn size(&self) -> u64 {
            self.0.len() as u64 * 2
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
            self.0.read_at(offset, buffer)
        }
    }
    let half = PLAIN_BYTES[..PLAIN_BYTES.len() / 2].to_vec();
    assert!(matches!(
        usdt::read(&Shrinking(half)),
        Err(Malformed::Io { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Any bytes at any places: an answer or an error, never a panic.
    #[test]
    fn damage_is_never_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = PLAIN_BYTES.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = usdt::read(&bytes);
    }

    /// The same where it hurts: headers, section table and notes, which are a small part of the file.
    #[test]
    fn damage_to_the_tables_is_never_a_panic(
        changes in prop::collection::vec((0_usize..3, any::<prop::sample::Index>(), any::<u64>()), 1..6),
    ) {
        let mut bytes = PLAIN_BYTES.clone();
        let table = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
        let notes = bytes.windows(7).position(|window| window == b"stapsdt").unwrap() - 12;
        let places = [0..0x400, table..bytes.len(), notes..notes + 0x180];
        for (place, at, value) in changes {
            let place = places[place].clone();
            let at = place.start + at.index(place.len()) / 4 * 4;
            let end = (at + 8).min(bytes.len());
            bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        }
        if let Ok(found) = usdt::read(&bytes) {
            for tracepoint in &found.tracepoints {
                prop_assert!(!tracepoint.sites.is_empty());
            }
        }
    }
}

#[test]
fn the_error_names_the_file_and_keeps_the_cause() {
    let path = FOLDER.join("nothing");
    fs::write(&path, b"").unwrap();
    let error = usdt::read_file(&path).unwrap_err();
    assert!(matches!(
        error,
        Error::Malformed {
            source: Malformed::Empty,
            ..
        }
    ));
    assert!(error.to_string().contains(&path.display().to_string()));
}
