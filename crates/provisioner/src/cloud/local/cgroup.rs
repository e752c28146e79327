//! The cgroups of hosts: what a host may use, and which processes are its own.
//!
//! Three worlds: version 1 controllers, each a hierarchy, usually with an empty unified one beside
//! them; version 2 with systemd as process 1, which owns the tree and is asked through
//! `systemd-run`; and version 2 without it, where we make the folders ourselves.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::error::LocalError;
use super::mounts::{self, Mount};
use super::tools;
use crate::cloud::{HostLimits, WorkshopId};

/// The kernel's default period of the processor quota, in microseconds (sched-bwc.rst).
const PERIOD_US: f64 = 100_000.0;

/// How long killed processes may take to be gone; a kill is at once unless one waits for a disk.
const PATIENCE: Duration = Duration::from_secs(15);

/// How this machine's cgroups are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Layout {
    /// A hierarchy for each controller or two.
    V1 {
        hierarchies: Vec<Hierarchy>,
        unified: Option<PathBuf>,
    },
    /// One hierarchy that nobody manages.
    V2 { root: PathBuf },
    /// One hierarchy that systemd manages.
    Systemd { root: PathBuf },
}

/// A version 1 hierarchy: where it is mounted, and its mount options, among them its controllers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    root: PathBuf,
    options: Vec<String>,
}

/// The cgroups of one workshop.
#[derive(Clone, Debug)]
pub(super) struct Cgroups {
    layout: Layout,
    workshop: WorkshopId,
}

impl Cgroups {
    /// Looks at how this machine does it.
    pub(super) fn detect(workshop: WorkshopId) -> Result<Self, LocalError> {
        // What sd_booted(3) looks for.
        let systemd = Path::new("/run/systemd/system").is_dir();
        let layout = Layout::of(&mounts::all()?, systemd).ok_or(LocalError::NoCgroups)?;
        Ok(Self { layout, workshop })
    }

    /// The unit of a host where systemd manages the cgroups.
    pub(super) fn unit(&self, host: &str) -> Option<String> {
        matches!(self.layout, Layout::Systemd { .. })
            .then(|| format!("workshop-{}-{host}.service", self.workshop))
    }

    /// The slice that all hosts of the workshop are in, where there are slices.
    pub(super) fn slice(&self) -> String {
        format!("workshop-{}.slice", self.workshop)
    }

    /// The host's folder in the version 1 hierarchies, each of which its first process must join.
    pub(super) fn to_join(&self, host: &str) -> Vec<PathBuf> {
        match &self.layout {
            Layout::V1 { hierarchies, .. } => hierarchies
                .iter()
                .map(|one| self.v1_parent(&one.root).join(host))
                .collect(),
            Layout::V2 { .. } | Layout::Systemd { .. } => Vec::new(),
        }
    }

    /// The host's folder in the unified hierarchy.
    pub(super) fn unified(&self, host: &str) -> Option<PathBuf> {
        match &self.layout {
            Layout::V1 { unified, .. } => {
                let root = unified.as_ref()?;
                Some(self.v1_parent(root).join(host))
            }
            Layout::V2 { root } => Some(self.v1_parent(root).join(host)),
            Layout::Systemd { .. } => Some(self.parents().pop()?.join(self.unit(host)?)),
        }
    }

    /// The folders that hold the hosts' folders.
    pub(super) fn parents(&self) -> Vec<PathBuf> {
        match &self.layout {
            Layout::V1 {
                hierarchies,
                unified,
            } => hierarchies
                .iter()
                .map(|one| &one.root)
                .chain(unified)
                .map(|root| self.v1_parent(root))
                .collect(),
            Layout::V2 { root } => vec![self.v1_parent(root)],
            Layout::Systemd { root } => vec![root.join("workshop.slice").join(self.slice())],
        }
    }

    fn v1_parent(&self, root: &Path) -> PathBuf {
        root.join(format!("workshop-{}", self.workshop))
    }

