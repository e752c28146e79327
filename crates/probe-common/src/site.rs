//! What user space tells the kernel side about one call site.

/// Arguments of a tracepoint; `sys/sdt.h` has macros for no more.
pub const MAX_ARGS: usize = 12;
/// Conditions on one probe.
pub const MAX_FILTERS: usize = 4;
/// Arguments that one probe adds up.
pub const MAX_MEASURES: usize = 4;
/// Strings and byte arrays in one event.
pub const MAX_PARTS: usize = 4;
/// Stands where an operand names no register.
pub const NO_REGISTER: u16 = u16::MAX;

/// Everything that a program has to know where it was hit: one map lookup.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Which probe of the session this call site belongs to; its index in the map of [`super::Totals`].
    pub probe: u32,
    /// How many of `operands` there are.
    pub argc: u32,
    /// How many of `filters` there are.
    pub filter_count: u32,
    /// How many of `measures` there are.
    pub measure_count: u32,
    /// How many of `parts` there are.
    pub part_count: u32,
    /// Makes what follows start at a multiple of eight.
    pub reserved: u32,
    /// Always 0, which the verifier does not know: numbers that start from it are unknown to it on every path,
    /// so that it need not follow each path apart.
    pub zero: u64,
    /// Which process counts.
    pub process: Process,
    /// What the events are grouped by.
    pub key: Key,
    /// All must hold.
    pub filters: [Filter; MAX_FILTERS],
    /// What is added up.
    pub measures: [Measure; MAX_MEASURES],
    /// Strings and byte arrays of an event.
    pub parts: [Part; MAX_PARTS],
    /// How to read each argument here.
    pub operands: [Operand; MAX_ARGS],
}

/// What no call site of a session goes beyond. The kernel's verifier reads it as constants, so a session is checked
/// and run with the code that it needs and no more.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most conditions.
    pub filters: u32,
    /// The most measures.
    pub measures: u32,
    /// All bits of [`Measure::what`] together.
    pub what: u32,
    /// The most arguments.
    pub args: u32,
    /// The most strings and byte arrays.
    pub parts: u32,
    /// A bit for each kind of operand, `1 << kind`.
    pub operands: u32,
    /// 1 when a [`Process`] has a number.
    pub process: u32,
    /// 1 when an operand has an index register.
    pub indexed: u32,
    /// How many registers the machine has: 21 in x86_64's `pt_regs`, 34 in aarch64's `user_pt_regs`.
    pub registers: u32,
    /// Makes the size a multiple of eight.
    pub reserved: u32,
}

/// How to read one argument at one call site.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operand {
    /// The value itself, or bytes added to an address.
    pub displacement: i64,
    /// Where in `pt_regs` the register lies, or [`NO_REGISTER`].
    pub base: u16,
    /// The same for the index register.
    pub index: u16,
    /// One of the constants in [`operand`].
    pub kind: u8,
    /// The index is shifted left by this: 0 to 3 for elements of 1 to 8 bytes.
    pub scale_shift: u8,
    /// Bytes: 1, 2, 4 or 8.
    pub size: u8,
    /// Makes what follows start at a multiple of eight.
    pub reserved: u8,
    /// Keeps the bits of the operand's size.
    pub mask: u64,
    /// The sign's bit when the sign is extended, else 0.
    pub sign: u64,
}

/// Kinds of [`Operand`].
pub mod operand {
    /// Not decodable: reading it fails.
    pub const UNREADABLE: u8 = 0;
    /// A constant.
    pub const CONSTANT: u8 = 1;
    /// A register.
    pub const REGISTER: u8 = 2;
    /// Memory at base + index × scale + displacement.
    pub const MEMORY: u8 = 3;
}

/// Which process counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Device of the pid namespace in which process numbers are told.
    pub namespace_device: u64,
    /// Its inode.
    pub namespace_inode: u64,
    /// The only process that counts, as that namespace numbers it; 0: every process.
    pub pid: u32,
    /// Makes the size a multiple of eight.
    pub reserved: u32,
}

/// A condition on an argument.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Compared with the argument; for signed comparisons its bits.
    pub value: u64,
    /// Which argument.
    pub arg: u8,
    /// A [`Compare`] as number.
    pub compare: u8,
    /// 1: both sides are signed.
    pub signed: u8,
    /// Makes the size a multiple of eight.
    pub reserved: [u8; 5],
}

/// How an argument is compared.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `==`
    Equal = 0,
    /// `!=`
    NotEqual = 1,
    /// `<`
    Less = 2,
    /// `<=`
    LessOrEqual = 3,
    /// `>`
    Greater = 4,
    /// `>=`
    GreaterOrEqual = 5,
}

/// What is added up of one argument.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// Linear histogram: where the first bucket starts.
    pub min: i64,
    /// Linear histogram: the width of a bucket.
    pub step: u64,
    /// Linear histogram: how many buckets lie between the two that take what is outside.
    pub buckets: u32,
    /// Index in the map of [`super::Values`].
    pub values: u32,
    /// Which argument.
    pub arg: u8,
    /// Bits of [`measure`].
    pub what: u8,
    /// 1: the argument is signed.
    pub signed: u8,
    /// Makes the size a multiple of eight.
    pub reserved: [u8; 5],
}

/// Bits of [`Measure::what`].
pub mod measure {
    /// The sum.
    pub const SUM: u8 = 1;
    /// The smallest and the largest value.
    pub const RANGE: u8 = 2;
    /// A histogram of powers of two.
    pub const LOG2: u8 = 4;
    /// A histogram of equal steps.
    pub const LINEAR: u8 = 8;
}

/// What events are grouped by.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// One of the constants in [`key`].
    pub kind: u8,
    /// Which argument.
    pub arg: u8,
    /// How many bytes of a byte array.
    pub bytes: u8,
    /// Makes the size a multiple of eight.
    pub reserved: [u8; 5],
}

/// Kinds of [`Key`].
pub mod key {
    /// Events are not grouped.
    pub const NONE: u8 = 0;
    /// The argument is the key.
    pub const INTEGER: u8 = 1;
    /// The string it points to.
    pub const TEXT: u8 = 2;
    /// The bytes it points to.
    pub const BYTES: u8 = 3;
}

/// A string or byte array of an event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Where it goes in the event's data.
    pub offset: u16,
    /// Bytes set aside for it.
    pub capacity: u16,
    /// One of the constants in [`part`].
    pub kind: u8,
    /// Which argument points to it.
    pub arg: u8,
    /// Which argument tells its length; 255: it is `capacity` long.
    pub length_arg: u8,
    /// Makes the size a multiple of eight.
    pub reserved: u8,
}

/// Kinds of [`Part`].
pub mod part {
    /// Up to and with its NUL.
    pub const TEXT: u8 = 0;
    /// A byte array.
    pub const BYTES: u8 = 1;
}
