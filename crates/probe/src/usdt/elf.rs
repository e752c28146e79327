//! As much of an ELF file as tracepoints need: five small reads at places the headers name.
//!
//! `object`'s own file type reads the symbol table as it opens a file, which is most of a debug file of
//! hundreds of megabytes. Its structures are used here, and nothing is read that is not asked for. Every
//! length is checked against the file's before anything is allocated, and has a bound of its own: a file of
//! zeros with a length of a terabyte costs nothing to make.

use object::LittleEndian as LE;
use object::elf::{
    self, EM_AARCH64, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, ProgramHeader64, SectionHeader64,
};
use object::pod::Pod;

use super::malformed::Malformed;
use super::read_at::{ReadAt, read, structures, within};

/// Linked programs have some dozens of sections. More than a linker script ever made, and beyond the 65279
/// that the header's 16 bits can say.
const MAX_SECTIONS: u64 = 1 << 17;
/// Programs have about a dozen; one more than the header's 16 bits can say.
const MAX_SEGMENTS: u64 = 1 << 16;
/// The names of all sections. bitcoind's are 400 bytes; 32 bytes for each of the most.
const MAX_NAMES: u64 = 4 << 20;
/// All note sections together. bitcoind's 20 tracepoints take 3 KiB; the largest known programs stay below
/// 1 MiB. Together, because headers that name the same bytes again and again cost a file nothing.
const MAX_NOTES: u64 = 4 << 20;

/// What the errors call the section that is looked for.
const NOTES: &str = "the tracepoints' notes";

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
        let table = section_table(file, &header)?;
        let sections = structures(&table);
        if is_debug_file(sections) {
            return Err(Malformed::DebugFile);
        }
        let names = section_names(file, &header, sections)?;
        let mut elf = Self {
            machine,
            stapsdt_base: None,
            segments: segments(file, &header, sections)?,
            notes: Vec::new(),
        };
        for section in sections {
            let name = section.sh_name.get(LE);
            if is_named(&names, name, b".stapsdt.base\0") {
                elf.stapsdt_base = Some(section.sh_addr.get(LE));
            } else if is_named(&names, name, b".note.stapsdt\0") {
                elf.notes.push(note_section(section)?);
            }
        }
        let all = elf.notes.iter().map(|section| section.size);
        let all = all.fold(0, u64::saturating_add);
        within(NOTES, all, MAX_NOTES.min(file.size()))?;
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
        read(file, NOTES, section.offset, section.size)
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
    let header = first::<FileHeader64<LE>>(file, "the file header", 0)?;
    let kind = header.e_type.get(LE);
    if kind != ET_EXEC && kind != ET_DYN {
        return Err(Malformed::NotLinked { kind });
    }
    Ok(header)
}

/// The section headers as bytes, of whole headers.
fn section_table(file: &dyn ReadAt, header: &FileHeader64<LE>) -> Result<Vec<u8>, Malformed> {
    const SIZE: usize = size_of::<SectionHeader64<LE>>();
    const WHAT: &str = "the section table";
    let offset = header.e_shoff.get(LE);
    // Notes are not loaded, so no program header leads to them. Taking such a program for one without
    // tracepoints would send people to build what they have.
    if offset == 0 {
        return Err(Malformed::NoSections);
    }
    if usize::from(header.e_shentsize.get(LE)) != SIZE {
        return Err(Malformed::Header {
            what: "its section table has entries of a wrong size",
        });
    }
    let count = match header.e_shnum.get(LE) {
        // More than 16 bits can say: the first section's size says it.
        0 => first::<SectionHeader64<LE>>(file, WHAT, offset)?
            .sh_size
            .get(LE),
        count => u64::from(count),
    };
    if count == 0 {
        return Err(Malformed::NoSections);
    }
    within(WHAT, count, MAX_SECTIONS)?;
    read(file, WHAT, offset, count * SIZE as u64)
}

