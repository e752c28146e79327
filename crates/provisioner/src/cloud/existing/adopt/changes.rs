//! What the instructor is told before a machine of theirs is changed, and what stays afterwards. Sentences without their
//! full stop.

/// What provisioning changes on a machine.
pub const CHANGES: &[&str] = &[
    "a line in root's authorized_keys; sshd takes keys only: nobody logs in by password any more, and root does by key",
    "its host name, and its own name in /etc/hosts",
    "an account `workshop` for the participant, with sudo without a password, and an account `bitcoin` for the node",
    "services: bitcoind, which listens for peers, workshop-guard, and a timer that powers the machine off after the deadline, each if the inventory has it",
    "the folders /home/workshop, /var/lib/bitcoind, /var/lib/workshop, /etc/workshop and /etc/bitcoin",
    "the commands bitcoind, bitcoin-cli and workshop in /usr/local/bin, from a Nix profile of the workshop's",
    "/etc/nix/nix.conf, /etc/motd and a line in /etc/environment",
    "packages, as far as they are missing: systemd systemd-sysv dbus libpam-systemd openssh-server sudo iproute2 \
     iputils-ping ca-certificates nix-bin nix-setup-systemd g++ make cmake ninja-build pkg-config libevent-dev \
     libboost-dev libsqlite3-dev systemtap-sdt-dev git bpftrace bpfcc-tools python3-bpfcc gdb binutils python3 vim nano \
     htop ripgrep less tmux curl zstd xz-utils procps psmisc file bash-completion, and the kernel's headers",
];

/// What `destroy` leaves.
pub const STAYS: &[&str] = &[
    "packages that were installed, with their services (Nix's daemon), and newer versions of those that they needed",
    "what the packages made: the accounts nixbld1 to nixbld10, the groups nixbld and nix-users, and /nix without what was the workshop's",
    "lines about the workshop in the system's journal and logs",
    "whatever a participant changed as root outside of the workshop's own folders: install a machine anew that matters",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::PACKAGES;

    #[test]
    fn all_packages_are_told() {
        let told: Vec<&str> = CHANGES
            .iter()
            .find_map(|one| one.strip_prefix("packages, as far as they are missing: "))
            .unwrap()
            .split(", and ")
            .next()
            .unwrap()
            .split(' ')
            .collect();
        let installed: Vec<&str> = PACKAGES
            .iter()
            .flat_map(|group| group.names)
            .copied()
            .collect();
        assert_eq!(told, installed);
    }
}
