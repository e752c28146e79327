//! What we write into a root before it boots for the first time: what never differs between hosts
//! into the image, what differs into a host's upper layer. Never into a root that has booted:
//! somebody else was root there, and any path in it may lead out of it.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt as _;

/// One thing in a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A folder, with its mode.
    Folder(&'static str, u32),
    /// A file with its mode and content, in place of whatever is there.
    File(&'static str, u32, String),
    /// A symbolic link and where it points.
    Link(String, &'static str),
}

/// Units that a container cannot have or that would only cost time and noise.
const MASKED: &[&str] = &[
    // The kernel, its devices and its clock are the machine's.
    "systemd-modules-load.service",
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service",
    "systemd-timesyncd.service",
    // The console is a pipe that nobody reads.
    "console-getty.service",
    "getty@.service",
    // It would make further host keys; ours is the only one.
    "sshd-keygen.service",
    // Nothing may happen by itself while somebody measures, and there is no network for it.
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "man-db.timer",
];

const SSHD: &str = "\
# Of the workshop.
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
# There is no DNS: a lookup would delay every login.
UseDNS no
";

/// tracefs and debugfs come by systemd's own units where those are allowed to; bpffs never does.
const TRACING: &str = "\
[Unit]
Description=File systems of the kernel's tracing
DefaultDependencies=no
After=sys-kernel-debug.mount sys-kernel-tracing.mount
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'set -e; \
has() { while read -r _ at kind _; do [ \"$at $kind\" != \"$1 $2\" ] || return 0; done </proc/mounts; return 1; }; \
has /sys/kernel/tracing tracefs || mount -t tracefs tracefs /sys/kernel/tracing; \
has /sys/kernel/debug debugfs || mount -t debugfs debugfs /sys/kernel/debug; \
has /sys/fs/bpf bpf || mount -t bpf bpf /sys/fs/bpf'

[Install]
WantedBy=sysinit.target
";

/// What every host has alike.
pub(super) fn image_entries() -> Vec<Entry> {
    let mut entries = vec![
        // Empty means: make one at the first boot (machine-id(5)).
        Entry::File("etc/machine-id", 0o444, String::new()),
        Entry::File("etc/hostname", 0o644, "localhost\n".into()),
        Entry::File(
            "etc/resolv.conf",
            0o644,
            "# Hosts on one machine reach one another and nothing else: there is no DNS.\n".into(),
        ),
        Entry::File("etc/ssh/sshd_config.d/10-workshop.conf", 0o644, SSHD.into()),
        Entry::Folder("etc/systemd/system.conf.d", 0o755),
        Entry::File(
            "etc/systemd/system.conf.d/10-workshop.conf",
            0o644,
            // Kernels before 5.11 count BPF maps as locked memory.
            "[Manager]\nDefaultLimitMEMLOCK=infinity\n".into(),
        ),
        Entry::Folder("etc/systemd/journald.conf.d", 0o755),
        Entry::File(
            "etc/systemd/journald.conf.d/10-workshop.conf",
            0o644,
            "[Journal]\nSystemMaxUse=64M\nRuntimeMaxUse=16M\n".into(),
        ),
        Entry::Folder("etc/systemd/system/sysinit.target.wants", 0o755),
        Entry::File(
            "etc/systemd/system/workshop-tracing.service",
            0o644,
            TRACING.into(),
        ),
        Entry::Link(
            "etc/systemd/system/sysinit.target.wants/workshop-tracing.service".into(),
            "../workshop-tracing.service",
        ),
        Entry::Folder("etc/systemd/system/multi-user.target.wants", 0o755),
        Entry::Link(
            "etc/systemd/system/multi-user.target.wants/systemd-networkd.service".into(),
            "/usr/lib/systemd/system/systemd-networkd.service",
        ),
    ];
    entries.extend(
        MASKED
            .iter()
            .map(|unit| Entry::Link(format!("etc/systemd/system/{unit}"), "/dev/null")),
    );
    // Newer than /usr: nothing needs updating after the first boot (systemd-update-done(8)).
    for done in ["etc/.updated", "var/.updated"] {
        entries.push(Entry::File(done, 0o644, String::new()));
    }
    entries
}

/// What tells one host from the others.
pub(super) fn host_entries(
    name: &str,
    address: Ipv4Addr,
    host_key: &str,
    root_key: &str,
) -> Vec<Entry> {
    // The modes are those of the folders below, which these cover.
    vec![
        Entry::Folder("", 0o755),
        Entry::Folder("etc", 0o755),
        Entry::Folder("etc/ssh", 0o755),
        Entry::Folder("etc/systemd", 0o755),
        Entry::Folder("etc/systemd/network", 0o755),
        Entry::Folder("root", 0o700),
        Entry::Folder("root/.ssh", 0o700),
        Entry::File("etc/hostname", 0o644, format!("{name}\n")),
        Entry::File(
            "etc/hosts",
            0o644,
            // Its own name here, or every lookup of it waits for a DNS that is not there.
            format!("127.0.0.1 localhost\n::1 localhost ip6-localhost\n{address} {name}\n"),
        ),
        Entry::File(
            "etc/systemd/network/10-host0.network",
            0o644,
            // No gateway: nothing leaves the machine.
            format!(
                "[Match]\nName=host0\n\n[Network]\nAddress={address}/24\nLinkLocalAddressing=no\n\
                 IPv6AcceptRA=no\nLLMNR=no\nMulticastDNS=no\n"
            ),
        ),
        Entry::File(
            "etc/ssh/ssh_host_ed25519_key",
            0o600,
            format!("{}\n", host_key.trim_end()),
        ),
        Entry::File(
            "root/.ssh/authorized_keys",
            0o600,
            format!("{}\n", root_key.trim_end()),
        ),
    ]
}

/// Writes `entries` below `root`, which nobody but us has ever written to.
pub(super) fn write(root: &Path, entries: &[Entry]) -> io::Result<()> {
    for entry in entries {
        match entry {
            Entry::Folder(path, mode) => {
                let path = root.join(path);
                if !path.is_dir() {
                    fs_err::create_dir(&path)?;
                    // Not by the creation: that one is subject to the umask.
                    fs_err::set_permissions(&path, Permissions::from_mode(*mode))?;
                }
            }
            Entry::File(path, mode, content) => {
                let path = clear(root.join(path))?;
                let mut file = fs_err::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)?;
                file.write_all(content.as_bytes())?;
                file.set_permissions(Permissions::from_mode(*mode))?;
                // The name of the whole folder says that it is complete; a power cut must not
                // leave empty files under that name.
                file.sync_all()?;
            }
            Entry::Link(path, target) => {
                let path = clear(root.join(path))?;
                fs_err::os::unix::fs::symlink(target, path)?;
            }
        }
    }
    Ok(())
}

/// Removes the host keys that a package's installation made: every host would have the same.
pub(super) fn remove_host_keys(root: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(root.join("etc/ssh"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("ssh_host_") {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn clear(path: PathBuf) -> io::Result<PathBuf> {
    match fs_err::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_in_the_root_is_replaced_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let victim = outside.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        symlink(&victim, root.path().join("etc/resolv.conf")).unwrap();
        let entry = Entry::File("etc/resolv.conf", 0o640, "new".into());
        // Twice: an image that was interrupted is not there again, but a list may name a file twice.
        write(root.path(), &[entry.clone(), entry]).unwrap();
        assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
        let written = std::fs::symlink_metadata(root.path().join("etc/resolv.conf")).unwrap();
        assert!(written.is_file());
        assert_eq!(written.permissions().mode() & 0o7777, 0o640);
    }

    #[test]
    fn a_host_keeps_its_keys_to_itself() {
        let root = tempfile::tempdir().unwrap();
        let upper = root.path().join("upper");
        let address = Ipv4Addr::new(10, 231, 7, 10);
        write(
            &upper,
            &host_entries("able", address, "KEY\n", "ssh-ed25519 AAAA"),
        )
        .unwrap();
        let mode = |path: &str| {
            let metadata = std::fs::metadata(upper.join(path)).unwrap();
            metadata.permissions().mode() & 0o7777
        };
        assert_eq!(mode("etc/ssh/ssh_host_ed25519_key"), 0o600);
        assert_eq!(mode("root/.ssh"), 0o700);
        assert_eq!(mode("root"), 0o700);
        assert_eq!(mode("etc"), 0o755);
        let key = std::fs::read_to_string(upper.join("etc/ssh/ssh_host_ed25519_key")).unwrap();
        assert_eq!(key, "KEY\n");
        let network = upper.join("etc/systemd/network/10-host0.network");
        assert!(
            !std::fs::read_to_string(network)
                .unwrap()
                .contains("Gateway")
        );
    }
}
