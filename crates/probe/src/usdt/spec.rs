//! What an operand says: how many bytes, of which sign, lie where.
//!
//! An operand that is not understood is kept as text with the reason, and costs that argument only.

use std::fmt;

use super::registers::Reg;

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
    /// In the note itself: the argument's value, its sign extended or not as its type has it. The 64 bits of
    /// an unsigned one above `i64::MAX` are kept.
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
    /// `4(%rsi)` without `4@` before it: assembly that says where and not how much.
    #[error("in memory, with no size")]
    NoSize,
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
    /// Two notes of one instruction: the linker folded functions whose machine code is the same and whose
    /// types are not.
    #[error("told in two ways by two notes of the same instruction")]
    Ambiguous,
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
