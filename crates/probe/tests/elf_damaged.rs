//! Files made by hand that contradict themselves: each is named, and none costs more than its size.

use probe::usdt::{self, Malformed};

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "common/elf.rs"]
mod elf;

use elf::{Elf, Section};

/// Where the bytes of the first section are: after the file header and two program headers.
const NOTES_AT: u64 = 64 + 2 * 56;

/// One note, in the way of a linker, before anything is done to it.
fn sound() -> Elf {
    Elf::with_notes(
        elf::X86_64,
        elf::stapsdt([0x1010, 0, 0], "a", "b", b"8@%rdi"),
    )
}

#[test]
fn headers_that_contradict_themselves_are_named() {
    let patched = |at: usize, bytes: &[u8]| {
        let mut file = sound().build();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let with = |change: &dyn Fn(&mut Elf)| {
        let mut file = sound();
        change(&mut file);
        file.build()
    };
    assert_eq!(usdt::read(&sound().build()).unwrap().tracepoints.len(), 1);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no section table", patched(40, &[0; 8]), "no section table"),
        (
            "as above, and no count either",
            patched(40, &[0; 24]),
            "no section table",
        ),
        (
            "no sections, here or in the first one's header",
            patched(60, &[0; 2]),
            "no section table",
        ),
        (
            "a section table that ends beyond 64 bits",
            patched(40, &[0xff; 8]),
            "the section table would end at byte 18446744073709551807",
        ),
        (
            "no section with names",
            patched(62, &[0; 2]),
            "no section holds the names",
        ),
        (
            "names in the section of the notes",
            patched(62, &[1, 0]),
            "no section holds the names",
        ),
        (
            "names in a section there is not",
            patched(62, &[0, 0xff]),
            "no section holds the names",
        ),
        (
            "more program headers than any program has",
            with(&|file| file.segments = vec![file.segments[0]; 70_000]),
            "the program headers says 70000",
        ),
        (
            "a count of program headers that is nowhere",
            patched(56, &[0xff; 2]),
            "has no program headers",
        ),
        (
            "no program headers",
            patched(32, &[0; 8]),
            "has no program headers",
        ),
        (
            "notes without their bytes",
            with(&|file| file.sections[0].kind = elf::NOBITS),
            "a separate debug file",
        ),
        (
            "code without its bytes",
            with(&|file| {
                let mut code = Section::new(".text", elf::NOBITS, vec![]);
                code.flags = elf::CODE;
                file.sections.push(code);
            }),
            "a separate debug file",
        ),
        (
            "notes in a section of another type",
            with(&|file| file.sections[0].kind = elf::PROGBITS),
            ".note.stapsdt is not marked as holding notes",
        ),
        (
            "notes that begin beyond the end",
            with(&|file| file.sections[0].offset = Some(u64::MAX - 3)),
            "the tracepoints' notes would end at byte 18446744073709551668",
        ),
        (
            "notes longer than the file",
            with(&|file| file.sections[0].size = Some(u64::MAX)),
            "the tracepoints' notes says 18446744073709551615",
        ),
        (
            "a note cut in its header",
            with(&|file| file.sections[0].bytes.truncate(8)),
            "the note at byte 176 of the file is damaged",
        ),
        (
            "a note whose strings never end",
            with(&|file| {
                let mut body = vec![1; 24];
                body.extend(b"a\0b\0never");
                file.sections[0].bytes = elf::note(b"stapsdt\0", elf::STAPSDT, &body);
            }),
            "lacks one of its three strings",
        ),
    ];
    for (name, file, says) in cases {
        let error = usdt::read(&file).expect_err(name);
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(miette::Diagnostic::help(&error).is_some(), "{name}");
    }
}

#[test]
fn a_note_as_long_as_32_bits_can_say_is_refused() {
    for lengths in [
        [8, u32::MAX],
        [u32::MAX, 8],
        [u32::MAX - 11, 0],
        [u32::MAX; 2],
    ] {
        let mut file = sound();
        let note = &mut file.sections[0].bytes;
        note[0..4].copy_from_slice(&lengths[0].to_le_bytes());
        note[4..8].copy_from_slice(&lengths[1].to_le_bytes());
        assert!(matches!(
            usdt::read(&file.build()),
            Err(Malformed::Note {
                offset: NOTES_AT,
                ..
            })
        ));
    }
}

/// Would be 60 GB to read. The notes are sound, and somebody else's.
#[test]
fn a_small_file_cannot_name_its_notes_without_end() {
    let mut file = sound();
    file.sections[0].bytes = elf::note(b"GNU\0", 1, &vec![0; 1 << 20]);
    let mut again = file.sections[0].clone();
    again.size = Some(again.bytes.len() as u64);
    again.bytes.clear();
    again.offset = Some(NOTES_AT);
    file.sections.extend(vec![again; 60_000]);
    assert!(matches!(
        usdt::read(&file.build()),
        Err(Malformed::TooLarge {
            what: "the tracepoints' notes",
            ..
        })
    ));
}

/// Would be 60 GB to search.
#[test]
fn names_without_an_end_are_not_searched_for_it() {
    let mut file = sound();
    let mut filler = Section::new("x", elf::PROGBITS, vec![]);
    filler.name = "a name";
    file.sections.splice(0..0, vec![filler; 60_000]);
    let mut bytes = file.build();
    let table = usize::try_from(u64::from_le_bytes(bytes[40..48].try_into().unwrap())).unwrap();
    // The names are the table's neighbour; half a megabyte of them.
    let names = table - 60_000 * b"a name\0".len();
    bytes[names..table].fill(b'x');
    for section in 0..60_000 {
        let at = table + section * 64;
        bytes[at..at + 4].copy_from_slice(&1000_u32.to_le_bytes());
    }
    assert_eq!(usdt::read(&bytes).unwrap().tracepoints, []);
}

/// Sections do not overlap, so what they hold is at most the file.
#[test]
fn notes_named_twice_are_not_longer_than_the_file() {
    let mut file = sound();
    file.sections[0].bytes = elf::note(b"GNU\0", 1, &[0; 10_000]);
    let mut again = file.sections[0].clone();
    again.size = Some(again.bytes.len() as u64);
    again.bytes.clear();
    again.offset = Some(NOTES_AT);
    file.sections.push(again);
    assert!(matches!(
        usdt::read(&file.build()),
        Err(Malformed::TooLarge { found: 20_032, .. })
    ));
}
