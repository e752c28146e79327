//! USDT tracepoints of Linux programs: which there are, where, what they pass, and what they tell while the
//! program runs.
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

//!
//! A [`Session`] traces them (Linux only): counts, sums, histograms, counts by key and whole events, exact and
//! cheap, because they are added up in the kernel.

mod file;
mod near;
#[cfg(target_os = "linux")]
mod session;
pub mod usdt;

#[cfg(target_os = "linux")]
pub use session::*;
