//! The notes of a `.note.stapsdt` section: ELF notes of owner `stapsdt` and type 3, as `sys/sdt.h` writes them.

use std::borrow::Cow;

use super::ProbeId;

/// `NT_STAPSDT` in SystemTap's `sys/sdt.h`; the only type there is since version 3 of the format.
const NT_STAPSDT: u32 = 3;
/// `namesz`, `descsz`, `type`.
const HEADER: usize = 12;
/// Location, base and semaphore, 8 bytes each in a 64-bit file.
const ADDRESSES: usize = 24;

/// One note: one call site, with the addresses as they were when the program was linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Provider and name.
    pub id: ProbeId,
    /// Address of the instruction to hook.
    pub location: u64,
    /// Address of `.stapsdt.base` at link time.
    pub base: u64,
    /// Address of the semaphore; 0 means none.
    pub semaphore: u64,
    /// The operands, as the assembler saw them: `-8@%r12 8@%rbx`.
    pub args: String,
}

/// What is wrong with a note, and how many bytes into the section it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadNote {
    pub(super) at: u64,
    pub(super) why: &'static str,
}

/// Iterates over the section; ends after the first note it cannot read, because the length of that one is
/// what would lead to the next.
pub(super) struct Notes<'a> {
    bytes: &'a [u8],
    at: usize,
    alignment: usize,
}

impl<'a> Notes<'a> {
    /// `alignment` is the section's; all tools pad to 4 unless it is 8.
    pub(super) fn new(bytes: &'a [u8], alignment: u64) -> Self {
        Self {
            bytes,
            at: 0,
            alignment: if alignment == 8 { 8 } else { 4 },
        }
    }

    /// The next note's body when it is one of ours, `None` when it is somebody else's.
    fn one(&mut self) -> Result<Option<Note>, &'static str> {
        const SHORT: &str = "the note ends before its own lengths say";
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let name_len = u32_at(rest, 0).ok_or(SHORT)? as usize;
        let body_len = u32_at(rest, 4).ok_or(SHORT)? as usize;
        let kind = u32_at(rest, 8).ok_or(SHORT)?;
        // Lengths are 32 bits wide, so none of these sums can overflow 64 bits.
        let body_at = self.padded(HEADER + name_len);
        let name = rest.get(HEADER..HEADER + name_len).ok_or(SHORT)?;
        let body = rest.get(body_at..body_at + body_len).ok_or(SHORT)?;
        self.at += self.padded(body_at + body_len);
        if kind != NT_STAPSDT || name != b"stapsdt\0" {
            return Ok(None);
        }
        parse_body(body).map(Some)
    }

    fn padded(&self, length: usize) -> usize {
        length.next_multiple_of(self.alignment)
    }
}

impl Iterator for Notes<'_> {
    type Item = Result<Note, BadNote>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.bytes.len() {
            let at = self.at;
            match self.one() {
                Ok(Some(note)) => return Some(Ok(note)),
                Ok(None) => {}
                Err(why) => {
                    self.at = self.bytes.len();
                    return Some(Err(BadNote { at: at as u64, why }));
                }
            }
        }
        None
    }
}

fn parse_body(body: &[u8]) -> Result<Note, &'static str> {
    let strings = body
        .get(ADDRESSES..)
        .ok_or("the note is too short for its three addresses")?;
    let mut strings = strings.split(|byte| *byte == 0);
    // `split` yields one piece more than there are NULs: a string counts when another piece follows it.
    let (Some(provider), Some(name), Some(args), Some(_)) = (
        strings.next(),
        strings.next(),
        strings.next(),
        strings.next(),
    ) else {
        return Err("the note lacks one of its three strings");
    };
    let provider = text(provider)?;
    let name = text(name)?;
    if provider.is_empty() || name.is_empty() {
        return Err("the note names no tracepoint");
    }
    Ok(Note {
        id: ProbeId {
            provider: Cow::Owned(provider),
            name: Cow::Owned(name),
        },
        location: u64_at(body, 0).unwrap_or_default(),
        base: u64_at(body, 8).unwrap_or_default(),
        semaphore: u64_at(body, 16).unwrap_or_default(),
        args: text(args)?,
    })
}

/// Names end up on people's terminals: anything but printable ASCII is damage, or an attempt at them.
fn text(bytes: &[u8]) -> Result<String, &'static str> {
    if bytes
        .iter()
        .all(|byte| byte.is_ascii_graphic() || *byte == b' ')
    {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    } else {
        Err("the note's text holds bytes that are not printable ASCII")
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(owner: &[u8], kind: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((owner.len() as u32).to_le_bytes());
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(owner);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn body(strings: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for address in [0x1000_u64, 0x2000, 0x3000] {
            bytes.extend(address.to_le_bytes());
        }
        bytes.extend(strings);
        bytes
    }

    fn read(bytes: &[u8]) -> Vec<Result<Note, BadNote>> {
        Notes::new(bytes, 4).collect()
    }

    #[test]
    fn notes_follow_one_another() {
        let mut bytes = note(b"stapsdt\0", 3, &body(b"net\0inbound_message\0-8@%r12\0"));
        bytes.extend(note(b"GNU\0", 3, b"build id"));
        bytes.extend(note(b"stapsdt\0", 3, &body(b"net\0no_args\0\0")));
        let notes: Vec<Note> = read(&bytes).into_iter().map(Result::unwrap).collect();
        assert_eq!(
            notes[0],
            Note {
                id: ProbeId::new("net", "inbound_message"),
                location: 0x1000,
                base: 0x2000,
                semaphore: 0x3000,
                args: "-8@%r12".into(),
            }
        );
        assert_eq!(notes[1].id, ProbeId::new("net", "no_args"));
        assert_eq!(notes[1].args, "");
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn a_damaged_note_is_named_and_ends_the_reading() {
        let good = note(b"stapsdt\0", 3, &body(b"a\0b\0\0"));
        for (bad, why) in [
            (
                body(b"a\0b\0no end"),
                "the note lacks one of its three strings",
            ),
            (body(b"\0b\0\0"), "the note names no tracepoint"),
            (vec![0; 8], "the note is too short for its three addresses"),
            (
                body(b"a\0\x1b[31m\0\0"),
                "the note's text holds bytes that are not printable ASCII",
            ),
        ] {
            let mut bytes = good.clone();
            bytes.extend(note(b"stapsdt\0", 3, &bad));
            bytes.extend(&good);
            let notes = read(&bytes);
            assert_eq!(notes.len(), 2);
            assert_eq!(
                notes[1],
                Err(BadNote {
                    at: good.len() as u64,
                    why
                })
            );
        }
    }

    #[test]
    fn lengths_beyond_the_section_are_refused() {
        for lengths in [[8, u32::MAX], [u32::MAX, 8], [u32::MAX, u32::MAX]] {
            let mut bytes = Vec::new();
            bytes.extend(lengths[0].to_le_bytes());
            bytes.extend(lengths[1].to_le_bytes());
            bytes.extend(3_u32.to_le_bytes());
            bytes.extend(b"stapsdt\0");
            assert!(read(&bytes)[0].is_err());
        }
        assert!(read(b"short")[0].is_err());
    }
}
