//! Why a file's tracepoints cannot be told: one reason each, with the way out.

use std::io;

/// Why the tracepoints of a file cannot be told.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum Malformed {
    /// No bytes at all: a build or a copy that was cut short.
    #[error("the file is empty")]
    #[diagnostic(help("build or copy it again"))]
    Empty,
    /// A script: on NixOS and in Python environments programs often are.
    #[error("this is a script, not a program")]
    #[diagnostic(help("name the program that the script starts"))]
    Script,
    /// Anything else that does not begin like an ELF file.
    #[error("this is not an ELF file, which all Linux programs are")]
    #[diagnostic(help("name the program itself, such as build/bin/bitcoind"))]
    NotElf,
    /// A program for 32-bit processors.
    #[error("this is a 32-bit program; only 64-bit ones are read here")]
    #[diagnostic(help("`readelf -n` shows the notes of any program"))]
    Bits32,
    /// A program for processors such as s390x.
    #[error("this is a big-endian program; only little-endian ones are read here")]
    #[diagnostic(help("`readelf -n` shows the notes of any program"))]
    BigEndian,
    /// An object file or a core dump.
    #[error(
        "this is an ELF file that cannot be run (type {kind}), such as an object file or a core dump"
    )]
    #[diagnostic(help(
        "the addresses of tracepoints are known only once a program is linked: name the program"
    ))]
    NotLinked {
        /// `e_type`.
        kind: u16,
    },
    /// What `objcopy --only-keep-debug` makes: names and lines for a debugger, without the code.
    #[error("this is a separate debug file, which holds no code to trace")]
    #[diagnostic(help("name the program it belongs to: `strip` leaves a program its tracepoints"))]
    DebugFile,
    /// A program that was stripped to the bone, by `sstrip` or `strip --strip-section-headers`.
    #[error("the file has no section table, and nothing else leads to tracepoints")]
    #[diagnostic(help("name the program as it was before its section table was taken away"))]
    NoSections,
    /// Headers that name bytes the file does not have.
    #[error("the file is damaged: {what} would end at byte {end}, the file at byte {size}")]
    #[diagnostic(help("build or copy it again: it was probably cut short"))]
    BeyondEnd {
        /// What the bytes should have been.
        what: &'static str,
        /// The first byte after it.
        end: u128,
        /// The file's length in bytes.
        size: u64,
    },
    /// Headers with numbers no linker writes.
    #[error("the file is damaged: {what} says {found}, and {limit} is the most a program can have")]
    #[diagnostic(help("build or copy it again"))]
    TooLarge {
        /// Whose number it is.
        what: &'static str,
        /// The number.
        found: u64,
        /// What is accepted.
        limit: u64,
    },
    /// Headers that contradict themselves.
    #[error("the file is damaged: {what}")]
    #[diagnostic(help("build or copy it again"))]
    Header {
        /// What is wrong.
        what: &'static str,
    },
    /// A note that cannot be read.
    #[error("the note at byte {offset} of the file is damaged: {why}")]
    #[diagnostic(help("build the program again"))]
    Note {
        /// Where it begins.
        offset: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// The operating system failed.
    #[error("the file could not be read")]
    Io {
        /// Its reason.
        #[from]
        source: io::Error,
    },
}