    fn folders(&self, host: &str) -> Vec<PathBuf> {
        let mut folders = self.to_join(host);
        folders.extend(self.unified(host));
        folders
    }

    /// Every name that has a cgroup, whether or not anything else is left of that host.
    pub(super) fn hosts(&self) -> BTreeSet<String> {
        let mut hosts = BTreeSet::new();
        for parent in self.parents() {
            for folder in children(&parent) {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                let host = match self.layout {
                    Layout::Systemd { .. } => name
                        .strip_prefix(&format!("workshop-{}-", self.workshop))
                        .and_then(|rest| rest.strip_suffix(".service")),
                    _ => Some(name.as_ref()),
                };
                hosts.extend(host.map(str::to_owned));
            }
        }
        hosts
    }

    /// Makes the host's cgroups with their limits. Where systemd does that, the limits are
    /// properties of the unit ([`systemd_properties`]), and only a unit that runs is told here.
    pub(super) fn prepare(&self, host: &str, limits: &HostLimits) -> Result<(), LocalError> {
        let making = "make the host's cgroup";
        match &self.layout {
            Layout::V1 {
                hierarchies,
                unified,
            } => {
                for hierarchy in hierarchies {
                    let folder = self.v1_parent(&hierarchy.root).join(host);
                    fs_err::create_dir_all(&folder).map_err(LocalError::io(making))?;
                }
                for (controller, what, files) in v1_settings(limits) {
                    let hierarchy = hierarchies
                        .iter()
                        .find(|one| one.options.iter().any(|option| option == controller));
                    match hierarchy {
                        Some(one) => {
                            let folder = self.v1_parent(&one.root).join(host);
                            write_all(&folder, &files, what)?;
                        }
                        // Without a limit there is nothing to write.
                        None if files
                            .iter()
                            .all(|file| ["-1", "max"].contains(&file.value.as_str())) => {}
                        None => return Err(LocalError::Controller { what, source: None }),
                    }
                }
                if let Some(root) = unified {
                    let folder = self.v1_parent(root).join(host);
                    fs_err::create_dir_all(&folder).map_err(LocalError::io(making))?;
                }
            }
            Layout::V2 { root } => {
                let parent = self.v1_parent(root);
                let folder = parent.join(host);
                fs_err::create_dir_all(&folder).map_err(LocalError::io(making))?;
                for (controller, what, files) in v2_settings(limits) {
                    let enabled = [root, &parent]
                        .into_iter()
                        .try_for_each(|at| enable(at, controller));
                    match enabled {
                        Ok(()) => write_all(&folder, &files, what)?,
                        Err(_) if files.iter().all(|file| file.value == "max") => {}
                        Err(source) => {
                            return Err(LocalError::Controller {
                                what,
                                source: Some(source),
                            });
                        }
                    }
                }
            }
            Layout::Systemd { root } => {
                // systemd passes over a limit that the kernel cannot set.
                let controllers = fs_err::read_to_string(root.join("cgroup.controllers"))
                    .map_err(LocalError::io(making))?;
                if let Some(what) = lacking(&controllers, limits) {
                    return Err(LocalError::Controller { what, source: None });
                }
                let runs = self.unified(host).is_some_and(|folder| folder.is_dir());
                if let Some(unit) = self.unit(host).filter(|_| runs) {
                    let mut set = tools::command("systemctl");
                    set.args(["set-property", "--runtime", &unit])
                        .args(systemd_properties(limits));
                    tools::run(set)?;
                }
            }
        }
        Ok(())
    }

    /// Every process of the host.
    pub(super) fn pids(&self, host: &str) -> BTreeSet<u32> {
        let mut pids = BTreeSet::new();
        for folder in self.folders(host) {
            for group in tree(&folder) {
                pids.extend(procs(&group));
            }
        }
        pids
    }

