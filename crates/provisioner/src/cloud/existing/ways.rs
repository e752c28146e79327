//! How to get to machines: as root by our key once they are ours, before that as whoever the instructor is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::record::{Record, Way};
use super::trust::Trusted;
use crate::host::{Identity, Jump, Login, Script, Target};
use crate::inventory::Machine;

/// The connections to jump hosts, which all that go through them share. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways(Arc<Mutex<BTreeMap<Way, Jump>>>);

impl Ways {
    /// Root of the host `name`, by our key.
    pub(crate) fn root(&self, name: &str, record: &Record) -> Target {
        Target {
            via: self.via(record.jump.as_ref()),
            ..Target::root(
                name,
                record.machine.address,
                record.machine.host_key.public(),
            )
        }
    }

    /// The machine of the host `name`, by the instructor's own key.
    pub(crate) fn own(&self, name: &str, machine: &Way, jump: Option<&Way>) -> (Target, Login) {
        let (target, login) = own(name, machine);
        let via = self.via(jump);
        (Target { via, ..target }, login)
    }

    fn via(&self, jump: Option<&Way>) -> Option<Jump> {
        let way = jump?;
        let mut jumps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let jump = jumps.entry(way.clone()).or_insert_with(|| {
            let (target, login) = own(&format!("jump host {}", way.address), way);
            Jump::new(target, login)
        });
        Some(jump.clone())
    }
}

fn own(name: &str, way: &Way) -> (Target, Login) {
    let target = Target {
        user: way.user.clone(),
        ..Target::root(name, way.address, way.host_key.public())
    };
    let identity = Identity::of(way.identity.as_deref());
    (target, Login::Own(identity))
}

/// How to get to a machine of the inventory; none while its host key is not known.
pub(super) fn way(machine: &Machine, trusted: &Trusted) -> Option<Way> {
    let key = machine.host_key.as_ref();
    let key = key.or_else(|| trusted.key(machine.address))?;
    Some(Way::to(machine, key.clone()))
}

/// The jump host itself; none while its key is not known.
pub(super) fn jump(host: &Machine, trusted: &Trusted) -> Option<Jump> {
    let way = way(host, trusted)?;
    Ways::default().via(Some(&way))
}

/// A script as root, whoever logged in.
pub(super) fn as_root(user: &str, script: Script) -> Script {
    if user == "root" {
        return script;
    }
    let mut wrapped = Script::default().with("script", script.text());
    wrapped.push(r#"exec sudo -n sh -c "$script" < /dev/null"#);
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_runs_the_very_script() {
        let script = || Script::new("printf '%s|' \"$0\" \"it's $((1 + 1))\"");
        assert_eq!(as_root("root", script()), script());
        // A sudo of our own in front of the real one.
        let folder = tempfile::tempdir().unwrap();
        let sudo = folder.path().join("sudo");
        std::fs::write(
            &sudo,
            "#!/bin/sh\nprintf '%s|' \"$1\" \"$2\"\nshift\nexec \"$@\"\n",
        )
        .unwrap();
        std::fs::set_permissions(&sudo, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let run = std::process::Command::new("sh")
            .arg("-c")
            .arg(as_root("ada", script()).text())
            .env("PATH", path)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&run.stdout), "-n|sh|sh|it's 2|");
    }
}
