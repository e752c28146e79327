//! Where the kernel keeps a register that an operand names: its offset in the registers a BPF program gets.

/// A register, with the place of its first byte in the kernel's `pt_regs` (x86_64) or `user_pt_regs`
/// (aarch64). The low bytes come first on both, so a narrow register starts where its wide one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reg {
    /// As the assembler spells the whole register: `rax`, `x0`; `ah` for the second byte of `rax`.
    pub name: &'static str,
    /// Bytes from the start of the register block.
    pub offset: u16,
    /// Bytes the operand may take from it.
    pub width: u8,
}

/// Names of a register by width (8, 4, 2, 1 bytes) and its offset in `struct pt_regs`
/// (arch/x86/include/asm/ptrace.h; part of the kernel's ABI by way of `PTRACE_GETREGS`).
const X86_64: [([&str; 4], u16); 16] = [
    (["r15", "r15d", "r15w", "r15b"], 0),
    (["r14", "r14d", "r14w", "r14b"], 8),
    (["r13", "r13d", "r13w", "r13b"], 16),
    (["r12", "r12d", "r12w", "r12b"], 24),
    (["rbp", "ebp", "bp", "bpl"], 32),
    (["rbx", "ebx", "bx", "bl"], 40),
    (["r11", "r11d", "r11w", "r11b"], 48),
    (["r10", "r10d", "r10w", "r10b"], 56),
    (["r9", "r9d", "r9w", "r9b"], 64),
    (["r8", "r8d", "r8w", "r8b"], 72),
    (["rax", "eax", "ax", "al"], 80),
    (["rcx", "ecx", "cx", "cl"], 88),
    (["rdx", "edx", "dx", "dl"], 96),
    (["rsi", "esi", "si", "sil"], 104),
    (["rdi", "edi", "di", "dil"], 112),
    (["rsp", "esp", "sp", "spl"], 152),
];

/// The second byte of the first four registers has names of its own.
const X86_64_HIGH: [(&str, u16); 4] = [("ah", 81), ("bh", 41), ("ch", 89), ("dh", 97)];

/// An x86_64 register by its name without `%`.
pub(super) fn x86_64(name: &str) -> Option<Reg> {
    if let Some((name, offset)) = X86_64_HIGH.iter().find(|(high, _)| *high == name) {
        return Some(Reg {
            name,
            offset: *offset,
            width: 1,
        });
    }
    X86_64.iter().find_map(|(names, offset)| {
        let narrowed = names.iter().position(|one| *one == name)?;
        Some(Reg {
            name: names[0],
            offset: *offset,
            width: 8 >> narrowed,
        })
    })
}

/// `x0` to `x30` as text: [`Reg`] borrows its name.
const AARCH64: [&str; 31] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x29", "x30",
];

/// An aarch64 general register: `x3`, its lower half `w3`, or `sp`, `fp`, `lr`.
pub(super) fn aarch64(name: &str) -> Option<Reg> {
    let (number, width) = match name {
        "sp" | "wsp" => {
            return Some(Reg {
                name: "sp",
                // struct user_pt_regs: 31 registers of 8 bytes, then sp.
                offset: 31 * 8,
                width: if name == "sp" { 8 } else { 4 },
            });
        }
        "fp" => (29, 8),
        "lr" => (30, 8),
        _ => {
            let (digits, width) = match (name.strip_prefix('x'), name.strip_prefix('w')) {
                (Some(digits), _) => (digits, 8),
                (_, Some(digits)) => (digits, 4),
                _ => return None,
            };
            // "x01" and "x+1" parse as numbers and are no registers.
            let number = digits.parse::<usize>().ok()?;
            if number.to_string() != digits {
                return None;
            }
            (number, width)
        }
    };
    Some(Reg {
        name: AARCH64.get(number)?,
        offset: u16::try_from(number * 8).ok()?,
        width,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_x86_64_spelling_leads_to_its_register() {
        for (name, offset, width) in [
            ("rax", 80, 8),
            ("eax", 80, 4),
            ("ax", 80, 2),
            ("al", 80, 1),
            ("ah", 81, 1),
            ("r15", 0, 8),
            ("r10b", 56, 1),
            ("r9w", 64, 2),
            ("sil", 104, 1),
            ("rsp", 152, 8),
        ] {
            let reg = x86_64(name).unwrap();
            assert_eq!((reg.offset, reg.width), (offset, width), "{name}");
        }
        for wrong in ["", "rzz", "r16", "xmm0", "r8dd", "RAX"] {
            assert_eq!(x86_64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_aarch64_spelling_leads_to_its_register() {
        for (name, offset, width) in [
            ("x0", 0, 8),
            ("w1", 8, 4),
            ("x30", 240, 8),
            ("fp", 232, 8),
            ("lr", 240, 8),
            ("sp", 248, 8),
            ("wsp", 248, 4),
        ] {
            let reg = aarch64(name).unwrap();
            assert_eq!((reg.offset, reg.width), (offset, width), "{name}");
        }
        for wrong in [
            "",
            "x",
            "x31",
            "x01",
            "x+1",
            "x99999999999999999999",
            "d0",
            "q1",
        ] {
            assert_eq!(aarch64(wrong), None, "{wrong}");
        }
    }
}
