//! The tracepoints of an ELF file, from the notes in its `.note.stapsdt` section.
//!
//! Names follow libbpf's `usdt.c`, whose attach recipe this feeds: a [`Tracepoint`] is one
//! provider and name with all its [`CallSite`]s; each call site has its own argument operands, because the
//! compiler places them anew wherever it expands or inlines the macro.

mod aarch64;
mod args;
mod elf;
mod malformed;
mod note;
mod operands;
mod read_at;
mod registers;
mod spec;
mod x86_64;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

pub use self::elf::Machine;
pub use self::malformed::Malformed;
pub use self::note::Note;
pub use self::read_at::ReadAt;
pub use self::registers::Reg;
pub use self::spec::{Arg, ArgSpec, Place, Undecodable};
pub use crate::file::{Error, open_file, read_file};

/// The name of a tracepoint, shown as `net:inbound_message`.
///
/// SystemTap says provider and name; Bitcoin Core's documentation says context and event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId {
    /// The first half, such as `net`.
    pub provider: Cow<'static, str>,
    /// The second half, such as `inbound_message`.
    pub name: Cow<'static, str>,
}

impl ProbeId {
    /// A name known when the program is compiled.
    pub const fn new(provider: &'static str, name: &'static str) -> Self {
        Self {
            provider: Cow::Borrowed(provider),
            name: Cow::Borrowed(name),
        }
    }
}

impl fmt::Display for ProbeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` and not `write!`, so that a column width is kept.
        f.pad(&format!("{}:{}", self.provider, self.name))
    }
}

/// The text is not `provider:name`.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("`{text}` is not the name of a tracepoint")]
#[diagnostic(help("write provider and name with a colon between, such as net:inbound_message"))]
pub struct NotAProbeId {
    /// What was given.
    pub text: String,
}

impl FromStr for ProbeId {
    type Err = NotAProbeId;

    fn from_str(text: &str) -> Result<Self, NotAProbeId> {
        match text.split_once(':') {
            Some((provider, name))
                if !provider.is_empty() && !name.is_empty() && !name.contains(':') =>
            {
                Ok(Self {
                    provider: Cow::Owned(provider.to_owned()),
                    name: Cow::Owned(name.to_owned()),
                })
            }
            _ => Err(NotAProbeId {
                text: text.to_owned(),
            }),
        }
    }
}

/// What an ELF file says about its tracepoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracepoints {
    /// Whose registers the operands name.
    pub machine: Machine,
    /// By name; empty when the file was built without USDT.
    pub tracepoints: Vec<Tracepoint>,
}

impl Tracepoints {
    /// The tracepoint of that name.
    pub fn get(&self, id: &ProbeId) -> Option<&Tracepoint> {
        self.tracepoints.iter().find(|one| one.id == *id)
    }
}

/// One provider and name, wherever the program calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracepoint {
    /// Its name.
    pub id: ProbeId,
    /// In the order of their addresses; never empty.
    pub sites: Vec<CallSite>,
}

impl Tracepoint {
    /// The counters that must be above zero for the tracepoint to fire, each once. One is the rule; none in
    /// programs without semaphores; several when each source file has a `static` one of its own.
    pub fn semaphores(&self) -> Vec<Semaphore> {
        let mut all: Vec<_> = self
            .sites
            .iter()
            .filter_map(|site| site.semaphore)
            .collect();
        all.sort_unstable_by_key(|one| one.address);
        all.dedup();
        all
    }
}

/// One place where a tracepoint fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Virtual address of the instruction to hook.
    pub address: u64,
    /// Where that instruction lies in the file, which is what a uprobe wants; none when no executable
    /// segment covers the address.
    pub offset: Option<u64>,
    /// The counter that gates this call site.
    pub semaphore: Option<Semaphore>,
    /// The arguments in order.
    pub args: Vec<Arg>,
}

impl CallSite {
    /// Whether another note tells of this very call site; hooking it twice would count each event twice.
    /// Linkers that fold equal functions (`--icf`) keep the notes of all of them, and equal machine code may
    /// come of types that differ in sign: such an argument is told in two ways.
    fn take_in(&mut self, other: &mut Self) -> bool {
        if (self.address, self.semaphore) != (other.address, other.semaphore) {
            return false;
        }
        if other.args.len() > self.args.len() {
            std::mem::swap(&mut self.args, &mut other.args);
        }
        let mut theirs = other.args.iter();
        for arg in &mut self.args {
            if theirs.next().is_none_or(|their| their.spec != arg.spec) {
                arg.spec = Err(Undecodable::Ambiguous);
            }
        }
        true
    }
}

/// A `u16` that tracers raise so that the program prepares and fires a tracepoint at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Semaphore {
    /// Virtual address.
    pub address: u64,
    /// Where it lies in the file (the kernel's `ref_ctr_offset`); none when no segment's bytes cover it.
    pub offset: Option<u64>,
}

/// Reads the tracepoints of an ELF file: its headers and its notes, and nothing else, so that the size of
/// the file does not matter.
///
/// # Errors
/// [`Malformed`] when the file is not a linked 64-bit little-endian ELF file or contradicts itself. An
/// operand that is not understood is no error: it costs that [`Arg`] only.
pub fn read(file: &dyn ReadAt) -> Result<Tracepoints, Malformed> {
    let elf = elf::Elf::read(file)?;
    let mut by_id: BTreeMap<ProbeId, Vec<CallSite>> = BTreeMap::new();
    for section in elf.note_sections() {
        let bytes = elf.note_bytes(file, section)?;
        for note in note::Notes::new(&bytes, section.alignment) {
            let note = note.map_err(|error| Malformed::Note {
                offset: section.offset.saturating_add(error.at),
                why: error.why,
            })?;
            let site = call_site(&elf, &note);
            by_id.entry(note.id).or_default().push(site);
        }
    }
    Ok(Tracepoints {
        machine: elf.machine,
        tracepoints: by_id
            .into_iter()
            .map(|(id, mut sites)| {
                sites.sort_by_key(|site| (site.address, site.semaphore.map(|one| one.address)));
                sites.dedup_by(|later, first| first.take_in(later));
                Tracepoint { id, sites }
            })
            .collect(),
    })
}

fn call_site(elf: &elf::Elf, note: &Note) -> CallSite {
    // Prelink moves a program's sections without touching its notes; the note says where `.stapsdt.base` was
    // when it was linked, and how far that section moved is how far everything did.
    // 0 is what a weak symbol is when the linker threw its section away.
    let moved = match elf.stapsdt_base {
        Some(base) if note.base != 0 => base.wrapping_sub(note.base),
        _ => 0,
    };
    let address = note.location.wrapping_add(moved);
    let semaphore = (note.semaphore != 0).then(|| {
        let address = note.semaphore.wrapping_add(moved);
        Semaphore {
            address,
            offset: elf.file_offset(address, elf::Wanted::Data),
        }
    });
    CallSite {
        address,
        offset: elf.file_offset(address, elf::Wanted::Code),
        semaphore,
        args: args::parse(elf.machine, &note.args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_halves() {
        let id: ProbeId = "net:inbound_message".parse().unwrap();
        assert_eq!(id, ProbeId::new("net", "inbound_message"));
        assert_eq!(format!("{id:<22}|"), "net:inbound_message   |");
        for wrong in ["", "net", "net:", ":x", "a:b:c"] {
            assert!(wrong.parse::<ProbeId>().is_err(), "{wrong}");
        }
    }
}
