//! What of workshops there is on this machine, found without the program under test.

use std::collections::BTreeSet;
use std::path::Path;

use super::workshop::output;

/// Where local hosts lie.
pub(super) const ALL: &str = "/var/lib/workshop/local";

/// Links, mounts, cgroups, folders and processes, one a line, each as the tool that shows it does.
#[derive(Debug)]
pub(super) struct Footprint(BTreeSet<String>);

/// The cgroups whose path is of this form. One may go away while they are listed.
pub(super) fn cgroups(form: &str) -> String {
    let script = "find /sys/fs/cgroup -type d -path \"$1\" 2>/dev/null || :";
    output("sh", &["-c", script, "sh", form])
}

impl Footprint {
    pub(super) fn of_the_machine() -> Self {
        let mut found = BTreeSet::new();
        let mut add = |kind: &str, name: &str| found.insert(format!("{kind} {name}"));
        for line in output("ip", &["-o", "link"]).lines() {
            // "7: vb-0123abcd-00@if2: <…": without its number and the other end's.
            let name = line.split(": ").nth(1).unwrap_or(line);
            add("link", name.split('@').next().unwrap_or(name));
        }
        for line in std::fs::read_to_string("/proc/mounts").unwrap().lines() {
            // The kernel mounts things by itself (tracefs in debugfs), and so do people.
            if ["workshop", "nspawn", "machine"]
                .iter()
                .any(|word| line.contains(word))
            {
                add("mount", line);
            }
        }
        for line in cgroups("*workshop*").lines() {
            add("cgroup", line);
        }
        for folder in [ALL, "/run/systemd/nspawn", "/run/systemd/machines", "/tmp"] {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = path.to_string_lossy();
                // Others make temporary files all the time; systemd-nspawn's have these names.
                if folder != "/tmp" || name.contains("nspawn") {
                    add("folder", &name);
                }
            }
        }
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            if let Some(process) = process(&entry.path()) {
                add("process", &process);
            }
        }
        Self(found)
    }

    /// What was not there before and may be the workshop's: all of it but what carries the label of
    /// another workshop, which somebody may make or destroy meanwhile.
    pub(super) fn since(&self, before: &Self, id: &str) -> Vec<String> {
        let new = self.0.difference(&before.0);
        new.filter(|line| line.contains(id) || !labelled(line))
            .cloned()
            .collect()
    }

    /// Whether any of it carries the workshop's label, by kind.
    pub(super) fn has(&self, kind: &str, id: &str) -> bool {
        let mut lines = self.0.iter();
        lines.any(|line| line.starts_with(kind) && line.contains(id))
    }
}

/// A process of a host, or one that runs a host: its number, its name, and what gives it away.
fn process(folder: &Path) -> Option<String> {
    let pid: u32 = folder.file_name()?.to_str()?.parse().ok()?;
    let read = |file| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let cgroups = read("cgroup");
    let arguments = read("cmdline").replace('\0', " ");
    let of_a_host = cgroups.lines().find(|line| line.contains("workshop-"));
    let runs_a_host = arguments.contains("nspawn") || arguments.contains(ALL);
    let why = of_a_host.or_else(|| runs_a_host.then_some(arguments.as_str()))?;
    Some(format!("{pid} {} {why}", read("comm").trim_end()))
}

/// Whether the line names a workshop: eight hexadecimal digits by themselves.
fn labelled(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
