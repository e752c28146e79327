//! Any bytes as a file: an answer or an error, and what is answered holds together.

#![no_main]

use std::cell::Cell;
use std::io;

use libfuzzer_sys::fuzz_target;
use probe::usdt::{self, ReadAt};

/// Counts, because work beyond the file's size is how a small file would take long.
struct Counted {
    bytes: Vec<u8>,
    read: Cell<u64>,
}

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read.set(self.read.get() + buffer.len() as u64);
        self.bytes.read_at(offset, buffer)
    }
}

// A `Vec<u8>` as the parameter would get `arbitrary`'s encoding of one instead of the file.
fuzz_target!(|bytes: &[u8]| {
    let file = Counted {
        bytes: bytes.to_vec(),
        read: Cell::new(0),
    };
    let found = usdt::read(&file);
    // Headers and each table and the notes once: 16 + 64 + 64 bytes, and four parts of the file.
    assert!(file.read.get() <= 4 * file.size() + 144);
    let Ok(found) = found else { return };
    for tracepoint in &found.tracepoints {
        assert!(!tracepoint.sites.is_empty());
        assert_eq!(found.get(&tracepoint.id), Some(tracepoint));
        for pair in tracepoint.sites.windows(2) {
            let [first, second] = pair else { continue };
            let key = |site: &usdt::CallSite| (site.address, site.semaphore.map(|one| one.address));
            assert!(key(first) < key(second), "two notes of one call site");
        }
    }
});