    /// Kills every process of the host and waits until none is left.
    pub(super) fn kill(&self, host: &str) -> Result<(), LocalError> {
        let start = Instant::now();
        let unified = self.unified(host);
        loop {
            // At once for a whole tree, forks included, since Linux 5.14.
            let killed = unified
                .as_ref()
                .is_some_and(|folder| std::fs::write(folder.join("cgroup.kill"), "1").is_ok());
            let pids = self.pids(host);
            if pids.is_empty() {
                return Ok(());
            }
            // A process that has left the unified tree is still in the others.
            if !killed || start.elapsed() > Duration::from_millis(500) {
                for pid in &pids {
                    let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw);
                    // One that has ended meanwhile is no error.
                    let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
                }
            }
            if start.elapsed() > PATIENCE {
                return Err(LocalError::Unkillable {
                    name: host.to_owned(),
                    pids: pids.into_iter().collect(),
                });
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills every process of the host, and has systemd forget it where it knows of it.
    pub(super) fn stop(&self, host: &str) -> Result<(), LocalError> {
        self.kill(host)?;
        if let Some(unit) = self.unit(host) {
            for verb in ["stop", "reset-failed"] {
                let mut command = tools::command("systemctl");
                command.args([verb, &unit]);
                // It fails when the unit is gone, which is what is wanted.
                let _ = tools::run(command);
            }
            // One that was only about to start has started meanwhile.
            self.kill(host)?;
        }
        Ok(())
    }

    /// Removes the host's cgroups, and with them what is in them: the loop of a run that was killed
    /// may have been about to join them when [`Cgroups::stop`] found nobody there.
    pub(super) fn remove(&self, host: &str) -> Result<(), LocalError> {
        remove_trees(&self.folders(host), || self.kill(host))
    }

    /// Removes the workshop's own cgroups, once no host is left.
    pub(super) fn remove_parents(&self) -> Result<(), LocalError> {
        if matches!(self.layout, Layout::Systemd { .. }) {
            let mut stop = tools::command("systemctl");
            stop.args(["stop", &self.slice()]);
            let _ = tools::run(stop);
        }
        remove_trees(&self.parents(), || Ok(()))
    }
}

/// The roots below which cgroups of any workshop can be, and the folders there that are one's.
pub(super) fn of_all_workshops() -> Result<BTreeSet<WorkshopId>, LocalError> {
    let mut ids = BTreeSet::new();
    for mount in mounts::all()? {
        if !mount.filesystem.starts_with("cgroup") {
            continue;
        }
        let slices = children(&mount.point.join("workshop.slice"));
        for folder in children(&mount.point).into_iter().chain(slices) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let id = name.strip_prefix("workshop-");
            let id = id.map(|rest| rest.strip_suffix(".slice").unwrap_or(rest));
            ids.extend(id.and_then(|id| id.parse().ok()));
        }
    }
    Ok(ids)
}

/// The limits as systemd.resource-control(5) names them.
pub(super) fn systemd_properties(limits: &HostLimits) -> Vec<String> {
    let or_infinity =
        |value: Option<u64>| value.map_or("infinity".into(), |value| value.to_string());
    vec![
        format!("MemoryMax={}", or_infinity(limits.memory_bytes)),
        // Empty takes a limit away.
        format!(
            "CPUQuota={}",
            limits
                .cpus
                .map_or(String::new(), |cpus| format!("{:.0}%", cpus * 100.0))
        ),
        format!("TasksMax={}", or_infinity(limits.pids)),
        format!(
            "MemorySwapMax={}",
            limits.memory_bytes.map_or("infinity", |_| "0")
        ),
    ]
}

impl Layout {
    fn of(mounts: &[Mount], systemd: bool) -> Option<Self> {
        let unified = mounts
            .iter()
            .find(|mount| mount.filesystem == "cgroup2")
            .map(|mount| mount.point.clone());
        let wanted = ["memory", "pids", "cpu", "cpuacct", "name=systemd"];
        let mut hierarchies: Vec<Hierarchy> = Vec::new();
        for mount in mounts.iter().filter(|mount| mount.filesystem == "cgroup") {
            let options: Vec<_> = mount.options.split(',').map(str::to_owned).collect();
            let known = hierarchies.iter().any(|one| one.options == options);
            // One hierarchy may be mounted at two places.
            if !known
                && options
                    .iter()
                    .any(|option| wanted.contains(&option.as_str()))
            {
                hierarchies.push(Hierarchy {
                    root: mount.point.clone(),
                    options,
                });
            }
        }
        match unified {
            unified if !hierarchies.is_empty() => Some(Self::V1 {
                hierarchies,
                unified,
            }),
            Some(root) if systemd => Some(Self::Systemd { root }),
            Some(root) => Some(Self::V2 { root }),
            None => None,
        }
    }
}

/// One file of a cgroup and what it must hold.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    file: &'static str,
    value: String,
    /// Whether the kernel may be built without this file.
    optional: bool,
}

