//! What the instructor is told before a machine of theirs is changed, and what stays afterwards.

use crate::packages::PACKAGES;

/// What provisioning changes on a machine, in sentences without their full stop.
pub(crate) fn changes() -> Vec<String> {
    let packages: Vec<&str> = PACKAGES
        .iter()
        .flat_map(|group| group.names)
        .copied()
        .collect();
    let sentences = [
        "a line in root's authorized_keys, and sshd takes keys only: nobody logs in by password any more, root by key",
        "its host name and its own name in /etc/hosts",
        "an account `workshop` for the participant, with sudo without a password, and an account `bitcoin` for the node",
        "services: bitcoind (which listens for peers), workshop-guard, and a timer that powers the machine off after the deadline, if the inventory has one",
        "folders /home/workshop, /var/lib/bitcoind, /var/lib/workshop, /etc/workshop and /etc/bitcoin",
        "commands bitcoind, bitcoin-cli and workshop in /usr/local/bin, from a Nix profile of the workshop's",
        "/etc/nix/nix.conf, /etc/motd and a line in /etc/environment",
    ];
    let mut changes: Vec<String> = sentences.iter().map(|one| (*one).to_owned()).collect();
    changes.push(format!(
        "packages, as far as they are missing, and the kernel's headers: {}",
        packages.join(" ")
    ));
    changes
}

/// What `destroy` leaves, in sentences without their full stop.
pub(crate) const STAYS: &[&str] = &[
    "packages that were installed, and newer versions of those they needed",
    "what the packages themselves made: Nix's build users nixbld1 to nixbld10, the groups nixbld and nix-users, and /nix with nothing of the workshop's in it",
    "lines about the workshop in the system's journal and logs",
    "whatever a participant changed as root outside of the workshop's folders: for a machine that matters, install it anew",
];
