//! Argument operands: `-8@%r12 8@192(%rsp) 1@$1` becomes sizes, signs and places.
//!
//! The grammar is the assembler's, so each machine has its own; what they share is here. An operand that
//! is not understood is kept as text with the reason, and costs that argument only.

use std::fmt;

use super::elf::Machine;
use super::registers::Reg;
use super::{aarch64, x86_64};

/// `sys/sdt.h` passes 12 at most. The bound keeps a damaged file from becoming millions of arguments.
const MAX_ARGS: usize = 64;

/// One argument as the note has it, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// The operand, such as `-8@%r12`.
    pub text: String,
    /// How to read it.
    pub spec: Result<ArgSpec, Undecodable>,
}

/// How to read one argument when the tracepoint fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgSpec {
    /// Bytes: 1, 2, 4 or 8.
    pub size: u8,
    /// Whether the sign is to be extended to 64 bits.
    pub signed: bool,
    /// Where it lies.
    pub place: Place,
}

impl ArgSpec {
    /// The C type of that size and sign; pointers and `bool` show as the integers they travel as.
    pub fn c_type(&self) -> &'static str {
        match (self.size, self.signed) {
            (1, true) => "int8_t",
            (1, false) => "uint8_t",
            (2, true) => "int16_t",
            (2, false) => "uint16_t",
            (4, true) => "int32_t",
            (4, false) => "uint32_t",
            (_, true) => "int64_t",
            (_, false) => "uint64_t",
        }
    }
}

/// Where an argument lies while the program stands at the call site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the note itself.
    Const(i64),
    /// In a register.
    Reg(Reg),
    /// In memory, at a register plus a displacement.
    RegDeref {
        /// Holds the address.
        base: Reg,
        /// Bytes added to it.
        displacement: i64,
    },
    /// In memory, at base + index × scale + displacement ("scale, index, base").
    Sib {
        /// Holds the address; none in forms like `8(,%rax,4)`.
        base: Option<Reg>,
        /// Holds the element's number.
        index: Reg,
        /// Bytes of an element: 1, 2, 4 or 8.
        scale: u8,
        /// Bytes added.
        displacement: i64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(value) => write!(f, "constant {value}"),
            Self::Reg(reg) => write!(f, "{}", reg.name),
            Self::RegDeref { base, displacement } => match displacement {
                0 => write!(f, "[{}]", base.name),
                _ => write!(f, "[{}{displacement:+}]", base.name),
            },
            Self::Sib {
                base,
                index,
                scale,
                displacement,
            } => {
                f.write_str("[")?;
                if let Some(base) = base {
                    write!(f, "{}+", base.name)?;
                }
                write!(f, "{}*{scale}", index.name)?;
                if *displacement != 0 {
                    write!(f, "{displacement:+}")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Why an operand cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// `8f@…`, `%xmm0`, `d0`: BPF programs do not see these registers and have no floats.
    #[error("a floating point or vector value")]
    Float,
    /// A size other than 1, 2, 4 or 8 bytes.
    #[error("not of 1, 2, 4 or 8 bytes")]
    Size,
    /// The address is a symbol's, which the linker knew and the note does not say.
    #[error("at the address of a symbol, which the note does not resolve")]
    Symbol,
    /// Counts from the next instruction, whose length the note does not say.
    #[error("relative to the instruction pointer")]
    InstructionPointer,
    /// `%fs:…`: thread-local storage.
    #[error("in a segment such as thread-local storage")]
    Segment,
    /// A number that fits neither a signed nor an unsigned 64-bit integer.
    #[error("a number beyond 64 bits")]
    Number,
    /// A register that is wider or narrower than the operand needs, or none at all.
    #[error("in a register that is not known here")]
    Register,
    /// No note has that many; the rest is not looked at.
    #[error("beyond the 64th argument")]
    TooMany,
    /// Another machine's assembler.
    #[error("an operand of a machine that is not known here")]
    Machine,
    /// Anything else.
    #[error("an operand form that is not known here")]
    Form,
}

/// All operands of a note.
pub(super) fn parse(machine: Machine, text: &str) -> Vec<Arg> {
    let mut args: Vec<Arg> = Vec::new();
    for operand in split(text) {
        if args.len() == MAX_ARGS {
            args.push(Arg {
                text: "…".to_owned(),
                spec: Err(Undecodable::TooMany),
            });
            break;
        }
        args.push(Arg {
            text: operand.to_owned(),
            spec: parse_one(machine, operand),
        });
    }
    args
}

/// Operands are separated by blanks, and may have blanks inside brackets: `8@[sp, 16] 4@w1`.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    text.split(move |byte: char| {
        match byte {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte == ' ' && depth == 0
    })
    .filter(|operand| !operand.is_empty())
}

