//! What linkers do to notes, in files made by hand: the rarer forms no compiler here produces.

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "common/elf.rs"]
mod elf;

use elf::{Elf, Section, Segment};
use probe::usdt::{self, CallSite, Machine, ProbeId, Tracepoint, Undecodable};

/// The only tracepoint of a file.
fn only(file: &Elf) -> Tracepoint {
    let mut found = usdt::read(&file.build()).unwrap().tracepoints;
    assert_eq!(found.len(), 1);
    found.pop().unwrap()
}

fn places(site: &CallSite) -> Vec<Result<String, Undecodable>> {
    let show = |spec: usdt::ArgSpec| format!("{} {}", spec.c_type(), spec.place);
    site.args.iter().map(|arg| arg.spec.map(show)).collect()
}

#[test]
fn each_machine_has_its_own_operands() {
    let x86_64 = elf::stapsdt([0x1010, 0, 0], "a", "b", b"-4@-20(%rbp) 8@(%rdi,%rsi,8)");
    let found = only(&Elf::with_notes(elf::X86_64, x86_64));
    assert_eq!(
        places(&found.sites[0]),
        [
            Ok("int32_t [rbp-20]".to_owned()),
            Ok("uint64_t [rdi+rsi*8]".to_owned())
        ]
    );
    let aarch64 = elf::stapsdt([0x1010, 0, 0], "a", "b", b"-4@[sp, 12] 8@x19 1@-1");
    let found = only(&Elf::with_notes(elf::AARCH64, aarch64));
    assert_eq!(
        places(&found.sites[0]),
        [
            Ok("int32_t [sp+12]".to_owned()),
            Ok("uint64_t x19".to_owned()),
            Ok("uint8_t constant 255".to_owned())
        ]
    );
    // RISC-V: the call sites are known, the operands stay text.
    let riscv = elf::stapsdt([0x1010, 0, 0], "a", "b", b"-4@12(sp) 8@a0");
    let file = Elf::with_notes(243, riscv);
    assert_eq!(
        usdt::read(&file.build()).unwrap().machine,
        Machine::Other(243)
    );
    let site = &only(&file).sites[0];
    assert_eq!(places(site), [const { Err(Undecodable::Machine) }; 2]);
    assert_eq!(site.args[1].text, "8@a0");
    assert_eq!(site.offset, Some(0x10));
}

#[test]
fn addresses_move_with_stapsdt_base() {
    let moved = |section: Option<u64>, said: u64| {
        let notes = elf::stapsdt([0x1010, said, 0x3020], "a", "b", b"");
        let mut file = Elf::with_notes(elf::X86_64, notes);
        if let Some(address) = section {
            let mut base = Section::new(".stapsdt.base", elf::PROGBITS, vec![0]);
            base.address = address;
            file.sections.push(base);
        }
        let site = only(&file).sites.remove(0);
        let semaphore = site.semaphore.unwrap();
        (
            site.address,
            site.offset,
            semaphore.address,
            semaphore.offset,
        )
    };
    let unmoved = (0x1010, Some(0x10), 0x3020, Some(0x420));
    assert_eq!(moved(Some(0x2000), 0x2000), unmoved);
    // prelink put everything 0x100 higher, or lower.
    assert_eq!(
        moved(Some(0x2100), 0x2000),
        (0x1110, Some(0x110), 0x3120, Some(0x520))
    );
    assert_eq!(
        moved(Some(0x2000), 0x2008),
        (0x1008, Some(0x8), 0x3018, Some(0x418))
    );
    // A linker that throws the section away leaves nothing to compare, on either side.
    assert_eq!(moved(None, 0x2000), unmoved);
    assert_eq!(moved(Some(0x2000), 0), unmoved);
    // Nowhere is an answer too.
    assert_eq!(
        moved(Some(u64::MAX), 1),
        (0x100e, Some(0xe), 0x301e, Some(0x41e))
    );
    assert_eq!(moved(Some(0x9_2000), 0x2000).1, None);
}

#[test]
fn call_sites_come_in_the_order_of_their_addresses_from_all_sections() {
    let notes = |sites: &[u64]| -> Vec<u8> {
        sites
            .iter()
            .flat_map(|address| elf::stapsdt([*address, 0, 0], "a", "b", b"1@$1"))
            .collect()
    };
    let mut file = Elf::with_notes(elf::X86_64, notes(&[0x1300, 0x1100]));
    file.sections.push(Section::notes(notes(&[0x1200, 0x1400])));
    let addresses: Vec<u64> = only(&file).sites.iter().map(|one| one.address).collect();
    assert_eq!(addresses, [0x1100, 0x1200, 0x1300, 0x1400]);
}

