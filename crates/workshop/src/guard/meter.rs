//! Takes the samples: which file says what on this host.
//!
//! A rented host is a whole machine; a local one is a container that sees the machine's /proc/stat and
//! /proc/meminfo. So a host's own control group is asked first, then what a container can say, then /proc.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use provisioner::guard::Config;

use super::census::Census;
use super::escalation::{Capacity, Sample};
use super::files::Files;
use super::sources;

/// The node's unit: it has limits of its own, and a first sync is honest work for hours.
pub(super) const NODE_UNIT: &str = "bitcoind.service";

/// Where version 1 puts processor time: mounted together with `cpu`, or alone.
const CPUACCT: [&str; 2] = ["cpu,cpuacct", "cpuacct"];

/// The kernel's file systems. Other folders in tests.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) proc: PathBuf,
    pub(super) cgroup: PathBuf,
    /// Whether /proc shows more than this host.
    pub(super) container: bool,
}

impl Places {
    pub(super) fn of_this_host() -> Self {
        Self {
            proc: "/proc".into(),
            cgroup: "/sys/fs/cgroup".into(),
            // systemd writes it in every kind of container (container interface).
            container: Path::new("/run/systemd/container").exists(),
        }
    }

    /// Processor time of the host so far.
    fn cpu(&self) -> Option<Duration> {
        let own = read(self.cgroup.join("cpu.stat")).and_then(|it| sources::cpu_stat(&it));
        own.or_else(|| self.cpuacct("")).or_else(|| {
            read(self.proc.join("stat"))
                .filter(|_| !self.container)
                .and_then(|it| sources::proc_stat(&it))
        })
    }

    /// Processor time of the node's unit since it was started.
    fn node_cpu(&self) -> Option<Duration> {
        let unit = Path::new("system.slice").join(NODE_UNIT);
        let own = read(self.cgroup.join(&unit).join("cpu.stat"));
        own.and_then(|it| sources::cpu_stat(&it))
            .or_else(|| self.cpuacct(unit))
    }

    fn cpuacct(&self, group: impl AsRef<Path>) -> Option<Duration> {
        CPUACCT.iter().find_map(|controller| {
            let folder = self.cgroup.join(controller).join(group.as_ref());
            sources::cpuacct_usage(&read(folder.join("cpuacct.usage"))?)
        })
    }

    /// Bytes that processes hold, if a control group knows, or the whole machine is the host.
    fn memory(&self) -> Option<u64> {
        ["memory.stat", "memory/memory.stat"]
            .iter()
            .find_map(|file| sources::memory_stat(&read(self.cgroup.join(file))?))
            .or_else(|| {
                let text = read(self.proc.join("meminfo")).filter(|_| !self.container)?;
                sources::meminfo(&text).map(|(_, used)| used)
            })
    }

    fn sent(&self) -> Option<u64> {
        sources::net_dev(&read(self.proc.join("net/dev"))?)
    }
}

