//! Start-up: how long `workshop tracepoints` takes as a whole process, against what people use otherwise.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::median;
use crate::Result;
use crate::run::{as_root, headline, read, shown, target};

/// bitcoind with debug information, roughly.
const DEBUG_BINARY: u64 = 300 << 20;

/// A process takes milliseconds, and a busy machine's scheduler as much: many short runs, in turn.
const RUNS: usize = 101;

/// bpftrace takes some fifty times as long.
const BPFTRACE_RUNS: usize = 21;

/// Measures with `binary`, and with the same one as large as a build with debug information.
pub(super) fn measure(workshop: &Path, binary: &Path) -> Result {
    headline("Start-up and tracepoints");
    let [version] = in_turn(RUNS, [&|| quiet(workshop, "--version")])?;
    println!(
        "workshop --version: {:.2} ms (promised: under 10)",
        median(&version) * 1000.0
    );
    listing(workshop, binary)?;
    let large = enlarged(binary)?;
    let measured = listing(workshop, &large);
    std::fs::remove_file(&large).map_err(|error| format!("{}: {error}", large.display()))?;
    measured
}

fn listing(workshop: &Path, binary: &Path) -> Result {
    let size = std::fs::metadata(binary)
        .map_err(|error| format!("{}: {error}", binary.display()))?
        .len();
    println!("{} of {} MB:", name_of(binary), size / 1_000_000);
    let ours = || {
        let mut command = quiet(workshop, "tracepoints");
        command.arg(binary);
        command
    };
    let readelf = || {
        let mut command = quiet("readelf", "-n");
        command.arg(binary);
        command
    };
    let [own, theirs] = in_turn(RUNS, [&ours, &readelf])?;
    report("readelf -n", &own, &theirs, "1");
    let Ok(version) = read(Command::new("bpftrace").arg("--version")) else {
        println!("  bpftrace -l: skipped, bpftrace is not installed (apt-get install bpftrace)");
        return Ok(());
    };
    let bpftrace = || {
        // bpftrace lists nothing for anybody but root.
        let mut command = as_root("bpftrace");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
            .arg("-l")
            .arg(format!("usdt:{}:*", binary.display()));
        command
    };
    let [own, theirs] = in_turn(BPFTRACE_RUNS, [&ours, &bpftrace])?;
    report(
        &format!("{} -l", version.trim()),
        &own,
        &theirs,
        "1/20 = 0.05",
    );
    Ok(())
}

fn report(other: &str, ours: &[f64], theirs: &[f64], promised: &str) {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
    let fastest = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min) * 1000.0;
    println!(
        "  workshop tracepoints {:.2} ms (fastest {:.2}), {other} {:.2} ms ({:.2}), ratio {:.3} (promised: at most {promised})",
        median(ours) * 1000.0,
        fastest(ours),
        median(theirs) * 1000.0,
        fastest(theirs),
        median(&ratios),
    );
}

fn quiet(program: impl AsRef<std::ffi::OsStr>, argument: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(argument).stdout(Stdio::null());
    command
}

/// Seconds of each run of each command: one of each in turn, so that a slow moment of the machine meets all. The
/// first round only warms up.
fn in_turn<const N: usize>(
    runs: usize,
    commands: [&dyn Fn() -> Command; N],
) -> Result<[Vec<f64>; N]> {
    let mut times = [const { Vec::new() }; N];
    for round in 0..=runs {
        for (command, times) in commands.iter().zip(&mut times) {
            let mut command = command();
            let start = Instant::now();
            shown(&mut command)?;
            if round > 0 {
                times.push(start.elapsed().as_secs_f64());
            }
        }
    }
    Ok(times)
}

/// A copy of the program with a section that no program reads, as debug information is.
fn enlarged(binary: &Path) -> Result<PathBuf> {
    let folder = target().join("xtask/bench");
    let filling = folder.join("filling");
    let large = folder.join(format!("{}-with-debug-information", name_of(binary)));
    let failed = |error: std::io::Error| format!("{}: {error}", filling.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let file = std::fs::File::create(&filling).map_err(failed)?;
    file.set_len(DEBUG_BINARY).map_err(failed)?;
    let made = shown(
        Command::new("objcopy")
            .arg("--add-section")
            .arg(format!(".debug_filling={}", filling.display()))
            .args(["--set-section-flags", ".debug_filling=readonly,debug"])
            .args([binary, &large]),
    );
    std::fs::remove_file(&filling).map_err(failed)?;
    made.map(|()| large)
}

fn name_of(binary: &Path) -> String {
    binary
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