#[test]
fn a_call_site_with_two_notes_is_one_call_site() {
    let with = |first: &[u8], second: &[u8]| {
        let mut notes = elf::stapsdt([0x1010, 0, 0x3000], "a", "b", first);
        notes.extend(elf::stapsdt([0x1010, 0, 0x3000], "a", "b", second));
        only(&Elf::with_notes(elf::X86_64, notes)).sites
    };
    let sites = with(b"-4@%eax 8@%rdi", b"-4@%eax 8@%rdi");
    assert_eq!(sites.len(), 1);
    assert!(sites[0].args.iter().all(|arg| arg.spec.is_ok()));
    // Two instances of a template, whose code is the same: only the sign tells them apart.
    for (first, second) in [
        (b"-4@%eax 8@%rdi" as &[u8], b"4@%eax 8@%rdi" as &[u8]),
        (b"4@%eax 8@%rdi", b"-4@%eax 8@%rdi"),
    ] {
        let sites = with(first, second);
        assert_eq!(sites.len(), 1);
        assert_eq!(
            places(&sites[0]),
            [Err(Undecodable::Ambiguous), Ok("uint64_t rdi".to_owned())]
        );
    }
    let shown = places(&with(b"8@%rdi", b"8@%rdi 1@$1")[0]);
    assert_eq!(
        shown,
        [Ok("uint64_t rdi".to_owned()), Err(Undecodable::Ambiguous)]
    );
}

#[test]
fn the_same_section_twice_is_told_once() {
    let notes = elf::stapsdt([0x1010, 0, 0], "a", "b", b"8@%rdi");
    let mut file = Elf::with_notes(elf::X86_64, notes);
    let mut again = Section::notes(vec![]);
    // The first section's bytes begin after the headers.
    again.offset = Some(64 + 2 * 56);
    again.size = Some(file.sections[0].bytes.len() as u64);
    file.sections.push(again);
    assert_eq!(only(&file).sites.len(), 1);
}

#[test]
fn a_semaphore_for_each_source_file() {
    let mut notes = elf::stapsdt([0x1010, 0, 0x3000], "a", "b", b"");
    notes.extend(elf::stapsdt([0x1020, 0, 0x3002], "a", "b", b""));
    notes.extend(elf::stapsdt([0x1030, 0, 0x3002], "a", "b", b""));
    notes.extend(elf::stapsdt([0x1040, 0, 0], "a", "b", b""));
    let tracepoint = only(&Elf::with_notes(elf::X86_64, notes));
    let semaphores: Vec<_> = tracepoint
        .semaphores()
        .iter()
        .map(|one| (one.address, one.offset))
        .collect();
    assert_eq!(semaphores, [(0x3000, Some(0x400)), (0x3002, Some(0x402))]);
    assert_eq!(tracepoint.sites[3].semaphore, None);
}

#[test]
fn notes_lie_where_they_lie() {
    let mut notes = elf::note(b"Go\0\0", 4, b"build id");
    notes.extend(elf::stapsdt([0x1010, 0, 0], "a", "b", b"8@%rdi"));
    let mut file = Elf::with_notes(elf::X86_64, notes);
    // One byte before them: the section begins at an odd place of the file.
    file.sections
        .insert(0, Section::new(".comment", elf::PROGBITS, vec![0]));
    let found = only(&file);
    assert_eq!(found.id, ProbeId::new("a", "b"));
    assert_eq!(places(&found.sites[0]), [Ok("uint64_t rdi".to_owned())]);
}

#[test]
fn notes_of_an_8_byte_section_are_padded_to_8() {
    let mut notes = Vec::new();
    for (address, args) in [(0x1010, b"8@$1" as &[u8]), (0x1020, b"1@$1 2@$2")] {
        let mut one = elf::stapsdt([address, 0, 0], "a", "b", args);
        // The owner's name ends at byte 20, so that the body begins at 24.
        one.splice(20..20, [0; 4]);
        one.resize(one.len().next_multiple_of(8), 0);
        notes.extend(one);
    }
    let mut file = Elf::with_notes(elf::X86_64, notes);
    file.sections[0].alignment = 8;
    let sites = only(&file).sites;
    let counts: Vec<_> = sites.iter().map(|site| site.args.len()).collect();
    assert_eq!(counts, [1, 2]);
}

#[test]
fn more_sections_than_the_header_can_count() {
    let notes = elf::stapsdt([0x1010, 0, 0], "a", "b", b"8@%rdi");
    let mut file = Elf::with_notes(elf::X86_64, notes);
    let filler = Section::new(".text.f", elf::PROGBITS, vec![]);
    file.sections.splice(0..0, vec![filler; 70_000]);
    let found = only(&file);
    assert_eq!(found.sites[0].offset, Some(0x10));
}

#[test]
fn more_segments_than_the_header_can_count() {
    let notes = elf::stapsdt([0x1010, 0, 0], "a", "b", b"8@%rdi");
    let mut file = Elf::with_notes(elf::X86_64, notes);
    let nothing = Segment {
        flags: 4,
        offset: 0,
        address: 0,
        size: 0,
    };
    file.segments.splice(0..0, vec![nothing; 65_534]);
    assert_eq!(only(&file).sites[0].offset, Some(0x10));
}

#[test]
fn the_first_executable_segment_that_has_the_byte_leads_to_it() {
    let notes = elf::stapsdt([0x1010, 0, 0], "a", "b", b"");
    let mut file = Elf::with_notes(elf::X86_64, notes);
    let data = Segment {
        flags: 6,
        offset: 0x7000,
        address: 0x1000,
        size: 0x100,
    };
    file.segments.insert(0, data);
    assert_eq!(only(&file).sites[0].offset, Some(0x10));
    // The bytes of memory that the file does not have lead nowhere.
    file.segments[1].size = 0x10;
    assert_eq!(only(&file).sites[0].offset, None);
}