fn setting(file: &'static str, value: impl ToString, optional: bool) -> Setting {
    Setting {
        file,
        value: value.to_string(),
        optional,
    }
}

type Settings = Vec<(&'static str, &'static str, Vec<Setting>)>;

/// Per controller: its name, what it limits, and its files in the order of writing.
fn v1_settings(limits: &HostLimits) -> Settings {
    let memory = limits
        .memory_bytes
        .map_or("-1".into(), |bytes| bytes.to_string());
    let quota = limits.cpus.map_or(-1, quota_us);
    vec![
        (
            "memory",
            "memory",
            vec![
                // Memory may never exceed memory with swap. Growing needs the second first,
                // shrinking the first: written twice, one of the two orders is the right one.
                setting("memory.limit_in_bytes", &memory, true),
                setting("memory.memsw.limit_in_bytes", &memory, true),
                setting("memory.limit_in_bytes", &memory, false),
            ],
        ),
        (
            "cpu",
            "processors",
            vec![setting("cpu.cfs_quota_us", quota, false)],
        ),
        (
            "pids",
            "processes",
            match limits.pids {
                Some(pids) => vec![setting("pids.max", pids, false)],
                None => vec![setting("pids.max", "max", true)],
            },
        ),
    ]
}

fn v2_settings(limits: &HostLimits) -> Settings {
    let or_max = |value: Option<u64>| value.map_or("max".into(), |value| value.to_string());
    let swap = limits.memory_bytes.map_or("max", |_| "0");
    // Without a period the kernel keeps the default.
    let quota = limits
        .cpus
        .map_or("max".into(), |cpus| quota_us(cpus).to_string());
    vec![
        (
            "memory",
            "memory",
            vec![
                setting("memory.max", or_max(limits.memory_bytes), false),
                setting("memory.swap.max", swap, true),
            ],
        ),
        ("cpu", "processors", vec![setting("cpu.max", quota, false)]),
        (
            "pids",
            "processes",
            vec![setting("pids.max", or_max(limits.pids), false)],
        ),
    ]
}

/// What is to be limited and none of these controllers can.
fn lacking(controllers: &str, limits: &HostLimits) -> Option<&'static str> {
    let has = |name| controllers.split_whitespace().any(|one| one == name);
    v2_settings(limits)
        .into_iter()
        .find(|(controller, _, files)| {
            !has(*controller) && files.iter().any(|file| file.value != "max")
        })
        .map(|(_, what, _)| what)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float cast saturates, and no machine has that many processors"
)]
fn quota_us(cpus: f64) -> i64 {
    // The kernel takes no quota below a millisecond.
    (cpus * PERIOD_US).max(1000.0) as i64
}

fn write_all(folder: &Path, settings: &[Setting], what: &'static str) -> Result<(), LocalError> {
    for setting in settings {
        let written = fs_err::write(folder.join(setting.file), &setting.value);
        if !setting.optional {
            written.map_err(|source| LocalError::Controller {
                what,
                source: Some(source),
            })?;
        }
    }
    Ok(())
}

