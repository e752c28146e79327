//! What task 0 looks at: the kernel, the memory, and whether root is to be had.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use exercises::evidence::Observed;
use exercises::tasks::task0::{Root, Seen, Uprobes};

use super::{read, tools};
use crate::cancel::Cancel;
use crate::participant::Host;

/// sudo answers at once or waits for somebody's password; -n makes it not wait.
const SUDO: Duration = Duration::from_secs(10);

pub(super) fn look(host: &Host, cancel: &Cancel) -> Seen {
    let uname = rustix::system::uname();
    Seen {
        release: Observed::Known(uname.release().to_string_lossy().into_owned()),
        memory_bytes: memory(),
        plan_bytes: host.memory_bytes,
        root: root(cancel),
        btf: Observed::Known(Path::new("/sys/kernel/btf/vmlinux").exists()),
        tracefs: tracefs(),
        uprobes: Observed::Known(uprobes()),
    }
}

fn memory() -> Observed<u64> {
    let found = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = line.and_then(|line| {
            line.trim()
                .trim_end_matches("kB")
                .trim()
                .parse::<u64>()
                .ok()
        });
        kib.map(|kib| kib * 1024)
            .ok_or_else(|| "/proc/meminfo has no MemTotal".to_owned())
    });
    found.map_or_else(
        |why| Observed::unknown(why, "is /proc mounted?"),
        Observed::Known,
    )
}

fn root(cancel: &Cancel) -> Observed<Root> {
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("id")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "id"]);
        sudo
    };
    match tools::run_until(cancel, command.arg("-u"), SUDO) {
        Ok(output) => Observed::Known(Root {
            became: output.success && output.stdout.trim() == "0",
            said: format!("{} {}", output.stdout.trim(), output.stderr.trim())
                .trim()
                .to_owned(),
        }),
        Err(why) => Observed::unknown(why, "is sudo installed?"),
    }
}

fn tracefs() -> Observed<Option<String>> {
    match read("/proc/self/mounts") {
        Ok(mounts) => Observed::Known(mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let place = fields.next()?;
            (fields.next() == Some("tracefs")).then(|| place.to_owned())
        })),
        Err(why) => Observed::unknown(why, "is /proc mounted?"),
    }
}

fn uprobes() -> Uprobes {
    let source = Path::new("/sys/bus/event_source/devices/uprobe");
    Uprobes {
        present: source.join("type").exists(),
        ref_ctr_offset: source.join("format/ref_ctr_offset").exists(),
    }
}
