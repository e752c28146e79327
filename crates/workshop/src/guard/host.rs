//! Looks at processes, and stops them.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::census::{Census, Culprit, Process};
use super::escalation::Resource;
use super::meter::{NODE_UNIT, Places, read};
use super::sources;

/// Between asking a process to end and ending it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Units whose first processes keep the host alive. What they start, somebody asked for.
const OURS: [&str; 9] = [
    "systemd-",
    "dbus",
    "nix-daemon",
    "cron",
    "ssh",
    "getty",
    "console-getty",
    "serial-getty",
    "polkit",
];

impl Census {
    /// All processes, with what it takes to find out who used these resources.
    pub(super) fn take(places: &Places, resources: &[Resource]) -> Self {
        let sockets = if resources.contains(&Resource::Egress) {
            outbound(places)
        } else {
            HashSet::new()
        };
        let entries = std::fs::read_dir(&places.proc).into_iter().flatten();
        let pids = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // One that has ended meanwhile is none.
        let processes = pids.filter_map(|pid| process(places, pid, resources, &sockets));
        Self {
            processes: processes.collect(),
        }
    }

    /// Bytes that all processes hold; none where none can be seen.
    pub(super) fn memory(&self) -> Option<u64> {
        let all = self.processes.iter().map(|process| process.memory).sum();
        (all > 0).then_some(all)
    }
}

fn process(
    places: &Places,
    pid: u32,
    resources: &[Resource],
    sockets: &HashSet<u64>,
) -> Option<Process> {
    let folder = places.proc.join(pid.to_string());
    let stat = sources::stat(&read(folder.join("stat"))?)?;
    let page = rustix::param::page_size() as u64;
    let memory = read(folder.join("statm")).and_then(|it| sources::statm(&it, page));
    let mut process = Process {
        pid,
        parent: stat.parent,
        group: stat.group,
        started: stat.started,
        name: stat.name,
        ticks: stat.ticks,
        memory: memory.unwrap_or(0),
        ..Process::default()
    };
    if resources.is_empty() {
        return Some(process);
    }
    process.user = std::fs::metadata(&folder).ok()?.uid();
    if resources.contains(&Resource::Disk) {
        let written = read(folder.join("io")).and_then(|it| sources::io_written(&it));
        process.written = written.unwrap_or(0);
    }
    let group = read(folder.join("cgroup")).unwrap_or_default();
    // Only the few that look like it are asked what they run.
    let is_sshd = process.user == 0
        && process.name.starts_with("sshd")
        && std::fs::read_link(folder.join("exe")).is_ok_and(|exe| is_sshd(&exe));
    process.ours = is_sshd || is_ours(&process, sources::unit_path(&group));
    process.outbound = !sockets.is_empty() && has_one_of(&folder, sockets);
    Some(process)
}

fn is_sshd(exe: &Path) -> bool {
    exe.starts_with("/usr/sbin") || exe.starts_with("/usr/lib/openssh")
}

/// Whether a process belongs to the system or to the workshop.
fn is_ours(process: &Process, unit: &str) -> bool {
    let unit = unit.rsplit('/').next().unwrap_or_default();
    // Process 1 and the kernel's threads, which are children of process 2.
    process.pid <= 2
        || process.parent == 2
        || process.pid == std::process::id()
        || unit == "init.scope"
        || unit == NODE_UNIT
        || unit == provisioner::guard::UNIT
        // What a session left behind in ssh's own group is not ssh; that one is known by its program.
        || (process.parent == 1 && !unit.starts_with("ssh")
            && unit.ends_with(".service") && OURS.iter().any(|ours| unit.starts_with(ours)))
}

fn outbound(places: &Places) -> HashSet<u64> {
    let net = places.proc.join("net");
    let of = |files: [&str; 2], connected_only: bool| {
        let texts = files.map(|file| read(net.join(file)).unwrap_or_default());
        texts.map(|text| sources::outbound(&text, connected_only))
    };
    [
        of(["tcp", "tcp6"], true),
        of(["udp", "udp6"], false),
        of(["raw", "raw6"], false),
    ]
    .into_iter()
    .flatten()
    .flatten()
    .collect()
}

fn has_one_of(folder: &Path, sockets: &HashSet<u64>) -> bool {
    let files = std::fs::read_dir(folder.join("fd")).into_iter().flatten();
    let links = files
        .flatten()
        .filter_map(|file| std::fs::read_link(file.path()).ok());
    links
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse::<u64>().ok()
        })
        .any(|inode| sockets.contains(&inode))
}

/// Asks what is to blame to end, and ends it if it does not.
pub(super) fn stop(culprit: &Culprit) {
    signal(culprit, Signal::TERM);
    // A stopped one would not hear it.
    signal(culprit, Signal::CONT);
    std::thread::sleep(PATIENCE);
    signal(culprit, Signal::KILL);
}

fn signal(culprit: &Culprit, signal: Signal) {
    let pid = |number: u32| i32::try_from(number).ok().and_then(Pid::from_raw);
    // A group at once: one that starts others faster than they are counted does not get away.
    if let Some(group) = pid(culprit.group).filter(|_| culprit.whole) {
        let _ = kill_process_group(group, signal);
        return;
    }
    for process in culprit.pids.iter().filter_map(|number| pid(*number)) {
        let _ = kill_process(process, signal);
    }
}

/// Asks process 1 to power the host off: by a signal, because on a host that can start no process no command
/// would. The second time it does not stop services first.
pub(super) fn power_off(again: bool) {
    // SIGRTMIN+4 and SIGRTMIN+14 (systemd(1)); glibc, which systemd is built with, begins at 34.
    let number = 34 + if again { 14 } else { 4 };
    // SAFETY: a real-time signal that glibc does not use itself, sent to another process.
    #[expect(unsafe_code, reason = "rustix knows real-time signals by number only")]
    let signal = unsafe { Signal::from_raw_unchecked(number) };
    let _ = kill_process(Pid::INIT, signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_and_the_node_are_ours_and_sessions_are_not() {
        let ours = |pid: u32, parent: u32, unit: &str| {
            let process = Process {
                pid,
                parent,
                ..Process::default()
            };
            is_ours(&process, unit)
        };
        assert!(ours(1, 0, "/init.scope"));
        assert!(ours(70, 2, ""));
        assert!(ours(80, 1, "/system.slice/systemd-journald.service"));
        assert!(ours(81, 80, "/system.slice/bitcoind.service"));
        assert!(ours(82, 1, "/system.slice/nix-daemon.service"));
        assert!(ours(
            83,
            1,
            "/user.slice/user-1000.slice/user@1000.service/init.scope"
        ));

        assert!(!ours(84, 82, "/system.slice/nix-daemon.service"));
        assert!(!ours(85, 1, "/system.slice/ssh.service"));
        assert!(!ours(86, 1, "/system.slice/xmrig.service"));
        assert!(!ours(87, 86, "/user.slice/user-1000.slice/session-3.scope"));
        assert!(!ours(
            88,
            1,
            "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service"
        ));
        assert!(!ours(89, 1, ""));
    }

    #[test]
    fn this_process_is_seen() {
        let census = Census::take(&Places::of_this_host(), &[Resource::Disk, Resource::Egress]);
        let me = (census.processes.iter())
            .find(|process| process.pid == std::process::id())
            .unwrap();
        assert!(me.memory > 0 && me.ours, "{me:?}");
        assert!(census.memory().unwrap() >= me.memory);
    }
}
