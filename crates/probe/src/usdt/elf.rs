//! As much of an ELF file as tracepoints need: five small reads at places the headers name.
//!
//! `object`'s own file type reads the symbol table as it opens a file, which is most of a debug file of
//! hundreds of megabytes. Its structures are used here, and nothing is read that is not asked for. Every
//! length is checked against the file's before anything is allocated, and has a bound of its own: a file of
//! zeros with a length of a terabyte costs nothing to make.

use std::io;

use object::LittleEndian as LE;
use object::elf::{
    self, EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, ProgramHeader64, SectionHeader64,
};
use object::pod::{self, Pod};

/// Linked programs have some dozens of sections; -ffunction-sections keeps tens of thousands, in objects.
const MAX_SECTIONS: u64 = 1 << 16;
/// As many as the header's 16 bits can say; programs have about a dozen.
const MAX_SEGMENTS: u64 = 1 << 16;
/// The names of all sections. bitcoind's are 400 bytes.
const MAX_NAMES: u64 = 1 << 20;
/// One note section. bitcoind's 20 tracepoints take 3 KiB; the largest known programs stay below 1 MiB.
const MAX_NOTES: u64 = 4 << 20;

/// Bytes that can be read at a place.
pub trait ReadAt {
    /// How many there are.
    fn size(&self) -> u64;
    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// What the operating system says; `UnexpectedEof` when the file has become shorter.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

/// The processor a file was built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// AMD64.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// By its number in the ELF header; its operands stay text.
    Other(u16),
}

impl Machine {
    /// The processor that this was compiled for.
    pub const HERE: Self = if cfg!(target_arch = "x86_64") {
        Self::X86_64
    } else if cfg!(target_arch = "aarch64") {
        Self::Aarch64
    } else {
        Self::Other(0)
    };
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::X86_64 => f.write_str("x86_64"),
            Self::Aarch64 => f.write_str("aarch64"),
            Self::Other(number) => write!(f, "ELF machine {number}"),
        }
    }
}

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

/// What an address is wanted for: the same address may lie in two segments of a damaged file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// An instruction: only executable segments count.
    Code,
    /// A variable.
    Data,
}

/// A section that holds tracepoint notes.
#[derive(Clone, Copy)]
pub(super) struct NoteSection {
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) alignment: u64,
}

struct Segment {
    address: u64,
    offset: u64,
    /// Bytes in the file; memory beyond them is zeros that no file offset leads to.
    size: u64,
    executable: bool,
}

/// The parts of the headers that lead to tracepoints.
pub(super) struct Elf {
    pub(super) machine: Machine,
    /// Address of `.stapsdt.base`, which the notes' addresses are relative to.
    pub(super) stapsdt_base: Option<u64>,
    segments: Vec<Segment>,
    notes: Vec<NoteSection>,
}

impl Elf {
    pub(super) fn read(file: &dyn ReadAt) -> Result<Self, Malformed> {
        let header = file_header(file)?;
        let machine = match header.e_machine.get(LE) {
            EM_X86_64 => Machine::X86_64,
            EM_AARCH64 => Machine::Aarch64,
            other => Machine::Other(other),
        };
        let sections = section_headers(file, &header)?;
        let names = section_names(file, &header, &sections)?;
        let mut elf = Self {
            machine,
            stapsdt_base: None,
            segments: segments(file, &header)?,
            notes: Vec::new(),
        };
        for section in &sections {
            match name_at(&names, section.sh_name.get(LE)) {
                b".stapsdt.base" => elf.stapsdt_base = Some(section.sh_addr.get(LE)),
                b".note.stapsdt" if section.sh_type.get(LE) == elf::SHT_NOTE => {
                    elf.notes.push(NoteSection {
                        offset: section.sh_offset.get(LE),
                        size: section.sh_size.get(LE),
                        alignment: section.sh_addralign.get(LE),
                    });
                }
                _ => {}
            }
        }
        Ok(elf)
    }

    pub(super) fn note_sections(&self) -> &[NoteSection] {
        &self.notes
    }

    pub(super) fn note_bytes(
        &self,
        file: &dyn ReadAt,
        section: &NoteSection,
    ) -> Result<Vec<u8>, Malformed> {
        const WHAT: &str = "the tracepoints' notes";
        within(WHAT, section.size, MAX_NOTES)?;
        read_bytes(file, WHAT, section.offset, section.size)
    }

    /// Where in the file the byte at a virtual address lies.
    pub(super) fn file_offset(&self, address: u64, wanted: Wanted) -> Option<u64> {
        self.segments.iter().find_map(|segment| {
            let inside = address.checked_sub(segment.address)?;
            if inside >= segment.size || (wanted == Wanted::Code && !segment.executable) {
                return None;
            }
            segment.offset.checked_add(inside)
        })
    }
}

