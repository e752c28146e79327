//! Any text as the operands of a note, for both machines, by way of a file around it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use probe::usdt::{self, Place};

#[path = "../../tests/common/elf.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod elf;

fuzz_target!(|text: &[u8]| {
    // A NUL ends the text, and what is not printable costs the note.
    if !text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return;
    }
    for machine in [elf::X86_64, elf::AARCH64] {
        let notes = elf::stapsdt([0x1000, 0, 0], "fuzz", "args", text);
        let file = elf::Elf::with_notes(machine, notes).build();
        let found = usdt::read(&file).expect("the file around the operands is right");
        let args = &found.tracepoints[0].sites[0].args;
        for arg in args {
            let Ok(spec) = arg.spec else { continue };
            assert!(matches!(spec.size, 1 | 2 | 4 | 8), "{}", arg.text);
            if let Place::Sib { scale, .. } = spec.place {
                assert!(matches!(scale, 1 | 2 | 4 | 8), "{}", arg.text);
            }
            // Everything that is shown to people.
            let _ = (spec.place.to_string(), spec.c_type());
        }
    }
});
