//! Reading at a place, with every length checked against the file's before anything is allocated.

use std::io;

use object::pod::{self, Pod};

use super::malformed::Malformed;

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

/// A number of the file that is used only up to a limit.
pub(super) fn within(what: &'static str, found: u64, limit: u64) -> Result<(), Malformed> {
    if found > limit {
        return Err(Malformed::TooLarge { what, found, limit });
    }
    Ok(())
}

/// `length` bytes at a place. Callers have bounded the length by [`within`].
pub(super) fn read(
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
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| Malformed::Header { what })?];
    file.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Bytes as the structures they are. With `object`'s feature `unaligned` those are byte arrays, which any
/// address suits.
pub(super) fn structures<T: Pod>(bytes: &[u8]) -> &[T] {
    pod::slice_from_all_bytes(bytes).unwrap_or_default()
}