fn enable(folder: &Path, controller: &str) -> io::Result<()> {
    let control = folder.join("cgroup.subtree_control");
    let enabled = fs_err::read_to_string(&control)?;
    if enabled.split_whitespace().any(|one| one == controller) {
        return Ok(());
    }
    fs_err::write(control, format!("+{controller}"))
}

/// The cgroups directly in this one.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// This cgroup and all below it, parents before children.
pub(super) fn tree(folder: &Path) -> Vec<PathBuf> {
    if !folder.is_dir() {
        return Vec::new();
    }
    let mut found = vec![folder.to_owned()];
    let mut at = 0;
    while let Some(folder) = found.get(at) {
        let below = children(folder);
        found.extend(below);
        at += 1;
    }
    found
}

/// The processes in this very cgroup; none when it is gone or, being threaded, does not tell (its
/// processes are then listed further up).
pub(super) fn procs(group: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    // 0 is a process of another process namespace, which cannot be named from here.
    text.lines()
        .filter_map(|line| line.parse().ok())
        .filter(|pid| *pid != 0)
        .collect()
}

/// Removes these cgroups and all below them. Whenever one is in use, `kill` ends whoever uses it; all are
/// tried before, so that who joins one after the other does not find the next.
fn remove_trees(
    folders: &[PathBuf],
    kill: impl FnMut() -> Result<(), LocalError>,
) -> Result<(), LocalError> {
    let once = || {
        let mut failed = Ok(());
        for group in folders
            .iter()
            .flat_map(|folder| tree(folder).into_iter().rev())
        {
            match fs_err::remove_dir(group) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => failed = Err(error),
                _ => {}
            }
        }
        failed
    };
    until_unused(once, kill, PATIENCE)
}

