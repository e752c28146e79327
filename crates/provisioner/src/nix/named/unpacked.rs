//! What an archive holds, which is what was signed: its own hash is the word of the web server alone.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};

use super::super::{NarInfo, narinfo};

/// Why the archive is not the signed one; none when it is. Takes as long as unpacking it.
///
/// # Errors
/// It cannot be read.
pub(super) fn wrong(info: &NarInfo, archive: &mut File) -> io::Result<Option<String>> {
    archive.rewind()?;
    let size = archive.metadata()?.len();
    if size != info.file_size {
        return Ok(Some(format!(
            "it has {size} bytes and not {}",
            info.file_size
        )));
    }
    if narinfo::sum(&*archive)? != info.file_hash {
        return Ok(Some("its hash is another".into()));
    }
    archive.rewind()?;
    let packed = BufReader::new(archive);
    let unpacked: Box<dyn Read> = match info.compression.as_str() {
        "none" => Box::new(packed),
        "zstd" => match ruzstd::decoding::StreamingDecoder::new(packed) {
            Ok(unpacked) => Box::new(unpacked),
            Err(error) => return Ok(Some(format!("it is no zstd: {error}"))),
        },
        other => {
            let other = crate::host::printable(other.as_bytes());
            return Ok(Some(format!(
                "it is compressed by {other}, and `workshop cache export` writes zstd"
            )));
        }
    };
    let mut counted = Counted {
        inner: unpacked.take(info.nar_size + 1),
        bytes: 0,
    };
    let sum = match narinfo::sum(&mut counted) {
        Ok(sum) => sum,
        Err(error) => return Ok(Some(format!("it cannot be unpacked: {error}"))),
    };
    if counted.bytes != info.nar_size || sum != info.nar_hash {
        return Ok(Some("it holds something else".into()));
    }
    Ok(None)
}

struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
