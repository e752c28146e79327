//! `probe::Session` on the real kernel, in every mode it has: with one link and with perf events, over tracepoints
//! with semaphores and without.
//!
//! All of it needs root, and fails where it is not: `cargo xtask test` runs it through sudo. The programs that are
//! traced are compiled by the tests, and each test traces copies of its own, so that tests side by side do not
//! see each other's events.
#![cfg(target_os = "linux")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../common/programs.rs"]
mod programs;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../common/sdt.rs"]
mod sdt;

#[macro_use]
mod mode;
mod tick;
mod tracee;

mod arguments;
mod conditions;
mod errors;
mod exact;
mod full_table;
mod hooked;
mod namespaces;
mod parts;
mod paths;
mod pids;
mod rebuilt;
mod semaphores;
mod stream;
mod together;
