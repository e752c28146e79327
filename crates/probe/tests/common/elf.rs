//! ELF files put together by hand, right or wrong in every field. The fuzz targets use it too.

/// `NT_STAPSDT`.
pub(crate) const STAPSDT: u32 = 3;
pub(crate) const PROGBITS: u32 = 1;
pub(crate) const STRTAB: u32 = 3;
pub(crate) const NOTE: u32 = 7;
pub(crate) const NOBITS: u32 = 8;
pub(crate) const X86_64: u16 = 62;
pub(crate) const AARCH64: u16 = 183;
/// `SHF_ALLOC | SHF_EXECINSTR`.
pub(crate) const CODE: u64 = 6;

/// Length of the file header, of a program header and of a section header.
const EHDR: u64 = 64;
const PHDR: u64 = 56;
const SHDR: u64 = 64;
/// `SHN_LORESERVE`: 16-bit indices from here on mean something else.
const LORESERVE: u64 = 0xff00;

/// One section; `size` and `offset` say otherwise than the bytes do when they are set.
#[derive(Clone)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) address: u64,
    pub(crate) alignment: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) offset: Option<u64>,
    pub(crate) size: Option<u64>,
}

impl Section {
    pub(crate) fn new(name: &'static str, kind: u32, bytes: Vec<u8>) -> Self {
        Self {
            name,
            kind,
            flags: 0,
            address: 0,
            alignment: 4,
            bytes,
            offset: None,
            size: None,
        }
    }

    /// The section that `sys/sdt.h` writes.
    pub(crate) fn notes(bytes: Vec<u8>) -> Self {
        Self::new(".note.stapsdt", NOTE, bytes)
    }
}

/// One loaded segment.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) size: u64,
}

/// A file in the making.
pub(crate) struct Elf {
    pub(crate) machine: u16,
    pub(crate) segments: Vec<Segment>,
    pub(crate) sections: Vec<Section>,
}

impl Elf {
    /// A program with code at 0x1000 and data at 0x3000, each 0x1000 bytes long, and these notes.
    pub(crate) fn with_notes(machine: u16, notes: Vec<u8>) -> Self {
        let segment = |flags, offset, address| Segment {
            flags,
            offset,
            address,
            size: 0x1000,
        };
        Self {
            machine,
            segments: vec![segment(5, 0, 0x1000), segment(6, 0x400, 0x3000)],
            sections: vec![Section::notes(notes)],
        }
    }

    /// File header, program headers, sections, their names, the section table.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut names = vec![0];
        let mut name_of = |name: &str| {
            let at = names.len() as u32;
            names.extend(name.as_bytes());
            names.push(0);
            at
        };
        let name_at: Vec<u32> = self.sections.iter().map(|one| name_of(one.name)).collect();
        let own_name = name_of(".shstrtab");

        let mut body = Vec::new();
        let start = EHDR + PHDR * self.segments.len() as u64;
        let mut table = Vec::new();
        for (section, name) in self.sections.iter().zip(name_at) {
            let at = start + body.len() as u64;
            if section.kind != NOBITS {
                body.extend(&section.bytes);
            }
            let size = section.size.unwrap_or(section.bytes.len() as u64);
            header(
                &mut table,
                name,
                section,
                section.offset.unwrap_or(at),
                size,
            );
        }
        let names_at = start + body.len() as u64;
        let strings = Section::new(".shstrtab", STRTAB, vec![]);
        header(&mut table, own_name, &strings, names_at, names.len() as u64);
        body.extend(names);

        let count = self.sections.len() as u64 + 2;
        let mut first = vec![0; SHDR as usize];
        // What 16 bits cannot say, the first section's header says.
        if count >= LORESERVE {
            first[32..40].copy_from_slice(&count.to_le_bytes());
            first[40..44].copy_from_slice(&(count as u32 - 1).to_le_bytes());
        }
        if self.segments.len() >= 0xffff {
            first[44..48].copy_from_slice(&(self.segments.len() as u32).to_le_bytes());
        }

        let mut file = self.file_header(count, start + body.len() as u64);
        for one in &self.segments {
            file.extend(1_u32.to_le_bytes());
            file.extend(one.flags.to_le_bytes());
            for field in [one.offset, one.address, one.address, one.size, one.size, 1] {
                file.extend(field.to_le_bytes());
            }
        }
        file.extend(body);
        file.extend(first);
        file.extend(table);
        file
    }

    fn file_header(&self, sections: u64, table: u64) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        // A position-independent program.
        file.extend(3_u16.to_le_bytes());
        file.extend(self.machine.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        for field in [0x1000, EHDR, table] {
            file.extend(field.to_le_bytes());
        }
        file.extend([0; 4]);
        let segments = u16::try_from(self.segments.len()).unwrap_or(0xffff);
        let (count, names) = if sections < LORESERVE {
            (sections as u16, sections as u16 - 1)
        } else {
            (0, 0xffff)
        };
        for field in [
            EHDR as u16,
            PHDR as u16,
            segments,
            SHDR as u16,
            count,
            names,
        ] {
            file.extend(field.to_le_bytes());
        }
        file
    }
}

fn header(table: &mut Vec<u8>, name: u32, section: &Section, offset: u64, size: u64) {
    table.extend(name.to_le_bytes());
    table.extend(section.kind.to_le_bytes());
    for field in [section.flags, section.address, offset, size, 0] {
        table.extend(field.to_le_bytes());
    }
    table.extend(section.alignment.to_le_bytes());
    table.extend(0_u64.to_le_bytes());
}

/// Any note, padded to 4.
pub(crate) fn note(owner: &[u8], kind: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [owner.len() as u32, body.len() as u32, kind] {
        bytes.extend(field.to_le_bytes());
    }
    for part in [owner, body] {
        bytes.extend(part);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// A tracepoint's note: `addresses` are location, base and semaphore.
pub(crate) fn stapsdt(addresses: [u64; 3], provider: &str, name: &str, args: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for address in addresses {
        body.extend(address.to_le_bytes());
    }
    for text in [provider.as_bytes(), name.as_bytes(), args] {
        body.extend(text);
        body.push(0);
    }
    note(b"stapsdt\0", STAPSDT, &body)
}
