//! Runs programs: shown as they are, or behind one line that says what goes on and for how long.

use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::geteuid;

use crate::Result;

/// The repository's top folder.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// Says what comes next.
pub(crate) fn headline(text: &str) {
    eprintln!("\n==> {text}");
}

/// A program that has to be root: through sudo where we are not.
///
/// sudo starts with an empty environment; what we keep is where the user's own cargo and caches are.
pub(crate) fn as_root(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg("env");
    for name in [
        "PATH",
        "HOME",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "XDG_CACHE_HOME",
        "TERM",
        "NO_COLOR",
        "CI",
        "WORKSHOP_BIN",
        "DEBIAN_FRONTEND",
    ] {
        if let Ok(value) = std::env::var(name) {
            command.arg(format!("{name}={value}"));
        }
    }
    command.arg(program);
    command
}

/// Runs a program that shows its own progress.
pub(crate) fn shown(command: &mut Command) -> Result {
    let status = command
        .status()
        .map_err(|error| format!("cannot run {}: {error}", name(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {status}", name(command)))
    }
}

/// Runs a program and returns what it printed on standard output; its errors go through.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let Output { status, stdout, .. } = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", name(command)))?;
    if !status.success() {
        return Err(format!("{} ended with {status}", name(command)));
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// Runs a program behind one line: what it is for, how long it takes, what it said last. Only when it
/// fails are its last lines shown.
pub(crate) fn behind_a_bar(what: &str, command: &mut Command) -> Result {
    let start = Instant::now();
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}");
        let bar = ProgressBar::new_spinner().with_prefix(what.to_owned());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    });
    if bar.is_none() {
        eprintln!("{what} …");
    }
    let done = with_tail(what, command, bar.clone());
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if done.is_ok() {
        eprintln!("{what}: done in {:.1} s", start.elapsed().as_secs_f64());
    }
    done
}

/// Runs a program without a word, beside others that talk. When it fails, its last lines are in the error.
pub(crate) fn in_silence(what: &str, command: &mut Command) -> Result {
    with_tail(what, command, None)
}

fn with_tail(what: &str, command: &mut Command, bar: Option<ProgressBar>) -> Result {
    let tail = Arc::new(Mutex::new(Vec::new()));
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run {}: {error}", name(command)))?;
    let streams: [Option<Box<dyn std::io::Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    let readers: Vec<_> = streams
        .into_iter()
        .flatten()
        .map(|stream| {
            let (tail, bar) = (Arc::clone(&tail), bar.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(stream)
                    .lines()
                    .map_while(std::io::Result::ok)
                {
                    if let Some(bar) = &bar {
                        bar.set_message(line.clone());
                    }
                    let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                    tail.push(line);
                    if tail.len() > 20 {
                        tail.remove(0);
                    }
                }
            })
        })
        .collect();
    let status = child.wait().map_err(|error| error.to_string())?;
    for reader in readers {
        let _ = reader.join();
    }
    if status.success() {
        return Ok(());
    }
    let seconds = start.elapsed().as_secs_f64();
    let tail = tail
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .join("\n  | ");
    Err(format!(
        "{what}: {} ended with {status} after {seconds:.1} s\n  | {tail}",
        name(command)
    ))
}

/// Builds `workshop` as it is installed on hosts and returns where it is.
pub(crate) fn build_workshop() -> Result<PathBuf> {
    headline("Building workshop");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root());
    if has_static_libc() {
        cargo.arg("build-workshop");
    } else {
        cargo.args(["build", "--release", "--package", "workshop"]);
    }
    shown(&mut cargo)?;
    let program = target().join("release/workshop");
    write_anew(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(program)
}

/// Writes a file anew, as installing it on a host does. The linker fills a program in through a mapping; that leaves
/// it in the kernel's cache as single pages, and mapping those takes a fifth of a short run: we would measure that.
fn write_anew(path: &Path) -> std::io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, std::fs::read(path)?)?;
    std::fs::set_permissions(&new, std::fs::metadata(path)?.permissions())?;
    std::fs::rename(&new, path)
}

/// Whether the C library can be linked in: Debian and Ubuntu have it in libc6-dev, others in a package of its own.
/// Without it the program works the same and takes longer to start.
fn has_static_libc() -> bool {
    // The compiler answers with a path, or with the bare name when it knows none.
    cfg!(all(target_os = "linux", target_env = "gnu"))
        && read(Command::new("cc").arg("-print-file-name=libc.a"))
            .is_ok_and(|path| Path::new(path.trim()).is_absolute())
}

/// cargo's target folder.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .take(4)
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}
