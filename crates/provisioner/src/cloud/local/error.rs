//! What can go wrong with hosts on this machine, and the way out.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use miette::Diagnostic;
use thiserror::Error;

use crate::inventory::Size;

/// A program or file that local hosts need and this machine lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The program, or the path of the file.
    pub what: &'static str,
    /// Debian's and Ubuntu's package that has it.
    pub package: &'static str,
}

/// Why a local host, or something it needs, could not be had.
#[derive(Debug, Error, Diagnostic)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum LocalError {
    #[error("local hosts need Linux, and this is {system}")]
    #[diagnostic(help(
        "run `workshop` on a Linux machine, or name another provider in the inventory (`hosts.provider`)"
    ))]
    NotLinux { system: &'static str },

    #[error("local hosts need root")]
    #[diagnostic(help(
        "run the same command as root (for example with `sudo`); other providers need no root"
    ))]
    NotRoot,

    #[error("local hosts need what is not installed: {}", whats(missing))]
    #[diagnostic(help("on Debian or Ubuntu: apt-get install {}", packages(missing)))]
    Missing { missing: Vec<Missing> },

    #[error("no kernel headers are known for the architecture `{architecture}`")]
    #[diagnostic(help("local hosts work on x86_64 and aarch64"))]
    Architecture { architecture: &'static str },

    #[error("this machine has no id, and systemd-nspawn derives network addresses from it")]
    #[diagnostic(help("make one: systemd-machine-id-setup"))]
    NoMachineId,

    #[error("`{name}` cannot be a host's name")]
    #[diagnostic(help(
        "1 to 63 characters out of a-z, 0-9 and `-`, with no `-` at either end (RFC 1123)"
    ))]
    BadName { name: String },

    #[error("the host `{name}` has the place {index} in the subnet, and the last one is {last}")]
    #[diagnostic(help("a workshop on one machine has room for {last} hosts and the builder"))]
    BadIndex { name: String, index: u16, last: u16 },

    #[error("the hosts `{name}` and `{other}` have the same place {index} in the subnet")]
    #[diagnostic(help("destroy one of the two and provision it again"))]
    SameIndex {
        name: String,
        other: String,
        index: u16,
    },

    #[error("the host `{name}` cannot have a key that is not exactly one line")]
    #[diagnostic(help("root's key must be one line of an authorized_keys file"))]
    BadRootKey { name: String },

    #[error("the folder `{}` cannot be shown to the host `{name}` as `{}`", outside.display(), inside.display())]
    #[diagnostic(help(
        "the first must be an existing folder, the second an absolute path without `:` and `\\`"
    ))]
    BadBind {
        name: String,
        outside: PathBuf,
        inside: PathBuf,
    },

    #[error("`{}` is on {filesystem}, which cannot hold what hosts write", path.display())]
    #[diagnostic(help(
        "the upper layer of an overlay needs a real file system: mount one (ext4, xfs, btrfs, tmpfs) there"
    ))]
    Filesystem {
        path: PathBuf,
        filesystem: &'static str,
    },

    #[error("`{}` is mounted with `{option}`: a system built there could not run", path.display())]
    #[diagnostic(help("mount it without that option, or point XDG_CACHE_HOME to another place"))]
    MountOption { path: PathBuf, option: &'static str },

    #[error("this machine names no folder for caches")]
    #[diagnostic(help("set HOME or XDG_CACHE_HOME"))]
    NoCache,

    #[error("the base image is not there: `{}`", path.display())]
    #[diagnostic(help(
        "provision again, which builds it; a host whose image was deleted must be destroyed first"
    ))]
    NoImage { path: PathBuf },

    #[error("mmdebstrap could not build the base image ({status}); it said last:\n{log}")]
    #[diagnostic(help(
        "it needs this machine's package mirror and a debian-archive-keyring that knows Debian 13 (`trixie`); try `apt-get update` first"
    ))]
    ImageBuild { status: ExitStatus, log: String },

    #[error("every subnet 10.231.x.0/24 is in use on this machine")]
    #[diagnostic(help(
        "destroy the workshops that are over (`workshop destroy`); `ip route` shows who uses them"
    ))]
    NoSubnet,

    #[error("this workshop's subnet {subnet} is now in use by `{by}`")]
    #[diagnostic(help(
        "take that interface down, or destroy this workshop's hosts and provision them again in another subnet"
    ))]
    SubnetTaken { subnet: String, by: String },

    #[error("the host `{name}` exists with another {what}")]
    #[diagnostic(help(
        "destroy it (`workshop destroy`, with `--only {name}` for this one) and provision again"
    ))]
    Different { name: String, what: &'static str },

    #[error("the host `{name}` did not start; it said last:\n{log}")]
    #[diagnostic(help("the whole of it is in `{}`", console.display()))]
    NotStarted {
        name: String,
        log: String,
        console: PathBuf,
    },

    #[error(
        "this machine cannot give hosts disks of their own, which the inventory asks for (`hosts.limits.disk`, line {line})"
    )]
    #[diagnostic(help(
        "such a disk is an ext4 in a file, on a loop device; containers often have none: load the kernel's module (modprobe loop), or run `workshop` on the machine itself, or remove line {line}: then the guard counts files instead"
    ))]
    NoDisks {
        line: usize,
        source: Box<LocalError>,
    },

    #[error("the disk of the host `{name}` has {is} and cannot shrink to {wanted}")]
    #[diagnostic(help(
        "write `disk: {is}` or more, or take a fresh host of the new size: `workshop rebuild {name}`"
    ))]
    DiskShrinks {
        name: String,
        is: Size,
        wanted: Size,
    },

    #[error(
        "the host `{name}` was made without a disk of its own, and the inventory now says {wanted} (`hosts.limits.disk`)"
    )]
    #[diagnostic(help(
        "take a fresh host that has one: `workshop rebuild {name}`; or remove that line"
    ))]
    NoDiskYet { name: String, wanted: Size },

    #[error("the host `{name}` has a disk of its own of {is}, and the inventory no longer says so")]
    #[diagnostic(help(
        "write `disk: {is}` under `hosts.limits` again, or take a fresh host without: `workshop rebuild {name}`"
    ))]
    DiskStays { name: String, is: Size },

    #[error("the disk of the host `{name}` cannot grow while the host runs")]
    #[diagnostic(help(
        "growing then needs the capability CAP_SYS_RESOURCE; turn the host off and provision again: workshop ssh {name} systemctl poweroff"
    ))]
    DiskBusy {
        name: String,
        source: Box<LocalError>,
    },

    #[error(
        "the loop device `{device}` still holds the disk of the host `{name}`, of which nothing was removed"
    )]
    #[diagnostic(help(
        "somebody else has mounted it: look who (grep {device} /proc/*/mountinfo), unmount it there and run the same command again"
    ))]
    DeviceHeld { name: String, device: String },

    #[error("processes of the host `{name}` survive SIGKILL: {pids:?}")]
    #[diagnostic(help(
        "they wait inside the kernel, as a rule for a disk or a network mount (state D in `ps`); run `workshop destroy` again when they are gone"
    ))]
    Unkillable { name: String, pids: Vec<u32> },

    #[error("nothing in `{}` was removed: `{}` is mounted in it", path.display(), mount.display())]
    #[diagnostic(help("look what it is, then: umount '{}'", mount.display()))]
    Mounted { path: PathBuf, mount: PathBuf },

    #[error("the link `{link}` is still there")]
    #[diagnostic(help("remove it: ip link delete {link}"))]
    Link { link: String },

    #[error("this machine's cgroups cannot limit {what}")]
    #[diagnostic(help(
        "the kernel's controllers `memory`, `cpu` and `pids` must be there and free to use: boot with systemd as process 1, or leave that limit out of the inventory (`hosts.limits`)"
    ))]
    Controller {
        what: &'static str,
        #[source]
        source: Option<io::Error>,
    },

    #[error("no cgroups are mounted")]
    #[diagnostic(help("mount -t cgroup2 none /sys/fs/cgroup"))]
    NoCgroups,

    #[error("`{}` cannot be understood", path.display())]
    #[diagnostic(help(
        "it was written by another version or changed by hand: destroy the workshop's hosts and provision again"
    ))]
    Record {
        path: PathBuf,
        source: serde_json::Error,
    },

    #[error("`{command}` failed ({status}): {output}")]
    Command {
        command: String,
        status: ExitStatus,
        output: String,
    },

    #[error("`{program}` could not be run")]
    Spawn { program: String, source: io::Error },

    #[error("`ip` answered what cannot be understood")]
    #[diagnostic(help("local hosts need iproute2 of 2018 or newer"))]
    Ip { source: serde_json::Error },

    #[error("could not {doing}")]
    Io {
        doing: &'static str,
        source: io::Error,
    },

    #[error("the work was interrupted")]
    Interrupted,

    #[error("{} things could not be removed", errors.len())]
    Several {
        #[related]
        errors: Vec<LocalError>,
    },
}

#[cfg(target_os = "linux")]
impl LocalError {
    /// For `map_err` after a call of `fs_err`, whose errors name the path themselves.
    pub(super) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

fn whats(missing: &[Missing]) -> String {
    let whats: Vec<_> = missing.iter().map(|one| one.what).collect();
    whats.join(", ")
}

fn packages(missing: &[Missing]) -> String {
    let mut packages: Vec<_> = missing.iter().map(|one| one.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_once_with_its_package() {
        let error = LocalError::Missing {
            missing: vec![
                Missing {
                    what: "systemd-nspawn",
                    package: "systemd-container",
                },
                Missing {
                    what: "unshare",
                    package: "util-linux",
                },
                Missing {
                    what: "setpriv",
                    package: "util-linux",
                },
            ],
        };
        insta::assert_snapshot!(
            format!("{error}\n{}", error.help().unwrap()),
            @r"
            local hosts need what is not installed: systemd-nspawn, unshare, setpriv
            on Debian or Ubuntu: apt-get install systemd-container util-linux
            "
        );
    }
}
