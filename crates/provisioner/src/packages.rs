//! The Debian packages that every host has before anything of ours comes.

use std::env::consts::ARCH;

/// The Debian release of every host: the oldest stable one whose bpftrace attaches to probes with
/// semaphores and whose Nix can substitute from a signed cache.
pub const SUITE: &str = "trixie";

/// Packages that are there for one reason.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What these packages are for.
    pub reason: &'static str,
    /// Names as Debian knows them.
    pub names: &'static [&'static str],
}

/// All packages, except the kernel headers, whose name depends on the machine ([`kernel_headers`]).
pub const PACKAGES: &[Group] = &[
    Group {
        reason: "a system that boots, is reached by SSH and lets people become root",
        names: &[
            "systemd",
            "systemd-sysv",
            "dbus",
            "libpam-systemd",
            "openssh-server",
            "sudo",
            "iproute2",
            "iputils-ping",
            "ca-certificates",
        ],
    },
    Group {
        reason: "everything of ours comes as one Nix closure",
        names: &["nix-bin", "nix-setup-systemd"],
    },
    Group {
        reason: "Bitcoin Core is built from source, by the builder and again by the participants",
        names: &[
            "g++",
            "make",
            "cmake",
            "ninja-build",
            "pkg-config",
            "libevent-dev",
            "libboost-dev",
            "libsqlite3-dev",
            "systemtap-sdt-dev",
            "git",
        ],
    },
    Group {
        reason: "the tasks: list, trace and read tracepoints",
        names: &[
            "bpftrace",
            "bpfcc-tools",
            "python3-bpfcc",
            "gdb",
            "binutils",
            "python3",
        ],
    },
    Group {
        reason: "people work here: editors and the tools one expects to find",
        names: &[
            "vim",
            "nano",
            "htop",
            "ripgrep",
            "less",
            "tmux",
            "curl",
            "zstd",
            "xz-utils",
            "procps",
            "psmisc",
            "file",
            "bash-completion",
        ],
    },
];

/// What dpkg leaves out: nobody reads it in a workshop, and it is a fifth of a host's size.
pub const LEFT_OUT: &[&str] = &[
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
];

/// The package with the headers of Debian's kernel, which BCC compiles against; `architecture` is
/// Debian's name for it.
pub fn kernel_headers(architecture: &str) -> String {
    format!("linux-headers-{architecture}")
}

/// Every package of a host, sorted by nothing but the order above.
pub fn names(architecture: &str) -> Vec<String> {
    let listed = PACKAGES.iter().flat_map(|group| group.names);
    listed
        .map(|name| (*name).to_owned())
        .chain([kernel_headers(architecture)])
        .collect()
}

/// Debian's name for this machine's architecture, where it is one that we know.
pub fn architecture() -> Option<&'static str> {
    match ARCH {
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_package_is_named_once_and_every_group_has_a_reason() {
        let all = names("arm64");
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), distinct.len());
        assert!(all.contains(&"linux-headers-arm64".to_owned()));
        assert!(PACKAGES.iter().all(|group| !group.reason.is_empty()));
        // One string with two names in it would reach apt as one package that does not exist.
        let is_name = |name: &String| {
            name.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
            })
        };
        assert!(all.iter().all(is_name), "{all:?}");
    }
}
