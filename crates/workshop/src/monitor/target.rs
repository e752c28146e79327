//! Which node is watched.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use probe::Target;

use crate::commands::trace::target::{in_path, target};
use crate::participant::Host;

/// The system-wide node of a workshop's host; see templates/host/bitcoind.service.j2.
const UNIT: &str = "bitcoind.service";

/// A node to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) target: Target,
    /// Only processes of this systemd unit, where others may run the same file.
    pub(crate) unit: Option<&'static str>,
}

impl Chosen {
    fn program(path: impl Into<PathBuf>) -> Self {
        Self {
            target: Target::path(path),
            unit: None,
        }
    }
}

/// The node that was named, else the host's own, else the one bitcoind that runs here.
pub(crate) fn choose(named: Option<&Path>, host: &Host) -> miette::Result<Chosen> {
    if let Some(named) = named {
        return Ok(Chosen {
            target: target(named),
            unit: None,
        });
    }
    let running = processes();
    if let Some(program) = &host.node_binary {
        let node = running.iter().find(|process| runs_in(process.pid, UNIT));
        let path = match node {
            // The profile may have moved on since the node was started.
            Some(node) if !same_file(&node.exe(), program) => node.program.clone(),
            _ => program.clone(),
        };
        return Ok(Chosen {
            target: Target::Path(path),
            unit: Some(UNIT),
        });
    }
    match running.as_slice() {
        [] => in_path(Path::new("bitcoind")).map(Chosen::program).ok_or_else(|| {
            miette::miette!(
                help = "workshop monitor BINARY watches every process that runs a program, also later ones; \
                        workshop monitor PID watches one process",
                "no bitcoind runs here"
            )
        }),
        [first, rest @ ..] => {
            if rest.iter().all(|other| same_file(&first.exe(), &other.exe())) {
                // A file that was replaced meanwhile is reached through its process only.
                return Ok(if same_file(&first.exe(), &first.program) {
                    Chosen::program(&first.program)
                } else {
                    Chosen {
                        target: Target::Pid(first.pid),
                        unit: None,
                    }
                });
            }
            let all = running.iter().map(|one| format!("\n{:>7} {}", one.pid, one.program.display()));
            Err(miette::miette!(
                help = "name one of them: workshop monitor PID",
                "several programs called bitcoind run here:{}",
                all.collect::<String>()
            ))
        }
    }
}

/// A process that is called bitcoind.
struct Process {
    pid: u32,
    program: PathBuf,
}

impl Process {
    fn exe(&self) -> PathBuf {
        format!("/proc/{}/exe", self.pid).into()
    }
}

fn processes() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    let mut found: Vec<Process> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let program = std::fs::read_link(entry.path().join("exe")).ok()?;
            let name = program.file_name()?.to_str()?;
            // The kernel appends it when the file is gone.
            let name = name.strip_suffix(" (deleted)").unwrap_or(name);
            (name == "bitcoind").then_some(Process { pid, program })
        })
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn same_file(left: &Path, right: &Path) -> bool {
    let inode = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    let left = inode(left);
    left.is_some() && left == inode(right)
}

/// Whether a process belongs to a systemd unit.
pub(crate) fn runs_in(pid: u32, unit: &str) -> bool {
    let cgroups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    cgroups
        .lines()
        .filter_map(|line| line.rsplit('/').next())
        .any(|last| last == unit)
}
