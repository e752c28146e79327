//! What is known of a program before it runs: its notes, its version, and what is documented for that.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use exercises::Tracepoint;
use exercises::documented::Interface;
use exercises::interface::seen::{Built, Operand};
use exercises::profile::Version;

use super::InterfaceTest;
use crate::gather::{self, Places};
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::process::Process;
use crate::live::regtest::{Datadir, participant};
use crate::participant::Host;

/// A program prints its version at once.
const VERSION: Duration = Duration::from_secs(20);
/// A program lies in `src` or `build/bin` of its tree, or a folder or two deeper.
const DEPTH: usize = 5;

impl InterfaceTest {
    /// Looks at the program that is named, or at the tree's.
    ///
    /// # Errors
    /// When there is none, it has no tracepoints, or it does not run.
    pub(crate) fn of(host: &Host, places: &Places, cancel: &Cancel) -> Result<Self, CouldNot> {
        let program = gather::binary(host, places).ok_or_else(|| {
            CouldNot::new(
                "there is no workshop's tree on this machine",
                "name a program: workshop interface-test BINARY",
            )
        })?;
        // The node is started in a folder of its own.
        let program = std::path::absolute(&program).unwrap_or(program);
        let build = host
            .profile(host.tree(places.tree.as_deref()).as_deref())
            .build;
        let build = format!("build it with them: {}", build.join(" && "));
        let notes = probe::usdt::read_file(&program).map_err(|error| CouldNot {
            remedy: build.clone(),
            ..CouldNot::of(&error)
        })?;
        if notes.tracepoints.is_empty() {
            let path = program.display();
            return Err(CouldNot::new(
                format!("{path} has no tracepoints: it was built without them"),
                build,
            ));
        }
        let version = version(&program, cancel)?;
        let interface = documented(&program, places.tree.as_deref())
            .unwrap_or_else(|| Interface::of_version(Version::from_text(&version)));
        Ok(Self {
            program,
            version,
            interface,
            tracepoints: notes.tracepoints.iter().map(built).collect(),
        })
    }
}

fn built(tracepoint: &probe::usdt::Tracepoint) -> Built {
    let operand = |arg: &probe::usdt::Arg| Operand {
        text: arg.text.clone(),
        layout: arg.spec.as_ref().ok().map(|spec| (spec.size, spec.signed)),
    };
    let id = &tracepoint.id;
    Built {
        id: Tracepoint::new(id.provider.clone(), id.name.clone()),
        sites: tracepoint
            .sites
            .iter()
            .map(|site| site.args.iter().map(operand).collect())
            .collect(),
    }
}

/// The documentation of the tree that was named, else of the one that the program lies in.
fn documented(program: &Path, tree: Option<&Path>) -> Option<Interface> {
    let above = program.ancestors().skip(1).take(DEPTH);
    let mut trees = tree
        .map_or_else(|| above.collect(), |tree| vec![tree])
        .into_iter();
    trees.find_map(|tree| {
        let text = std::fs::read_to_string(tree.join("doc/tracing.md")).ok()?;
        Interface::from_markdown(&text)
    })
}

/// What the program says its version is: `v31.99.0`.
fn version(program: &Path, cancel: &Cancel) -> Result<String, CouldNot> {
    let mut command = Command::new(program);
    // Even then it wants a data directory, makes it, and ends when it may not: behind `sudo` HOME is root's.
    let datadir = Datadir::new()?;
    let mut option = OsString::from("-datadir=");
    option.push(datadir.path());
    command.arg("-version").arg(option);
    if let Some((user, group)) = participant() {
        command.gid(group).uid(user);
    }
    let ended = Process::spawn(&mut command)?.wait(VERSION, cancel)?;
    let mut words = ended.stdout.split_whitespace();
    let version = words.find(|word| {
        let number = word.strip_prefix('v');
        number.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    });
    version.map(str::to_owned).ok_or_else(|| {
        CouldNot::new(
            format!(
                "{} does not tell its version ({})",
                program.display(),
                ended.status
            ),
            "is it a bitcoind? Start it with -version",
        )
    })
}
