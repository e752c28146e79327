//! `cargo xtask test`: every test, on a machine that is made ready first.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::ebpf;
use crate::machine;
use crate::room::Room;
use crate::run::{as_root, build_workshop, headline, root, shown, target};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests on real local hosts. Says so at the end.
    #[arg(long)]
    without_hosts: bool,

    /// Leave out workshop-pdf and the 220 packages that it is built from. Says so at the end.
    #[arg(long)]
    without_pdf: bool,

    /// Given on to the test programs: a part of a test's name.
    filter: Vec<String>,
}

/// Integration tests that trace through the kernel and need root.
const AS_ROOT: &[(&str, &str)] = &[("probe", "session"), ("workshop", "trace")];
/// Integration tests that make real hosts and need root.
const ON_HOSTS: &[(&str, &str)] = &[
    ("provisioner", "local"),
    ("provisioner", "existing"),
    ("workshop", "hosts"),
];

/// Tests on hosts at once: most of them wait most of the time. Those that measure take the machine for themselves.
const AT_ONCE: &str = "2";

/// Nothing else needs it to be built.
const PDF: &str = "workshop-pdf";

impl Args {
    /// `cargo test` over everything that is asked for.
    fn cargo_test(&self) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(root()).args(["test", "--workspace"]);
        if self.without_pdf {
            command.args(["--exclude", PDF]);
        }
        command
    }
}

pub(crate) fn run(args: &Args) -> Result {
    machine::prepare()?;
    let workshop = build_workshop()?;
    headline(
        "Building the tests, and beside them the kernel side, and the base image and closure where they are missing",
    );
    let closure = if args.without_hosts {
        None
    } else {
        Some(start_closure(workshop.clone())?)
    };
    let kernel_side = ebpf::start_check();
    let built = shown(args.cargo_test().arg("--no-run"));
    // All have to end before the first error is told: nothing goes on behind our back.
    let closure = closure.map(|thread| thread.join());
    let kernel_side = kernel_side.join();
    built?;
    if let Some(closure) = closure {
        closure.map_err(|_| "the closure's thread died".to_owned())??;
    }
    let answer = kernel_side.map_err(|_| "the kernel side's thread died".to_owned())??;
    eprintln!("\n{answer}");

    headline("Testing");
    let mut tests = args.cargo_test();
    tests.args(["--no-fail-fast", "--lib", "--bins"]);
    let apart = [ON_HOSTS, AS_ROOT].concat();
    for (_, name) in integration_tests()?
        .iter()
        .filter(|test| !apart.contains(&(test.0.as_str(), test.1.as_str())))
        .filter(|test| !(args.without_pdf && test.0 == PDF))
    {
        tests.args(["--test", name]);
    }
    shown(tests.arg("--").args(&args.filter))?;
    // cargo runs the documentation's examples only on their own.
    shown(args.cargo_test().args(["--doc", "--"]).args(&args.filter))?;
    headline("Testing as root");
    for test in AS_ROOT {
        shown(root_test(test, &workshop).arg("--").args(&args.filter))?;
    }
    if args.without_pdf {
        eprintln!("\nleft out, as asked: {PDF} and its tests");
    }
    if args.without_hosts {
        eprintln!("\nleft out, as asked: the tests on real local hosts");
        return Ok(());
    }
    headline("Testing on real local hosts");
    for test in ON_HOSTS {
        shown(
            root_test(test, &workshop)
                .arg("--")
                .args(&args.filter)
                .args(["--test-threads", AT_ONCE]),
        )?;
    }
    Ok(())
}

/// An integration test that is compiled as the user and run as root.
fn root_test((package, name): &(&str, &str), workshop: &Path) -> Command {
    let runner = as_root("env");
    let words: Vec<String> = std::iter::once(runner.get_program())
        .chain(runner.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let arch = std::env::consts::ARCH.to_uppercase();
    let mut command = Command::new("cargo");
    command
        .current_dir(root())
        .args(["test", "--package", package, "--test", name])
        .env("WORKSHOP_BIN", workshop)
        .env(
            format!("CARGO_TARGET_{arch}_UNKNOWN_LINUX_GNU_RUNNER"),
            words.join(" "),
        );
    command
}

/// Every integration test of the workspace, as (package, name).
fn integration_tests() -> Result<Vec<(String, String)>> {
    let text = crate::run::read(Command::new("cargo").current_dir(root()).args([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    Ok(packages
        .flat_map(|package| {
            let targets = package["targets"].as_array().into_iter().flatten();
            targets
                .filter(|target| target["kind"][0] == "test")
                .filter_map(|target| target["name"].as_str())
                .map(|name| {
                    (
                        package["name"].as_str().unwrap_or_default().to_owned(),
                        name.to_owned(),
                    )
                })
        })
        .collect())
}

/// Provisions a workshop without hosts: that makes the base image and has a builder build the closure.
fn start_closure(workshop: PathBuf) -> Result<std::thread::JoinHandle<Result>> {
    let folder = target().join("xtask/closure");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let inventory = folder.join("inventory.yaml");
    let text = "workshop: {name: Closure}\nhosts: {provider: local, spare: 0}\nparticipants: []\n";
    std::fs::write(&inventory, text)
        .map_err(|error| format!("{}: {error}", inventory.display()))?;
    let room = Room {
        workshop,
        inventory,
    };
    Ok(std::thread::spawn(move || {
        let made = shown(&mut room.command("provision"));
        // The builder goes also when it failed: what it built is in the cache.
        shown(room.command("destroy").arg("--yes"))?;
        made
    }))
}
