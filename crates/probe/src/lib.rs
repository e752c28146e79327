//! USDT tracepoints of Linux programs: which there are, where, and what they pass.
//!
//! [`usdt`] understands the notes that `sys/sdt.h` leaves in an ELF file; it works on bytes it is given and
//! makes no system call. [`usdt::read_file`] opens a file for it.
//!
//! ```no_run
//! let bitcoind = probe::usdt::read_file("build/bin/bitcoind")?;
//! for tracepoint in &bitcoind.tracepoints {
//!     println!("{} has {} call sites", tracepoint.id, tracepoint.sites.len());
//! }
//! # Ok::<(), probe::usdt::Error>(())
//! ```

mod file;
pub mod usdt;