/// `objcopy --only-keep-debug` keeps the headers of the code and leaves out its bytes. Its notes are still
/// there, and would lead a uprobe into the middle of something else.
fn is_debug_file(sections: &[SectionHeader64<LE>]) -> bool {
    let mut code = sections
        .iter()
        .filter(|section| section.sh_flags.get(LE) & u64::from(elf::SHF_EXECINSTR) != 0)
        .map(|section| section.sh_type.get(LE))
        .peekable();
    code.peek().is_some() && code.all(|kind| kind == elf::SHT_NOBITS)
}

fn note_section(section: &SectionHeader64<LE>) -> Result<NoteSection, Malformed> {
    match section.sh_type.get(LE) {
        elf::SHT_NOTE => Ok(NoteSection {
            offset: section.sh_offset.get(LE),
            size: section.sh_size.get(LE),
            alignment: section.sh_addralign.get(LE),
        }),
        elf::SHT_NOBITS => Err(Malformed::DebugFile),
        _ => Err(Malformed::Header {
            what: "its section .note.stapsdt is not marked as holding notes",
        }),
    }
}

fn section_names(
    file: &dyn ReadAt,
    header: &FileHeader64<LE>,
    sections: &[SectionHeader64<LE>],
) -> Result<Vec<u8>, Malformed> {
    const WHAT: &str = "the names of the sections";
    let index = match header.e_shstrndx.get(LE) {
        elf::SHN_XINDEX => sections.first().map(|first| first.sh_link.get(LE) as usize),
        index => Some(usize::from(index)),
    };
    // Without names no section would be the notes', and a damaged program would pass as one without USDT.
    let section = index
        .and_then(|index| sections.get(index))
        .filter(|section| section.sh_type.get(LE) == elf::SHT_STRTAB)
        .ok_or(Malformed::Header {
            what: "no section holds the names of the sections",
        })?;
    let size = section.sh_size.get(LE);
    within(WHAT, size, MAX_NAMES)?;
    read(file, WHAT, section.sh_offset.get(LE), size)
}

fn segments(
    file: &dyn ReadAt,
    header: &FileHeader64<LE>,
    sections: &[SectionHeader64<LE>],
) -> Result<Vec<Segment>, Malformed> {
    const SIZE: usize = size_of::<ProgramHeader64<LE>>();
    const WHAT: &str = "the program headers";
    let offset = header.e_phoff.get(LE);
    let count = match header.e_phnum.get(LE) {
        // As with sections, the first section says how many when they are at least that many.
        elf::PN_XNUM => sections
            .first()
            .map(|first| u64::from(first.sh_info.get(LE)))
            .filter(|count| *count >= u64::from(elf::PN_XNUM))
            .unwrap_or(0),
        count => u64::from(count),
    };
    if offset == 0 || count == 0 {
        return Err(Malformed::Header {
            what: "it has no program headers, which say what of it is loaded and where",
        });
    }
    if usize::from(header.e_phentsize.get(LE)) != SIZE {
        return Err(Malformed::Header {
            what: "its program headers have a wrong size",
        });
    }
    within(WHAT, count, MAX_SEGMENTS)?;
    let table = read(file, WHAT, offset, count * SIZE as u64)?;
    Ok(structures::<ProgramHeader64<LE>>(&table)
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

/// Whether the NUL-terminated name at a place is this one. The name is not looked for its end first:
/// a hundred thousand sections may all name the start of four million bytes without a NUL.
fn is_named(names: &[u8], at: u32, name: &[u8]) -> bool {
    names
        .get(at as usize..)
        .is_some_and(|rest| rest.starts_with(name))
}

/// The structure at a place.
fn first<T: Pod>(file: &dyn ReadAt, what: &'static str, offset: u64) -> Result<T, Malformed> {
    let bytes = read(file, what, offset, size_of::<T>() as u64)?;
    let first = structures(&bytes).first().copied();
    first.ok_or(Malformed::Header { what })
}
