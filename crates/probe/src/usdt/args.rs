//! Argument operands: `-8@%r12 8@192(%rsp) 1@$1` becomes sizes, signs and places.
//!
//! The grammar of the places is the assembler's, so each machine has its own; what they share is here.

use super::elf::Machine;
use super::operands::{sized, split};
use super::spec::{Arg, ArgSpec, Place, Undecodable};
use super::{aarch64, x86_64};

/// `sys/sdt.h` passes 12 at most. The bound keeps a damaged file from becoming millions of arguments.
const MAX_ARGS: usize = 64;

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

fn parse_one(machine: Machine, text: &str) -> Result<ArgSpec, Undecodable> {
    let Some((size, operand)) = sized(text) else {
        return parse_unsized(machine, text);
    };
    // sdt.h marks floats by an `f` after the size.
    if size.ends_with('f') {
        return Err(Undecodable::Float);
    }
    let signed = size.starts_with('-');
    let size = match size.trim_start_matches('-') {
        "1" => 1,
        "2" => 2,
        "4" => 4,
        "8" => 8,
        _ => return Err(Undecodable::Size),
    };
    let place = match place(machine, operand)? {
        Place::Const(value) => Place::Const(fit(value, size, signed)),
        // The size governs, so 4 bytes of %rax are its lower half; but after %ah comes another's byte.
        Place::Reg(reg) if size > reg.width && !reg.offset.is_multiple_of(8) => {
            return Err(Undecodable::Register);
        }
        place => place,
    };
    Ok(ArgSpec {
        size,
        signed,
        place,
    })
}

/// An operand of hand-written assembly. A register says its size itself and a constant is what it is; how
/// many bytes of memory were meant, nobody wrote down.
fn parse_unsized(machine: Machine, text: &str) -> Result<ArgSpec, Undecodable> {
    let place = place(machine, text)?;
    let (size, signed) = match place {
        Place::Const(_) => (8, true),
        Place::Reg(reg) => (reg.width, false),
        Place::RegDeref { .. } | Place::Sib { .. } => return Err(Undecodable::NoSize),
    };
    Ok(ArgSpec {
        size,
        signed,
        place,
    })
}

fn place(machine: Machine, operand: &str) -> Result<Place, Undecodable> {
    match machine {
        Machine::X86_64 => x86_64::place(operand.trim()),
        Machine::Aarch64 => aarch64::place(operand.trim()),
        Machine::Other(_) => Err(Undecodable::Machine),
    }
}

/// A constant as a variable of that size and sign holds it: GCC writes `2@$-1` for an unsigned 65535.
fn fit(value: i64, size: u8, signed: bool) -> i64 {
    let unused = 64 - 8 * u32::from(size);
    let bits = value << unused;
    if signed {
        bits >> unused
    } else {
        (bits.cast_unsigned() >> unused).cast_signed()
    }
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
        let args = parse(Machine::X86_64, "8f@%xmm0 -4@%edx 16@%rax 4@(] 8@foo(%rip)");
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
    fn a_constant_is_the_value_its_type_holds() {
        for (text, value) in [
            ("1@$-1", 0xff),
            ("2@$-1", 0xffff),
            ("4@$-1", 0xffff_ffff),
            ("8@$-1", -1),
            ("-1@$-1", -1),
            ("-1@$255", -1),
            ("-1@$-128", -128),
            ("-2@$-32768", -32768),
            ("-4@$2147483647", i64::from(i32::MAX)),
            ("-8@$-9223372036854775808", i64::MIN),
            ("8@$18446744073709551615", -1),
        ] {
            let args = parse(Machine::X86_64, text);
            assert_eq!(args[0].spec.unwrap().place, Place::Const(value), "{text}");
        }
    }

    #[test]
    fn the_size_governs_and_not_the_register() {
        let sizes = |text| -> Vec<_> {
            parse(Machine::X86_64, text)
                .iter()
                .map(|arg| arg.spec.map(|spec| spec.size))
                .collect()
        };
        assert_eq!(
            sizes("1@%rax 8@%eax 1@%ah 2@%ah"),
            [Ok(1), Ok(8), Ok(1), Err(Undecodable::Register)]
        );
    }

    #[test]
    fn assembly_without_sizes_costs_what_it_does_not_say() {
        let specs: Vec<_> = parse(Machine::X86_64, "%eax $-3 4(%rsi) %xmm0 table")
            .iter()
            .map(|arg| arg.spec.map(|spec| spec.c_type()))
            .collect();
        assert_eq!(
            specs,
            [
                Ok("uint32_t"),
                Ok("int64_t"),
                Err(Undecodable::NoSize),
                Err(Undecodable::Float),
                Err(Undecodable::Symbol),
            ]
        );
    }

    #[test]
    fn intel_syntax_costs_those_arguments_only() {
        let args = parse(Machine::X86_64, "-4@DWORD PTR [rbp-4] 8@$5");
        assert_eq!(args.len(), 2);
        assert!(args[0].spec.is_err());
        assert_eq!(args[1].spec.unwrap().place, Place::Const(5));
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
