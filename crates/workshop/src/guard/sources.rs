//! Where a host's figures stand: cgroups of both versions, /proc, file systems. Text in, numbers out; which file
//! is read is `meter.rs`'s business.

use std::time::Duration;

/// Linux counts processor time for user space in hundredths of a second (USER_HZ), on all machines we know.
pub(super) const TICKS: u64 = 100;

/// Processor time in a version 2 `cpu.stat`. It is there without the controller too, and at the root.
pub(super) fn cpu_stat(text: &str) -> Option<Duration> {
    named(text, "usage_usec").map(Duration::from_micros)
}

/// Processor time in a version 1 `cpuacct.usage`.
pub(super) fn cpuacct_usage(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_nanos)
}

/// Processor time of the whole machine in /proc/stat: neither idle nor stolen by another machine (proc(5)).
pub(super) fn proc_stat(text: &str) -> Option<Duration> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .map_while(|it| it.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; guests are in user and nice already.
    let [user, nice, system, _idle, _iowait, irq, softirq, ..] = ticks.as_slice() else {
        return None;
    };
    Some(from_ticks(user + nice + system + irq + softirq))
}

/// Bytes that processes hold, in a `memory.stat` of either version: what is only cached can be had back.
pub(super) fn memory_stat(text: &str) -> Option<u64> {
    // Version 1 counts children in `total_…` only.
    match (named(text, "anon"), named(text, "shmem")) {
        (Some(anon), Some(shmem)) => Some(anon + shmem),
        _ => Some(named(text, "total_rss")? + named(text, "total_shmem").unwrap_or_default()),
    }
}

/// `(total, not available)` in bytes, in /proc/meminfo.
pub(super) fn meminfo(text: &str) -> Option<(u64, u64)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    };
    let total = field("MemTotal:")?;
    Some((total, total.saturating_sub(field("MemAvailable:")?)))
}

/// Bytes sent by all interfaces but the loopback, in /proc/net/dev.
pub(super) fn net_dev(text: &str) -> Option<u64> {
    let mut sent = None;
    for line in text.lines() {
        let Some((name, figures)) = line.split_once(':') else {
            continue;
        };
        let figure = figures.split_whitespace().nth(8)?.parse::<u64>().ok()?;
        if name.trim() != "lo" {
            sent = Some(sent.unwrap_or(0) + figure);
        }
    }
    sent
}

/// What /proc/PID/stat says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) name: String,
    pub(super) parent: u32,
    pub(super) group: u32,
    /// Of itself and of children that ended and were waited for.
    pub(super) ticks: u64,
    /// When it was started, in ticks since the boot: with the PID, who it is.
    pub(super) started: u64,
}

/// Reads /proc/PID/stat. A name may hold blanks and brackets; what is behind the last bracket does not.
pub(super) fn stat(text: &str) -> Option<Stat> {
    let (head, rest) = text.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Field 3, the state, is the first here.
    let field = |number: usize| fields.get(number - 3).and_then(|it| it.parse::<u64>().ok());
    Some(Stat {
        name: name.to_owned(),
        parent: u32::try_from(field(4)?).ok()?,
        group: u32::try_from(field(5)?).ok()?,
        // cutime and cstime are signed, and never negative.
        ticks: field(14)? + field(15)? + field(16)? + field(17)?,
        started: field(22)?,
    })
}

/// Bytes of a process's own memory, in /proc/PID/statm: resident but for files and shared memory.
pub(super) fn statm(text: &str, page: u64) -> Option<u64> {
    let mut pages = text
        .split_whitespace()
        .map_while(|it| it.parse::<u64>().ok());
    let (_, resident, shared) = (pages.next()?, pages.next()?, pages.next()?);
    Some(resident.saturating_sub(shared) * page)
}

/// Bytes a process had written to disks, in /proc/PID/io.
pub(super) fn io_written(text: &str) -> Option<u64> {
    named(text, "write_bytes:")
}

/// The group of the one hierarchy that names units, in /proc/PID/cgroup.
pub(super) fn unit_path(text: &str) -> &str {
    text.lines()
        .find_map(|line| line.strip_prefix("0::"))
        .or_else(|| {
            let mut lines = text.lines();
            lines.find_map(|line| line.split_once(":name=systemd:").map(|(_, path)| path))
        })
        .unwrap_or_default()
}

/// Inodes of the sockets in /proc/net/{tcp,udp,raw}{,6} that may talk to another host.
pub(super) fn outbound(text: &str, connected_only: bool) -> Vec<u64> {
    let mut inodes = Vec::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split_whitespace();
        let (Some(local), Some(remote), Some(inode)) =
            (fields.nth(1), fields.next(), fields.nth(6))
        else {
            continue;
        };
        let is_open = remote
            .split(':')
            .next()
            .is_some_and(|it| it.bytes().all(|c| c == b'0'));
        if (connected_only && is_open) || is_loopback(remote) || is_loopback(local) {
            continue;
        }
        inodes.extend(inode.parse::<u64>().ok());
    }
    inodes
}

