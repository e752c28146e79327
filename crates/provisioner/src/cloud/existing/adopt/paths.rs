//! Every place on a machine that a workshop writes to, by what becomes of it afterwards.
//!
//! Ours, without blanks and patterns: the scripts go through them as words.

/// Accounts and groups that only a workshop makes.
pub(super) const ACCOUNTS: &[&str] = &["workshop", "bitcoin"];

/// Units that only a workshop makes, in /etc/systemd/system.
pub(super) const UNITS: &[&str] = &[
    "workshop-deadline.timer",
    "workshop-deadline.service",
    "workshop-guard.service",
    "workshop-cache.service",
    "bitcoind.service",
];

/// Files and folders that only a workshop makes: a machine that has one is not adopted, and afterwards they are removed
/// whatever is in them.
const OURS: &[&str] = &[
    "/home/workshop",
    "/var/lib/bitcoind",
    "/var/lib/workshop",
    "/var/lib/workshop-guard",
    "/var/lib/workshop-rehearsal",
    "/var/cache/workshop",
    "/var/mail/workshop",
    "/var/spool/cron/crontabs/workshop",
    "/var/lib/systemd/linger/workshop",
    "/var/lib/systemd/timers/stamp-workshop-deadline.timer",
    "/etc/workshop",
    "/etc/bitcoin",
    "/etc/sudoers.d/workshop",
    "/etc/profile.d/workshop.sh",
    "/usr/local/bin/bitcoind",
    "/usr/local/bin/bitcoin-cli",
    "/usr/local/bin/workshop",
    "/usr/share/bash-completion/completions/workshop",
    "/nix/var/nix/profiles/workshop",
    "/nix/var/nix/profiles/per-user/workshop",
    "/nix/var/nix/gcroots/per-user/workshop",
    "/run/bitcoind",
    "/run/workshop-deadline",
    "/run/lock/workshop-rehearsal",
    "/run/motd.d/workshop-guard",
];

/// [`OURS`], and the units with what `systemctl edit` puts beside them.
pub(super) fn ours() -> Vec<String> {
    let units = UNITS.iter().flat_map(|unit| {
        let file = format!("/etc/systemd/system/{unit}");
        [format!("{file}.d"), file]
    });
    OURS.iter()
        .map(|path| (*path).to_owned())
        .chain(units)
        .collect()
}

/// A node that the machine runs already: two would want the same ports, and our unit would take the place of its own.
pub(super) const ELSEWHERE: &[&str] = &[
    "/usr/lib/systemd/system/bitcoind.service",
    "/run/systemd/system/bitcoind.service",
];

/// Files of the system that steps replace or add to: kept before, put back afterwards.
pub(super) const SHARED: &[&str] = &[
    "/etc/hostname",
    "/etc/hosts",
    "/etc/environment",
    "/etc/motd",
    "/etc/nix/nix.conf",
];

/// As [`SHARED`], but until the end: without them root may not get in any more.
pub(super) const SSH_SHARED: &[&str] = &[
    "/etc/ssh/sshd_config.d/10-workshop.conf",
    "/etc/ssh/sshd_config.d/11-workshop-penalties.conf",
];

/// What Nix makes in root's home when it is used for the first time: removed where it was not there before.
pub(super) const BROUGHT: &[&str] = &[
    "/root/.nix-defexpr",
    "/root/.nix-profile",
    "/root/.nix-channels",
    "/root/.cache/nix",
    "/root/.local/state/nix",
];

/// Folders that came with the above: removed where they were not there before and are empty.
pub(super) const EMPTIED: &[&str] = &[
    "/root/.cache",
    "/root/.local/state",
    "/root/.local",
    "/etc/nix",
];
