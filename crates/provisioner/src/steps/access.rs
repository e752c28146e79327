//! Who gets in, and as whom.

use super::HostContext;
use crate::host::Script;
use crate::step::{HostFile, Step};

/// The participant's account `workshop`, which may use the node and Nix, and the node's account `bitcoin`.
pub(super) fn accounts() -> Step {
    let fact = r#"
[ "$(grep -cE '^(workshop:[^:]*:[0-9]+:[0-9]+:[^:]*:/home/workshop:/bin/bash|bitcoin:[^:]*:[0-9]+:[0-9]+:[^:]*:/var/lib/bitcoind:.*)$' /etc/passwd)" = 2 ] &&
  [ "$(grep -cE '^(bitcoin|nix-users):.*[:,]workshop(,|$)' /etc/group)" = 2 ]
"#;
    let change = r#"
getent passwd bitcoin >/dev/null ||
  useradd --system --user-group --home-dir /var/lib/bitcoind --no-create-home --shell /usr/sbin/nologin bitcoin
getent passwd workshop >/dev/null || useradd --create-home --user-group --shell /bin/bash workshop
# Debian lets the members of nix-users talk to Nix's daemon.
getent group nix-users >/dev/null || groupadd --system nix-users
usermod --home /home/workshop --shell /bin/bash --append --groups bitcoin,nix-users workshop
"#;
    Step {
        id: "accounts",
        files: vec![],
        fact: Script::new(fact),
        change: Script::new(change),
    }
}

/// Exactly the participant's key. A spare's file is empty: it lets nobody in but root by our key.
pub(super) fn authorized_key(context: &HostContext) -> Step {
    let content = context
        .participant_key
        .as_ref()
        .map(|key| format!("{key}\n"))
        .unwrap_or_default();
    Step {
        id: "authorized key",
        files: vec![HostFile {
            path: "/home/workshop/.ssh/authorized_keys".into(),
            mode: 0o600,
            owner: "workshop:workshop",
            content: content.into_bytes(),
        }],
        fact: Script::new(
            r#"[ "$(stat -c '%a %U:%G' /home/workshop/.ssh)" = "700 workshop:workshop" ]"#,
        ),
        change: Script::new("install -d -m 700 -o workshop -g workshop /home/workshop/.ssh"),
    }
}

pub(super) fn sudo() -> Step {
    Step::files(
        "sudo",
        vec![HostFile {
            // sudo refuses a file that others may write, and reads none with a dot in its name.
            path: "/etc/sudoers.d/workshop".into(),
            mode: 0o440,
            owner: "root:root",
            content: b"workshop ALL=(ALL:ALL) NOPASSWD: ALL\n".to_vec(),
        }],
    )
}

/// Keys only, and no penalties.
pub(crate) fn sshd() -> Step {
    let content = "\
# Keys only. The first value that sshd reads counts, so this file's name begins with a low number.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
# A room is behind one address: whoever tries the wrong key must not shut out everybody else.
PerSourcePenalties no
";
    Step {
        id: "sshd",
        files: vec![HostFile::public(
            "/etc/ssh/sshd_config.d/10-workshop.conf",
            content,
        )],
        fact: Script::new("true"),
        // A configuration that sshd does not accept must not lock everybody out.
        change: Script::new("sshd -t\nsystemctl reload ssh"),
    }
}
