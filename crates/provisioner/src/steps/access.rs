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

/// Keys only. The penalties are a file of their own: sshd refuses a configuration with a word that it does not know.
pub(crate) const SSHD_CONF: &str = "\
# Keys only. The first value that sshd reads counts, so this file's name begins with a low number.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
";

/// Keys only, and no penalties where sshd has them (OpenSSH 9.8; Debian 12 and Ubuntu 24.04 have older ones).
pub(crate) fn sshd() -> Step {
    let with = |body| {
        let mut script = Script::default().with(
            "penalties",
            "/etc/ssh/sshd_config.d/11-workshop-penalties.conf",
        );
        script.push(body);
        script
    };
    // Of each option sshd has the name in its program, in lower case. Where the file is, nothing is read.
    let fact = r#"[ -e "$penalties" ] || ! grep -q persourcepenalties "$(command -v sshd)""#;
    // A configuration that sshd does not accept must not lock everybody out.
    let change = r##"
if grep -q persourcepenalties "$(command -v sshd)"; then
  {
    echo "# A room is behind one address: whoever tries the wrong key must not shut out everybody else."
    echo "PerSourcePenalties no"
  } > "$penalties.workshop-new"
  mv -fT "$penalties.workshop-new" "$penalties"
fi
sshd -t
systemctl try-reload-or-restart ssh
"##;
    Step {
        id: "sshd",
        files: vec![HostFile::public(
            "/etc/ssh/sshd_config.d/10-workshop.conf",
            SSHD_CONF,
        )],
        fact: with(fact),
        change: with(change),
    }
}