/// Repeats `remove` for as long as it fails because of somebody who can be killed.
fn until_unused(
    mut remove: impl FnMut() -> io::Result<()>,
    mut kill: impl FnMut() -> Result<(), LocalError>,
    patience: Duration,
) -> Result<(), LocalError> {
    let start = Instant::now();
    loop {
        match remove() {
            Ok(()) => return Ok(()),
            Err(error)
                if error.kind() == io::ErrorKind::ResourceBusy && start.elapsed() < patience =>
            {
                kill()?;
                // A process that has just ended holds its cgroup a moment longer.
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(LocalError::io("remove a cgroup")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(point: &str, filesystem: &str, options: &str) -> Mount {
        Mount {
            what: "cgroup".into(),
            point: point.into(),
            filesystem: filesystem.into(),
            options: options.into(),
        }
    }

    fn cgroups(mounts: &[Mount], systemd: bool) -> Cgroups {
        Cgroups {
            layout: Layout::of(mounts, systemd).unwrap(),
            workshop: "0a1b2c3d".parse().unwrap(),
        }
    }

    #[test]
    fn hybrid_hierarchies_are_all_joined_and_each_only_once() {
        let hybrid = cgroups(
            &[
                mount("/c/cpu", "cgroup", "rw,cpu,cpuacct"),
                mount("/c/cpuacct", "cgroup", "rw,cpu,cpuacct"),
                mount("/c/memory", "cgroup", "rw,memory"),
                mount("/c/freezer", "cgroup", "rw,freezer"),
                mount("/c/unified", "cgroup2", "rw"),
            ],
            // systemd owns the tree in version 2 only.
            true,
        );
        assert_eq!(
            hybrid.to_join("able"),
            [
                Path::new("/c/cpu/workshop-0a1b2c3d/able"),
                Path::new("/c/memory/workshop-0a1b2c3d/able")
            ]
        );
        let unified = Path::new("/c/unified/workshop-0a1b2c3d/able");
        assert_eq!(hybrid.unified("able").as_deref(), Some(unified));
        assert_eq!(hybrid.unit("able"), None);
    }

    #[test]
    fn where_systemd_manages_the_tree_hosts_are_its_units() {
        let mounts = [mount("/sys/fs/cgroup", "cgroup2", "rw,nsdelegate")];
        let systemd = cgroups(&mounts, true);
        let unit =
            "/sys/fs/cgroup/workshop.slice/workshop-0a1b2c3d.slice/workshop-0a1b2c3d-able.service";
        assert_eq!(systemd.unified("able").as_deref(), Some(Path::new(unit)));
        assert!(systemd.to_join("able").is_empty());
        let plain = cgroups(&mounts, false);
        let folder = "/sys/fs/cgroup/workshop-0a1b2c3d/able";
        assert_eq!(plain.unified("able").as_deref(), Some(Path::new(folder)));
        assert_eq!(Layout::of(&[mount("/", "ext4", "rw")], true), None);
    }

    #[test]
    fn who_joins_a_cgroup_late_is_killed_before_it_is_removed() {
        let busy = || io::Error::from(io::ErrorKind::ResourceBusy);
        let joined = std::cell::Cell::new(true);
        let remove = || if joined.get() { Err(busy()) } else { Ok(()) };
        let kill = || {
            joined.set(false);
            Ok(())
        };
        until_unused(remove, kill, PATIENCE).unwrap();
        // Nobody waits for what no kill ends, nor for long.
        let refused = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(until_unused(refused, || unreachable!(), PATIENCE).is_err());
        assert!(until_unused(|| Err(busy()), || Ok(()), Duration::ZERO).is_err());
    }

    #[test]
    fn a_limit_without_its_controller_is_noticed() {
        let limits = HostLimits {
            memory_bytes: None,
            cpus: Some(2.0),
            pids: Some(100),
            disk_bytes: None,
        };
        assert_eq!(lacking("cpuset cpu io pids", &limits), None);
        assert_eq!(lacking("cpuset io pids", &limits), Some("processors"));
        assert_eq!(lacking("", &HostLimits::default()), None);
    }

    #[test]
    fn limits_mean_the_same_in_every_world() {
        let limits = HostLimits {
            memory_bytes: Some(3 << 30),
            cpus: Some(1.5),
            pids: Some(2048),
            disk_bytes: None,
        };
        let show = |settings: Settings| {
            let files = settings.into_iter().flat_map(|(_, _, files)| files);
            let lines: Vec<_> = files
                .map(|setting| format!("{}={}", setting.file, setting.value))
                .collect();
            lines.join("\n")
        };
        let none = HostLimits::default();
        insta::assert_snapshot!(
            format!(
                "{}\n\n{}\n\n{}\n\nwithout:\n{}\n\n{}\n\n{}",
                show(v1_settings(&limits)),
                show(v2_settings(&limits)),
                systemd_properties(&limits).join("\n"),
                show(v1_settings(&none)),
                show(v2_settings(&none)),
                systemd_properties(&none).join("\n"),
            ),
            @r"
            memory.limit_in_bytes=3221225472
            memory.memsw.limit_in_bytes=3221225472
            memory.limit_in_bytes=3221225472
            cpu.cfs_quota_us=150000
            pids.max=2048

            memory.max=3221225472
            memory.swap.max=0
            cpu.max=150000
            pids.max=2048

            MemoryMax=3221225472
            CPUQuota=150%
            TasksMax=2048
            MemorySwapMax=0

            without:
            memory.limit_in_bytes=-1
            memory.memsw.limit_in_bytes=-1
            memory.limit_in_bytes=-1
            cpu.cfs_quota_us=-1
            pids.max=max

            memory.max=max
            memory.swap.max=max
            cpu.max=max
            pids.max=max

            MemoryMax=infinity
            CPUQuota=
            TasksMax=infinity
            MemorySwapMax=infinity
            "
        );
        assert_eq!(quota_us(0.0), 1000);
    }
}
