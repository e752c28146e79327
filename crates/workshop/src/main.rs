//! `workshop`: the instructor's and the participant's one program.
//!
//! This crate is the only one that prints, asks or exits; the libraries below it return what they found.

mod board;
mod cancel;
mod cli;
mod commands;
mod diagnostic;
#[cfg(test)]
mod documented;
mod gather;
mod grade;
#[cfg(target_os = "linux")]
mod guard;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod monitor;
mod nss;
mod output;
mod participant;
mod progress;
mod rehearsal;
mod room;
mod signals;

fn main() -> std::process::ExitCode {
    cli::run()
}