/// `0100007F:20FB`: in the machine's own order of bytes, four at a time.
fn is_loopback(address: &str) -> bool {
    let host = address.split(':').next().unwrap_or_default();
    let v4 = |word: &str| {
        if cfg!(target_endian = "little") {
            word.ends_with("7F")
        } else {
            word.starts_with("7F")
        }
    };
    match host.len() {
        8 => v4(host),
        // ::1, and 127.0.0.0/8 in IPv6's clothes.
        32 => {
            let (head, last) = host.split_at(24);
            let one = if cfg!(target_endian = "little") {
                "01000000"
            } else {
                "00000001"
            };
            (head.bytes().all(|c| c == b'0') && last == one) || (head.contains("FFFF") && v4(last))
        }
        _ => false,
    }
}

pub(super) fn from_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(1000 / TICKS))
}

/// `name number` on a line.
fn named(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_in_three_forms() {
        let v2 = "usage_usec 90123456\nuser_usec 1\nsystem_usec 2\nnr_periods 0\n";
        assert_eq!(cpu_stat(v2), Some(Duration::from_micros(90_123_456)));
        assert_eq!(
            cpuacct_usage("90123456789\n"),
            Some(Duration::from_nanos(90_123_456_789))
        );
        let stat = "cpu  100 10 50 9000 70 3 2 11 100 0\ncpu0 1 2 3\nintr 5\n";
        assert_eq!(proc_stat(stat), Some(Duration::from_millis(1650)));
        for odd in ["", "usage_usec\n", "usage_usec x\n", "cpu 1 2\n", "-5"] {
            assert_eq!(cpu_stat(odd), None, "{odd}");
            assert_eq!(cpuacct_usage(odd), None, "{odd}");
            assert_eq!(proc_stat(odd), None, "{odd}");
        }
    }

    #[test]
    fn memory_without_what_is_cached() {
        let v2 = "anon 1000\nfile 900000\nkernel 5\nshmem 24\n";
        assert_eq!(memory_stat(v2), Some(1024));
        let v1 = "cache 9\nrss 1\nshmem 0\ntotal_cache 90\ntotal_rss 1000\ntotal_shmem 24\n";
        assert_eq!(memory_stat(v1), Some(1024));
        assert_eq!(memory_stat("cache 9\n"), None);
        let text = "MemTotal:        2048 kB\nMemFree: 100 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(meminfo(text), Some((2 << 20, 1 << 20)));
        assert_eq!(meminfo("MemTotal: 2048 kB\n"), None);
    }

    #[test]
    fn what_is_sent_leaves_the_host() {
        let text = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 5000       10    0    0    0     0          0         0     5000      10    0    0    0     0       0          0
 host0: 1234       12    0    0    0     0          0         0     9876      34    0    0    0     0       0          0
  eth1:1 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0
";
        assert_eq!(net_dev(text), Some(9976));
        assert_eq!(net_dev("Inter-|\n"), None);
        assert_eq!(net_dev("eth0: 1 2\n"), None);
    }

    #[test]
    fn a_process_may_call_itself_anything() {
        let text = "77 (a) b (c) R 1 70 60 0 -1 4194304 1 0 0 0 40 2 30 1 20 0 1 0 5150 9 9\n";
        assert_eq!(
            stat(text),
            Some(Stat {
                name: "a) b (c".into(),
                parent: 1,
                group: 70,
                ticks: 73,
                started: 5150,
            })
        );
        assert_eq!(stat("77 (a) R 1"), None);
        assert_eq!(stat("no process"), None);
        assert_eq!(statm("500 30 20 1 0 5 0\n", 4096), Some(40960));
        assert_eq!(statm("500\n", 4096), None);
        assert_eq!(
            io_written("rchar: 1\nwrite_bytes: 4096\ncancelled_write_bytes: 0\n"),
            Some(4096)
        );
    }

    #[test]
    fn units_in_both_hierarchies() {
        assert_eq!(
            unit_path("0::/system.slice/ssh.service\n"),
            "/system.slice/ssh.service"
        );
        let hybrid = "9:memory:/x\n1:name=systemd:/user.slice/session-2.scope\n";
        assert_eq!(unit_path(hybrid), "/user.slice/session-2.scope");
        assert_eq!(unit_path("9:memory:/x\n"), "");
    }

    #[test]
    fn sockets_that_talk_to_others() {
        let line = |local: &str, remote: &str, inode: u64| {
            format!(
                "   0: {local}:20FB {remote}:0016 01 00000000:00000000 00:00000000 00000000  0        0 {inode} 1 0\n"
            )
        };
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let tcp = [
            line("0B07E70A", "0C07E70A", 1),
            line("0100007F", "0100007F", 2),
            line("00000000", "00000000", 3),
            line(&"0".repeat(32), "00000000000000000000000001000000", 4),
            line(
                "0000000000000000FFFF00000B07E70A",
                "0000000000000000FFFF00000C07E70A",
                5,
            ),
            line(
                "0000000000000000FFFF00000100007F",
                "0000000000000000FFFF00000100007F",
                6,
            ),
        ];
        let text = head.to_owned() + &tcp.concat() + "broken\n";
        assert_eq!(outbound(&text, true), [1, 5]);
        // A datagram needs no connection.
        assert_eq!(outbound(&text, false), [1, 3, 5]);
    }
}
