//! `cargo xtask ebpf`: the kernel side of the probe engine, from its source to the object that is committed.
//!
//! The object is the same, byte for byte, wherever it is built: compiler, library, linker and packages are pinned,
//! and nothing of the machine gets into it. `--check` relies on that.

mod build;
mod check;
mod difference;
mod files;
mod library;
mod linker;
mod nightly;
mod tools;

use std::path::PathBuf;

use crate::Result;
use crate::run::{behind_a_bar, headline, root, shown, target};
use build::Lock;
use tools::{NoNightly, Outcome, Tools};

pub(crate) use check::start as start_check;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build it elsewhere and compare: the committed object has to be what its source makes.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result {
    if args.check {
        println!("{}", check::check(behind_a_bar)?);
        return Ok(());
    }
    let tools = match Tools::set_up(NoNightly::Install, behind_a_bar)? {
        Outcome::Ready(tools) => tools,
        Outcome::Absent(reason) => return Err(reason),
    };
    headline("Building the kernel side");
    let folder = target().join("ebpf");
    let built = build::build(&tools, &folder, Lock::Complete, |_, cargo| shown(cargo))?;
    let before = std::fs::read(object()).ok();
    files::write(&object(), &built)?;
    let size = built.len();
    let place = object();
    let place = place.strip_prefix(root()).unwrap_or(&place).display();
    if before.as_ref() == Some(&built) {
        println!("{place}: unchanged, {size} bytes");
    } else {
        println!("{place}: written, {size} bytes");
    }
    Ok(())
}

/// The committed object.
fn object() -> PathBuf {
    root().join("crates/probe/ebpf/probe.bpf.o")
}
