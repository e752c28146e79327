//! Makes this machine ready: packages and mounts. Says what and why; does nothing that is done already.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::run::{as_root, behind_a_bar, headline};

/// The header of each machine lies in a folder of its own on Debian.
const SDT_H: &str = if cfg!(target_arch = "aarch64") {
    "/usr/include/aarch64-linux-gnu/sys/sdt.h"
} else {
    "/usr/include/x86_64-linux-gnu/sys/sdt.h"
};

/// What is looked for, the package that has it, and why we need it.
const NEEDED: &[(&str, &str, &str)] = &[
    (
        "cc",
        "gcc",
        "links Rust programs and compiles test programs",
    ),
    ("mmdebstrap", "mmdebstrap", "builds the hosts' base image"),
    (
        "systemd-nspawn",
        "systemd-container",
        "runs the local hosts",
    ),
    ("ip", "iproute2", "makes the hosts' network"),
    ("mkfs.ext4", "e2fsprogs", "makes the hosts' own disks"),
    ("ssh", "openssh-client", "logs in as a participant does"),
    (
        "tmux",
        "tmux",
        "is the terminal in which the monitor is tested",
    ),
    (
        "readelf",
        "binutils",
        "reads tracepoints, to compare with ours",
    ),
    (
        SDT_H,
        "systemtap-sdt-dev",
        "has sys/sdt.h, which the tests' tracepoints are made with",
    ),
    (
        "nix-instantiate",
        "nix-bin",
        "evaluates the expressions in the tests",
    ),
    (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
        "checks what the base image is made of",
    ),
];

/// Mounts that tracing needs, as type and place.
const MOUNTS: &[(&str, &str)] = &[
    ("tracefs", "/sys/kernel/tracing"),
    ("debugfs", "/sys/kernel/debug"),
    ("bpf", "/sys/fs/bpf"),
];

/// Installs what is missing and mounts what is not mounted.
pub(crate) fn prepare() -> Result {
    if !cfg!(target_os = "linux") {
        return Err("local hosts are Linux containers; run this on Debian or Ubuntu".into());
    }
    install()?;
    mount()
}

fn install() -> Result {
    let missing: Vec<_> = NEEDED.iter().filter(|(what, ..)| !is_there(what)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    headline("Installing what is missing on this machine");
    for (_, package, why) in &missing {
        eprintln!("    {package}: {why}");
    }
    if !is_there("apt-get") {
        return Err("this machine has no apt-get; install these packages' programs by hand".into());
    }
    let apt = || {
        let mut command = as_root("apt-get");
        command.args([
            "-y",
            "-o",
            "DPkg::Lock::Timeout=300",
            "-o",
            "APT::Install-Recommends=false",
        ]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    behind_a_bar("apt-get update", apt().arg("update"))?;
    let packages = missing.iter().map(|(_, package, _)| package);
    behind_a_bar("apt-get install", apt().arg("install").args(packages))
}

fn is_there(what: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::split_paths(&path).map(|folder| folder.join(what));
    // A user's PATH often lacks the folders of root's programs.
    let system = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(what));
    own.chain(system).any(|path| path.is_file())
}

fn mount() -> Result {
    let mounts = std::fs::read_to_string("/proc/mounts")
        .map_err(|error| format!("/proc/mounts: {error}"))?;
    for (kind, place) in MOUNTS {
        let mounted = mounts.lines().any(|line| {
            let mut fields = line.split(' ').skip(1);
            fields.next() == Some(place) && fields.next() == Some(kind)
        });
        if !mounted && Path::new(place).is_dir() {
            let mut command: Command = as_root("mount");
            behind_a_bar(
                &format!("mounting {kind}"),
                command.args(["-t", kind, "none", place]),
            )?;
        }
    }
    Ok(())
}
