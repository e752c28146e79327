//! `cargo xtask demo | test | bench | ebpf | fuzz`: everything a newcomer or a CI run needs, from a machine that has only Rust.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool of this repository that talks to its developers"
)]

mod bench;
mod demo;
mod ebpf;
mod fuzz;
mod machine;
mod room;
mod run;
mod test;

use std::process::ExitCode;

use clap::Parser;

/// What the tasks of this repository return: an error is a message for whoever ran them.
type Result<T = ()> = std::result::Result<T, String>;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Tasks of this repository"
)]
enum Task {
    /// Provision the repository's inventory.yaml on this machine and do the tasks as a participant.
    Demo(demo::Args),
    /// Run every test, those on real local hosts included.
    Test(test::Args),
    /// Measure what the project promises; prints the figures, judges nothing.
    Bench(bench::Args),
    /// Rebuild the kernel side of the probe engine: the object that is committed.
    Ebpf(ebpf::Args),
    /// Look for files and operands that the note reader falls over.
    Fuzz(fuzz::Args),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Ebpf(args) => ebpf::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nerror: {message}");
            ExitCode::FAILURE
        }
    }
}