fn parse_one(machine: Machine, text: &str) -> Result<ArgSpec, Undecodable> {
    let (size, operand) = text.split_once('@').ok_or(Undecodable::Form)?;
    // GCC's sdt.h marks floats by an `f` after the size.
    if size.ends_with('f') {
        return Err(Undecodable::Float);
    }
    let size: i8 = size.parse().map_err(|_| Undecodable::Size)?;
    if !matches!(size.unsigned_abs(), 1 | 2 | 4 | 8) {
        return Err(Undecodable::Size);
    }
    let operand = operand.trim();
    let place = match machine {
        Machine::X86_64 => x86_64::place(operand)?,
        Machine::Aarch64 => aarch64::place(operand)?,
        Machine::Other(_) => return Err(Undecodable::Machine),
    };
    Ok(ArgSpec {
        size: size.unsigned_abs(),
        signed: size < 0,
        place,
    })
}

/// An assembler's integer: decimal or `0x…`, with a sign. Unsigned values above `i64::MAX` keep their bits.
pub(super) fn integer(text: &str) -> Result<i64, Undecodable> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.strip_prefix("0x") {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    // `from_str_radix` would take a second sign.
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Undecodable::Form);
    }
    let value = u64::from_str_radix(digits, radix).map_err(|_| Undecodable::Number)?;
    if !negative {
        return Ok(value.cast_signed());
    }
    // -2^63 is the smallest there is.
    if value > 1 << 63 {
        return Err(Undecodable::Number);
    }
    Ok(value.cast_signed().wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_inside_brackets_do_not_separate() {
        let pieces: Vec<_> = split("-4@[sp, 60]  8@x19 4@8(%rsp, %rcx, 8)").collect();
        assert_eq!(pieces, ["-4@[sp, 60]", "8@x19", "4@8(%rsp, %rcx, 8)"]);
        assert_eq!(split("").count(), 0);
    }

    #[test]
    fn integers_keep_their_64_bits() {
        for (text, value) in [
            ("5", 5),
            ("-1", -1),
            ("+7", 7),
            ("0x10", 16),
            ("-0x10", -16),
            ("18446744073709551615", -1),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(integer(text), Ok(value), "{text}");
        }
        for (text, why) in [
            ("", Undecodable::Form),
            ("-", Undecodable::Form),
            ("--1", Undecodable::Form),
            ("0x", Undecodable::Form),
            ("1f", Undecodable::Form),
            ("18446744073709551616", Undecodable::Number),
            ("-9223372036854775809", Undecodable::Number),
        ] {
            assert_eq!(integer(text), Err(why), "{text}");
        }
    }

    #[test]
    fn an_argument_not_understood_leaves_the_others() {
        let args = parse(
            Machine::X86_64,
            "8f@%xmm0 -4@%edx 16@%rax nonsense 8@foo(%rip)",
        );
        let why: Vec<_> = args.iter().map(|arg| arg.spec.err()).collect();
        assert_eq!(
            why,
            [
                Some(Undecodable::Float),
                None,
                Some(Undecodable::Size),
                Some(Undecodable::Form),
                Some(Undecodable::InstructionPointer)
            ]
        );
        assert_eq!(args[1].spec.unwrap().c_type(), "int32_t");
    }

    #[test]
    fn a_flood_of_arguments_is_cut() {
        let args = parse(Machine::X86_64, &"1@$1 ".repeat(100_000));
        assert_eq!(args.len(), MAX_ARGS + 1);
        assert_eq!(args[MAX_ARGS].spec, Err(Undecodable::TooMany));
    }

    #[test]
    fn other_machines_keep_the_text() {
        let args = parse(Machine::Other(243), "8@a0");
        assert_eq!(args[0].text, "8@a0");
        assert_eq!(args[0].spec, Err(Undecodable::Machine));
    }
}
