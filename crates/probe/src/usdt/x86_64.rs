//! Operands in AT&T syntax: `%rax`, `$5`, `-20(%rbp)`, `8(%rsp,%rcx,8)`.

use super::args::integer;
use super::registers::{self, Reg};
use super::spec::{Place, Undecodable};

/// Where the operand after `@` lies.
pub(super) fn place(operand: &str) -> Result<Place, Undecodable> {
    if let Some(value) = operand.strip_prefix('$') {
        return match integer(value) {
            // `$some_symbol` is that symbol's address.
            Err(Undecodable::Form) => Err(Undecodable::Symbol),
            other => other.map(Place::Const),
        };
    }
    // `%fs:0x28`, `%fs:8(%rax)`. C++ symbols have no single colon.
    if operand.starts_with('%') && operand.contains(':') {
        return Err(Undecodable::Segment);
    }
    match operand.split_once('(') {
        // `%st(0)` is the only register with brackets.
        Some(("%st", _)) => Err(Undecodable::Float),
        Some((displacement, inside)) => {
            let inside = inside.strip_suffix(')').ok_or(Undecodable::Form)?;
            memory(displacement.trim(), inside)
        }
        None if operand.starts_with('%') => register(operand).map(Place::Reg),
        // A bare symbol or number is an absolute address in AT&T syntax.
        None => Err(Undecodable::Symbol),
    }
}

fn memory(displacement: &str, inside: &str) -> Result<Place, Undecodable> {
    let mut parts = inside.split(',').map(str::trim);
    let base = parts.next().unwrap_or_default();
    let index = parts.next();
    let scale = parts.next();
    if parts.next().is_some() {
        return Err(Undecodable::Form);
    }
    if base == "%rip" || base == "%eip" {
        return Err(Undecodable::InstructionPointer);
    }
    let base = match base {
        "" => None,
        name => Some(address(name)?),
    };
    let displacement = sum(displacement)?;
    match (base, index) {
        (Some(base), None) => Ok(Place::RegDeref { base, displacement }),
        (None, None) => Err(Undecodable::Form),
        (base, Some(index)) => Ok(Place::Sib {
            base,
            index: address(index)?,
            scale: match scale {
                None | Some("" | "1") => 1,
                Some("2") => 2,
                Some("4") => 4,
                Some("8") => 8,
                Some(_) => return Err(Undecodable::Form),
            },
            displacement,
        }),
    }
}

/// A displacement: nothing, a number, or a sum as GCC writes one when it offsets an operand: `-20+8`.
fn sum(text: &str) -> Result<i64, Undecodable> {
    let mut total = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        // From the second byte on: the first may be this number's own sign.
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, byte)| matches!(byte, '+' | '-'))
            .map_or(rest.len(), |(at, _)| at);
        let (number, next) = rest.split_at(end);
        let value = integer(number).map_err(|why| match why {
            Undecodable::Form => Undecodable::Symbol,
            other => other,
        })?;
        total = total.checked_add(value).ok_or(Undecodable::Number)?;
        rest = next;
    }
    Ok(total)
}

/// A register that holds an address: all 64 bits of it.
fn address(text: &str) -> Result<Reg, Undecodable> {
    let reg = register(text)?;
    if reg.width == 8 {
        Ok(reg)
    } else {
        Err(Undecodable::Register)
    }
}

fn register(text: &str) -> Result<Reg, Undecodable> {
    let name = text.strip_prefix('%').ok_or(Undecodable::Form)?;
    if let Some(reg) = registers::x86_64(name) {
        return Ok(reg);
    }
    match name {
        "rip" | "eip" => Err(Undecodable::InstructionPointer),
        "st" => Err(Undecodable::Float),
        _ if ["xmm", "ymm", "zmm", "mm", "k"].iter().any(|family| {
            name.strip_prefix(family)
                .is_some_and(|number| number.parse::<u8>().is_ok())
        }) =>
        {
            Err(Undecodable::Float)
        }
        _ => Err(Undecodable::Register),
    }
}

#[cfg(test)]
mod tests {
    use super::super::elf::Machine;
    use super::*;

    fn show(operand: &str) -> String {
        match place(operand) {
            Ok(place) => place.to_string(),
            Err(why) => format!("error: {why}"),
        }
    }

    #[test]
    fn every_form_of_the_table() {
        for (operand, meaning) in [
            ("%rax", "rax"),
            ("%r12d", "r12"),
            ("%dl", "rdx"),
            ("%ah", "ah"),
            ("$5", "constant 5"),
            ("$-1", "constant -1"),
            ("$0x10", "constant 16"),
            ("(%r15)", "[r15]"),
            ("-20(%rbp)", "[rbp-20]"),
            ("192(%rsp)", "[rsp+192]"),
            ("0x20(%rsp)", "[rsp+32]"),
            ("-20+8(%rbp)", "[rbp-12]"),
            ("8+8+16(%rbp)", "[rbp+32]"),
            ("8(%rsp,%rcx,8)", "[rsp+rcx*8+8]"),
            ("(%rsp, %rcx)", "[rsp+rcx*1]"),
            ("-4(,%rax,4)", "[rax*4-4]"),
            ("-88(%rsp,%rsi,4)", "[rsp+rsi*4-88]"),
            ("0(%r13)", "[r13]"),
            ("%xmm3", "error: a floating point or vector value"),
            ("%st(1)", "error: a floating point or vector value"),
            ("%st", "error: a floating point or vector value"),
            ("%k1", "error: a floating point or vector value"),
            ("foo(%rip)", "error: relative to the instruction pointer"),
            (
                "_ZN3netE+8(%rip)",
                "error: relative to the instruction pointer",
            ),
            (
                "%fs:0x28",
                "error: in a segment such as thread-local storage",
            ),
            (
                "%fs:8(%rax)",
                "error: in a segment such as thread-local storage",
            ),
            (
                "%fs:of_thread@tpoff",
                "error: in a segment such as thread-local storage",
            ),
            (
                "table(,%rax,8)",
                "error: at the address of a symbol, which the note does not resolve",
            ),
            (
                "$table",
                "error: at the address of a symbol, which the note does not resolve",
            ),
            (
                "table",
                "error: at the address of a symbol, which the note does not resolve",
            ),
            ("(%eax)", "error: in a register that is not known here"),
            ("%cr3", "error: in a register that is not known here"),
            (
                "8(%rsp,%rcx,3)",
                "error: an operand form that is not known here",
            ),
            ("8(%rsp", "error: an operand form that is not known here"),
            ("()", "error: an operand form that is not known here"),
            (
                "8(%rsp,%rcx,8,1)",
                "error: an operand form that is not known here",
            ),
            (
                "99999999999999999999(%rsp)",
                "error: a number beyond 64 bits",
            ),
        ] {
            assert_eq!(show(operand), meaning, "{operand}");
        }
    }

    #[test]
    fn sizes_and_signs() {
        let args = super::super::args::parse(Machine::X86_64, "-8@%r12 1@%dl -4@$-3 2@%ax");
        let types: Vec<_> = args
            .iter()
            .map(|arg| arg.spec.as_ref().unwrap().c_type())
            .collect();
        assert_eq!(types, ["int64_t", "uint8_t", "int32_t", "uint16_t"]);
    }
}