pub(super) fn read(path: impl AsRef<Path>) -> Option<String> {
    // A name of a process need not be UTF-8.
    let bytes = std::fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A counter that only grows, of one that begins anew when its unit or interface does.
#[derive(Debug, Default)]
struct Counter {
    last: Option<u64>,
    total: u64,
}

impl Counter {
    fn see(&mut self, raw: u64) -> u64 {
        let more = match self.last {
            None => 0,
            Some(last) if raw >= last => raw - last,
            Some(_) => raw,
        };
        self.last = Some(raw);
        self.total = self.total.saturating_add(more);
        self.total
    }
}

/// What is measured from one sample to the next.
#[derive(Debug)]
pub(super) struct Meter {
    places: Places,
    start: Instant,
    cpu: Counter,
    node: Counter,
    sent: Counter,
    files: Option<Files>,
}

impl Meter {
    /// `interval`: how often samples are taken.
    pub(super) fn new(places: Places, config: &Config, interval: Duration) -> Self {
        Self {
            places,
            start: Instant::now(),
            cpu: Counter::default(),
            node: Counter::default(),
            sent: Counter::default(),
            files: (config.disk_bytes).map(|_| Files::watch(interval, config.own_disk)),
        }
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn sample(&mut self) -> Sample {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let cpu = self.places.cpu().map(|it| self.cpu.see(micros(it)));
        let node = self.places.node_cpu();
        let node = node.map_or(self.node.total, |it| self.node.see(micros(it)));
        let memory = self.places.memory().or_else(|| {
            Some(Census::take(&self.places, &[]).memory()? + super::files::in_memory())
        });
        Sample {
            at: self.start.elapsed(),
            cpu: cpu.map(|cpu| Duration::from_micros(cpu.saturating_sub(node))),
            memory,
            disk: self.files.as_ref().and_then(Files::measured),
            sent: self.places.sent().map(|it| self.sent.see(it)),
        }
    }
}

/// What the host may use: what the inventory gives it, as far as it is there.
pub(super) fn capacity(config: &Config, places: &Places) -> Capacity {
    let there = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    let memory = read(places.proc.join("meminfo")).and_then(|it| sources::meminfo(&it));
    let memory = memory.map_or(u64::MAX, |(total, _)| total);
    Capacity {
        cpus: config.cpus.map_or(there, |cpus| cpus.min(there)),
        memory: config.memory_bytes.map_or(memory, |it| it.min(memory)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(files: &[(&str, &str)], container: bool) -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let places = Places {
            proc: folder.path().join("proc"),
            cgroup: folder.path().join("cgroup"),
            container,
        };
        (folder, places)
    }

    const PROC: [(&str, &str); 2] = [
        ("proc/stat", "cpu  100 0 0 9000 0 0 0 0 0 0\n"),
        ("proc/meminfo", "MemTotal: 4 kB\nMemAvailable: 1 kB\n"),
    ];

    #[test]
    fn version_2_is_asked_before_the_machine() {
        let (_folder, places) = places(
            &[
                PROC[0],
                PROC[1],
                ("cgroup/cpu.stat", "usage_usec 5000000\n"),
                (
                    "cgroup/system.slice/bitcoind.service/cpu.stat",
                    "usage_usec 4000000\n",
                ),
                ("cgroup/memory.stat", "anon 10\nshmem 5\n"),
            ],
            false,
        );
        assert_eq!(places.cpu(), Some(Duration::from_secs(5)));
        assert_eq!(places.node_cpu(), Some(Duration::from_secs(4)));
        assert_eq!(places.memory(), Some(15));
    }

    #[test]
    fn version_1_is_found_under_both_names() {
        for controller in CPUACCT {
            let own = format!("cgroup/{controller}/cpuacct.usage");
            let node = format!("cgroup/{controller}/system.slice/bitcoind.service/cpuacct.usage");
            let (_folder, places) = places(
                &[
                    (&own, "3000000000\n"),
                    (&node, "2000000000\n"),
                    ("cgroup/memory/memory.stat", "total_rss 7\ntotal_shmem 1\n"),
                ],
                true,
            );
            assert_eq!(places.cpu(), Some(Duration::from_secs(3)));
            assert_eq!(places.node_cpu(), Some(Duration::from_secs(2)));
            assert_eq!(places.memory(), Some(8));
        }
    }

    #[test]
    fn the_machines_figures_are_a_hosts_only_where_it_is_the_machine() {
        let (_folder, whole) = places(&PROC, false);
        assert_eq!(whole.cpu(), Some(Duration::from_secs(1)));
        assert_eq!(whole.memory(), Some(3 * 1024));
        let (_folder, container) = places(&PROC, true);
        assert_eq!(container.cpu(), None);
        assert_eq!(container.memory(), None);
    }

    #[test]
    fn a_counter_that_begins_anew_loses_nothing_and_invents_nothing() {
        let mut counter = Counter::default();
        let seen = [1000, 1500, 1500, 200, 300].map(|raw| counter.see(raw));
        assert_eq!(seen, [0, 500, 500, 700, 800]);
    }
}
