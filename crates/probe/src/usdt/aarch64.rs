//! Operands in aarch64 syntax: `x0`, `5`, `[sp, 16]`, `[x0, x1, lsl 3]`.

use super::args::integer;
use super::registers::{self, Reg};
use super::spec::{Place, Undecodable};

/// Where the operand after `@` lies.
pub(super) fn place(operand: &str) -> Result<Place, Undecodable> {
    if let Some(inside) = operand.strip_prefix('[') {
        let inside = inside.strip_suffix(']').ok_or(Undecodable::Form)?;
        return memory(inside);
    }
    match integer(operand.strip_prefix('#').unwrap_or(operand)) {
        Ok(value) => return Ok(Place::Const(value)),
        Err(Undecodable::Number) => return Err(Undecodable::Number),
        Err(_) => {}
    }
    match operand {
        // The register that always reads zero has no place in the kernel's block.
        "xzr" | "wzr" => Ok(Place::Const(0)),
        _ => register(operand).map(Place::Reg),
    }
}

fn memory(inside: &str) -> Result<Place, Undecodable> {
    let mut parts = inside.split(',').map(str::trim);
    let base = address(parts.next().unwrap_or_default())?;
    let second = parts.next();
    let extend = parts.next();
    if parts.next().is_some() {
        return Err(Undecodable::Form);
    }
    let Some(second) = second else {
        return Ok(Place::RegDeref {
            base,
            displacement: 0,
        });
    };
    // `#:lo12:symbol`, which clang and gcc write for globals: the linker filled it in, the note did not.
    if second.contains(':') {
        return Err(Undecodable::Symbol);
    }
    match integer(second.strip_prefix('#').unwrap_or(second)) {
        Ok(displacement) if extend.is_none() => Ok(Place::RegDeref { base, displacement }),
        Ok(_) => Err(Undecodable::Form),
        Err(Undecodable::Number) => Err(Undecodable::Number),
        Err(_) => Ok(Place::Sib {
            base: Some(base),
            index: address(second)?,
            scale: scale(extend)?,
            displacement: 0,
        }),
    }
}

/// `lsl 3` multiplies by 8. The other extensions take half a register, which [`Place`] does not express.
fn scale(extend: Option<&str>) -> Result<u8, Undecodable> {
    let Some(extend) = extend else { return Ok(1) };
    let shift = extend.strip_prefix("lsl").ok_or(Undecodable::Form)?.trim();
    match shift.strip_prefix('#').unwrap_or(shift) {
        "0" => Ok(1),
        "1" => Ok(2),
        "2" => Ok(4),
        "3" => Ok(8),
        _ => Err(Undecodable::Form),
    }
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
    if let Some(reg) = registers::aarch64(text) {
        return Ok(reg);
    }
    let vector = ["b", "h", "s", "d", "q", "v"].iter().any(|family| {
        text.strip_prefix(family)
            .is_some_and(|number| number.parse::<u8>().is_ok_and(|number| number < 32))
    });
    Err(if vector {
        Undecodable::Float
    } else {
        Undecodable::Register
    })
}

#[cfg(test)]
mod tests {
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
            ("x0", "x0"),
            ("w3", "x3"),
            ("lr", "x30"),
            ("sp", "sp"),
            ("xzr", "constant 0"),
            ("5", "constant 5"),
            ("-1", "constant -1"),
            ("#16", "constant 16"),
            ("[sp]", "[sp]"),
            ("[sp, 16]", "[sp+16]"),
            ("[x29, #-24]", "[x29-24]"),
            ("[x0, x1]", "[x0+x1*1]"),
            ("[x0, x1, lsl 3]", "[x0+x1*8]"),
            ("[x0, x1, lsl #2]", "[x0+x1*4]"),
            (
                "[x0, #:lo12:sym]",
                "error: at the address of a symbol, which the note does not resolve",
            ),
            (
                "[x0, w1, sxtw 3]",
                "error: in a register that is not known here",
            ),
            (
                "[x0, x1, sxtx 3]",
                "error: an operand form that is not known here",
            ),
            ("[w0]", "error: in a register that is not known here"),
            ("[x0, 8", "error: an operand form that is not known here"),
            (
                "[x0, 8, lsl 1]",
                "error: an operand form that is not known here",
            ),
            ("[]", "error: in a register that is not known here"),
            ("d0", "error: a floating point or vector value"),
            ("q31", "error: a floating point or vector value"),
            ("d32", "error: in a register that is not known here"),
            ("%rax", "error: in a register that is not known here"),
            ("99999999999999999999", "error: a number beyond 64 bits"),
        ] {
            assert_eq!(show(operand), meaning, "{operand}");
        }
    }
}