fn file_header(file: &dyn ReadAt) -> Result<FileHeader64<LE>, Malformed> {
    let mut start = [0; 16];
    let known = usize::try_from(file.size()).map_or(start.len(), |size| size.min(start.len()));
    file.read_at(0, &mut start[..known])?;
    match &start[..known] {
        [] => return Err(Malformed::Empty),
        [b'#', b'!', ..] => return Err(Malformed::Script),
        [0x7f, b'E', b'L', b'F', class, data, ..] => {
            if *class == elf::ELFCLASS32 {
                return Err(Malformed::Bits32);
            }
            if *data == elf::ELFDATA2MSB {
                return Err(Malformed::BigEndian);
            }
            if *class != elf::ELFCLASS64 || *data != elf::ELFDATA2LSB {
                return Err(Malformed::Header {
                    what: "its first bytes name no word size or byte order",
                });
            }
        }
        _ => return Err(Malformed::NotElf),
    }
    let headers: Vec<FileHeader64<LE>> = read_pods(file, "the file header", 0, 1)?;
    let header = headers[0];
    let kind = header.e_type.get(LE);
    if kind != ET_EXEC && kind != ET_DYN {
        return Err(Malformed::NotLinked { kind });
    }
    Ok(header)
}

fn section_headers(
    file: &dyn ReadAt,
    header: &FileHeader64<LE>,
) -> Result<Vec<SectionHeader64<LE>>, Malformed> {
    const WHAT: &str = "the section table";
    let offset = header.e_shoff.get(LE);
    // No table at all: a program stripped to the bone, which has lost its notes too.
    if offset == 0 {
        return Ok(Vec::new());
    }
    if usize::from(header.e_shentsize.get(LE)) != size_of::<SectionHeader64<LE>>() {
        return Err(Malformed::Header {
            what: "its section table has entries of a wrong size",
        });
    }
    let count = match header.e_shnum.get(LE) {
        // More than 16 bits can say: the first section's size says it.
        0 => read_pods::<SectionHeader64<LE>>(file, WHAT, offset, 1)?[0]
            .sh_size
            .get(LE),
        count => u64::from(count),
    };
    within(WHAT, count, MAX_SECTIONS)?;
    read_pods(file, WHAT, offset, count)
}

fn section_names(
    file: &dyn ReadAt,
    header: &FileHeader64<LE>,
    sections: &[SectionHeader64<LE>],
) -> Result<Vec<u8>, Malformed> {
    const WHAT: &str = "the names of the sections";
    let Some(first) = sections.first() else {
        return Ok(Vec::new());
    };
    let index = match header.e_shstrndx.get(LE) {
        elf::SHN_XINDEX => first.sh_link.get(LE) as usize,
        index => usize::from(index),
    };
    // Without names no section would be the notes', and a damaged program would pass as one without USDT.
    let section = sections
        .get(index)
        .filter(|section| section.sh_type.get(LE) == elf::SHT_STRTAB)
        .ok_or(Malformed::Header {
            what: "no section holds the names of the sections",
        })?;
    let size = section.sh_size.get(LE);
    within(WHAT, size, MAX_NAMES)?;
    read_bytes(file, WHAT, section.sh_offset.get(LE), size)
}

fn segments(file: &dyn ReadAt, header: &FileHeader64<LE>) -> Result<Vec<Segment>, Malformed> {
    const WHAT: &str = "the program headers";
    let offset = header.e_phoff.get(LE);
    let count = u64::from(header.e_phnum.get(LE));
    if offset == 0 || count == 0 {
        return Ok(Vec::new());
    }
    if usize::from(header.e_phentsize.get(LE)) != size_of::<ProgramHeader64<LE>>() {
        return Err(Malformed::Header {
            what: "its program headers have a wrong size",
        });
    }
    within(WHAT, count, MAX_SEGMENTS)?;
    let headers: Vec<ProgramHeader64<LE>> = read_pods(file, WHAT, offset, count)?;
    Ok(headers
        .iter()
        .filter(|one| one.p_type.get(LE) == elf::PT_LOAD)
        .map(|one| Segment {
            address: one.p_vaddr.get(LE),
            offset: one.p_offset.get(LE),
            size: one.p_filesz.get(LE),
            executable: one.p_flags.get(LE) & elf::PF_X != 0,
        })
        .collect())
}

/// The NUL-terminated name at a place; empty when there is none, which is nobody's name.
fn name_at(names: &[u8], at: u32) -> &[u8] {
    let rest = names.get(at as usize..).unwrap_or_default();
    rest.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn within(what: &'static str, found: u64, limit: u64) -> Result<(), Malformed> {
    if found > limit {
        return Err(Malformed::TooLarge { what, found, limit });
    }
    Ok(())
}

fn read_bytes(
    file: &dyn ReadAt,
    what: &'static str,
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, Malformed> {
    let end = u128::from(offset) + u128::from(length);
    if end > u128::from(file.size()) {
        return Err(Malformed::BeyondEnd {
            what,
            end,
            size: file.size(),
        });
    }
    // All lengths have passed `within`, so they fit any `usize`.
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

fn read_pods<T: Pod>(
    file: &dyn ReadAt,
    what: &'static str,
    offset: u64,
    count: u64,
) -> Result<Vec<T>, Malformed> {
    let length = count.saturating_mul(size_of::<T>() as u64);
    let bytes = read_bytes(file, what, offset, length)?;
    // With `object`'s feature `unaligned` its structures are byte arrays, which any address suits.
    match pod::slice_from_all_bytes(&bytes) {
        Ok(values) => Ok(values.to_vec()),
        Err(()) => Err(Malformed::Header { what }),
    }
}
