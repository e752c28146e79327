//! Host keys that the instructor compared and accepted: `.workshop/trusted_hosts`, a known_hosts file of OpenSSH's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use russh::keys::PublicKey;
use tokio::task::JoinSet;

use super::ExistingError;
use super::ways::jump;
use crate::cloud::Endpoint;
use crate::host::keys::{fingerprint, public_line};
use crate::host::{SshError, shown_key};
use crate::inventory::{Existing, Machine};
use crate::state::files;

const FILE: &str = "trusted_hosts";

/// As long as a machine may take to show its key.
const PATIENCE: Duration = Duration::from_secs(20);

/// The keys that were accepted, by machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted(BTreeMap<String, PublicKey>);

impl Trusted {
    /// Those of the workshop whose folder is `workplace`.
    ///
    /// # Errors
    /// [`ExistingError::Trusted`].
    pub fn load(workplace: &Path) -> Result<Self, ExistingError> {
        let path = workplace.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unusable(path, None, error.to_string())),
        };
        let mut keys = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let not = || {
                unusable(
                    path.clone(),
                    Some(number + 1),
                    "not a line of a known_hosts file".into(),
                )
            };
            let (host, key) = line.split_once(' ').ok_or_else(not)?;
            let key = PublicKey::from_openssh(key).map_err(|_| not())?;
            keys.insert(host.to_owned(), key);
        }
        Ok(Self(keys))
    }

    /// The key that was accepted for the machine at `address`.
    pub fn key(&self, address: Endpoint) -> Option<&PublicKey> {
        self.0.get(&address.known_host())
    }

    /// Accepts these, in place of others for the same machines.
    pub fn accept<'a>(&mut self, keys: impl IntoIterator<Item = (Endpoint, &'a PublicKey)>) {
        for (address, key) in keys {
            self.0.insert(address.known_host(), key.clone());
        }
    }

    /// Writes them down.
    ///
    /// # Errors
    /// [`ExistingError::Trusted`].
    pub fn save(&self, workplace: &Path) -> Result<(), ExistingError> {
        let path = workplace.join(FILE);
        let mut text = String::from(
            "# Written by `workshop trust`: host keys that were compared and accepted.\n",
        );
        for (host, key) in &self.0 {
            let _ = writeln!(text, "{host} {}", public_line(key));
        }
        crate::state::make_private_folder(workplace)
            .and_then(|()| files::write_private(&path, text.as_bytes()))
            .map_err(|error| unusable(path, None, error.to_string()))
    }
}

fn unusable(path: PathBuf, line: Option<usize>, why: String) -> ExistingError {
    let place = line.map_or_else(String::new, |line| format!(":{line}"));
    ExistingError::Trusted {
        place: format!("{}{place}", path.display()),
        why,
    }
}

/// A machine of the inventory beside what it shows.
#[derive(Debug)]
pub struct Shown {
    /// Where.
    pub address: Endpoint,
    /// Whether others are reached through it.
    pub jump: bool,
    /// The key that it shows now.
    pub key: Result<PublicKey, SshError>,
    /// What is known of it.
    pub standing: Standing,
}

/// What is known of a machine's host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The inventory has it.
    Written,
    /// It was accepted before.
    Trusted,
    /// Another one was accepted before, or stands in the inventory.
    Other,
    /// Nothing yet.
    New,
}

impl Shown {
    /// `SHA256:…`, as `ssh-keygen -l` shows it on the machine.
    pub fn fingerprint(&self) -> Option<String> {
        self.key.as_ref().ok().map(fingerprint)
    }
}

/// Looks at the host key of every machine, side by side. The jump host comes first: without its key the machines behind
/// it cannot be looked at.
pub async fn look(existing: &Existing, trusted: &Trusted) -> Vec<Shown> {
    if let Some(machine) = &existing.jump
        && machine.host_key.is_none()
        && trusted.key(machine.address).is_none()
    {
        let key = shown_key(machine.address.socket(), None, PATIENCE).await;
        return vec![shown(machine, true, key, trusted)];
    }
    let via = existing.jump.as_ref().and_then(|host| jump(host, trusted));
    let all = existing
        .jump
        .iter()
        .chain(&existing.machines)
        .cloned()
        .enumerate();
    let mut set = JoinSet::new();
    for (at, machine) in all {
        let is_jump = at == 0 && existing.jump.is_some();
        let via = via.clone().filter(|_| !is_jump);
        set.spawn(async move {
            let key = shown_key(machine.address.socket(), via.as_ref(), PATIENCE).await;
            (at, is_jump, machine, key)
        });
    }
    let mut all = Vec::new();
    while let Some(joined) = set.join_next().await {
        let (at, is_jump, machine, key) =
            joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        all.push((at, shown(&machine, is_jump, key, trusted)));
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, shown)| shown).collect()
}

fn shown(
    machine: &Machine,
    jump: bool,
    key: Result<PublicKey, SshError>,
    trusted: &Trusted,
) -> Shown {
    let known = machine.host_key.as_ref().or(trusted.key(machine.address));
    let standing = match (&key, known) {
        (_, None) => Standing::New,
        (Ok(key), Some(known)) if key.key_data() != known.key_data() => Standing::Other,
        (_, Some(_)) if machine.host_key.is_some() => Standing::Written,
        (_, Some(_)) => Standing::Trusted,
    };
    Shown {
        address: machine.address,
        jump,
        key,
        standing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssh_reads_what_was_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let pair =
            crate::host::keys::KeyPair::load_or_create(&folder.path().join("k"), "").unwrap();
        let mut trusted = Trusted::load(folder.path()).unwrap();
        assert_eq!(trusted, Trusted::default());
        let (plain, other): (Endpoint, Endpoint) = (
            "192.0.2.7".parse().unwrap(),
            "[2001:db8::7]:2222".parse().unwrap(),
        );
        let key = pair.public();
        trusted.accept([(plain, &key), (other, &key)]);
        trusted.save(folder.path()).unwrap();
        let again = Trusted::load(folder.path()).unwrap();
        assert_eq!(again.key(other).map(public_line), Some(pair.public_line()));
        let file = folder.path().join(FILE);
        for host in ["192.0.2.7", "[2001:db8::7]:2222"] {
            let found = std::process::Command::new("ssh-keygen")
                .args(["-F", host, "-f"])
                .arg(&file)
                .output()
                .unwrap();
            let found = String::from_utf8(found.stdout).unwrap();
            assert!(found.contains(&pair.public_line()), "{host}: {found}");
        }

        std::fs::write(&file, "# ours\n192.0.2.7 ssh-ed25519 nonsense\n").unwrap();
        let error = Trusted::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("trusted_hosts:2: not a line"), "{error}");
    }
}
