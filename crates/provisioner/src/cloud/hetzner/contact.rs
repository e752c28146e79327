//! The first visit to a server: the host key that the provider knows is replaced by one that it never saw.
//!
//! Two key pairs of a host lie in `.workshop/hosts/WORD/` from the beginning: its own (on cards, in `known_hosts`), and
//! the one for the first visit, which is what cloud-init is told. So nothing that was written down ever changes: the
//! visit puts the host's own key there, sees that it answers with it, and only then calls the first one used. Until
//! that both are accepted, so a run that was killed anywhere goes on by visiting again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;

use crate::host::keys::{KeyFileError, KeyPair};
use crate::host::{Limits, Script, Ssh, SshError, Target};

/// The key for the first visit, until that was made.
const FIRST: &str = "first_ed25519_key";
/// The same, after that: a server that is installed anew comes back with it.
const USED: &str = "first_ed25519_key.used";

/// The key pair of one host for the first visit.
#[derive(Clone, Debug)]
pub(crate) struct FirstKey {
    folder: PathBuf,
}

/// The first visit did not come to its end.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ContactError {
    /// Talking to the host.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ssh(#[from] SshError),
    /// The key files.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyFileError),
    /// The host's own key could not be put there.
    #[error("{host}: its host key cannot be replaced: {said}")]
    #[diagnostic(help(
        "The key that Hetzner knows is still in use, so nothing else was done there. Run the command again; if it stays so: `workshop rebuild {host}`."
    ))]
    Replacing {
        /// The host's word.
        host: String,
        /// What the host said last.
        said: String,
    },
    /// It never boots, or something stands between.
    #[error("{host}: its server runs, and nobody answered there within {} s", after.as_secs())]
    #[diagnostic(help(
        "Does `hosts.hetzner.ssh_from` let this machine in? Hetzner's console shows the server's screen. `workshop destroy --only {host}`, then `workshop provision`, makes another."
    ))]
    Silent {
        /// The host's word.
        host: String,
        /// How long was waited.
        after: Duration,
        /// What the last attempt met.
        source: SshError,
    },
    /// Neither the first key nor the host's own.
    #[error("{host}: who answers there has another host key than its server was made with")]
    #[diagnostic(help(
        "Nothing was sent to it. Somebody else may answer at that address: `workshop destroy --only {host}`, then `workshop provision`, makes another server. If every host says this, the image does not take the key from cloud-init: name another `hosts.hetzner.image`."
    ))]
    ForeignKey {
        /// The host's word.
        host: String,
        /// With the key that was expected.
        source: SshError,
    },
}

impl ContactError {
    /// Before the first visit: nobody was ever let in, so the ways out are others than later.
    fn at_first(host: &str, after: Duration, source: SshError) -> Self {
        let host = host.to_owned();
        match source {
            SshError::HostKey { .. } => Self::ForeignKey { host, source },
            source if source.is_gone() => Self::Silent {
                host,
                after,
                source,
            },
            source => Self::Ssh(source),
        }
    }

    /// Whether nobody is there, as opposed to somebody who does not let us in.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Silent { .. } => true,
            Self::Ssh(error) => error.is_gone(),
            Self::Key(_) | Self::Replacing { .. } | Self::ForeignKey { .. } => false,
        }
    }
}

impl FirstKey {
    /// Of the host `name` of the workshop whose folder `.workshop/` is `workplace`.
    pub(crate) fn of(workplace: &Path, name: &str) -> Self {
        Self {
            folder: workplace.join("hosts").join(name),
        }
    }

    /// For a server that is about to be made: the one that is waiting for its visit, or a new one.
    pub(crate) fn for_new_server(&self) -> Result<KeyPair, KeyFileError> {
        crate::state::make_private_folder(&self.folder).map_err(self.io(FIRST))?;
        KeyPair::load_or_create(&self.folder.join(FIRST), "first visit")
    }

    /// The pair, if the visit is still to be made.
    pub(crate) fn waiting(&self) -> Result<Option<KeyPair>, KeyFileError> {
        KeyPair::load(&self.folder.join(FIRST))
    }

    /// The visit was made.
    fn used(&self) -> Result<(), KeyFileError> {
        self.rename(FIRST, USED)
    }

    /// The server is about to be installed anew with what cloud-init was told when it was made.
    pub(crate) fn for_same_server(&self) -> Result<(), KeyFileError> {
        self.rename(USED, FIRST)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), KeyFileError> {
        match std::fs::rename(self.folder.join(from), self.folder.join(to)) {
            // Killed after it was done.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            result => result
                .and_then(|()| crate::state::files::sync_folder(&self.folder))
                .map_err(self.io(from)),
        }
    }

    fn io(&self, file: &str) -> impl FnOnce(std::io::Error) -> KeyFileError + use<> {
        let path = self.folder.join(file);
        move |source| KeyFileError::Io { path, source }
    }
}

/// Connects to a host whose first visit may still have to be made; makes it. `target` pins the host's own key `own`.
pub(crate) async fn first_contact(
    target: &Target,
    first_key: &FirstKey,
    own: &KeyPair,
    login: Arc<PrivateKey>,
    patience: Duration,
) -> Result<Ssh, ContactError> {
    let Some(first) = first_key.waiting()? else {
        return Ok(Ssh::connect_when_up(target, login, patience).await?);
    };
    let at_first = |error| ContactError::at_first(&target.name, patience, error);
    let ssh = match Ssh::connect_when_up(target, Arc::clone(&login), patience).await {
        Err(SshError::HostKey { .. }) => {
            let before = Target {
                host_key: first.public(),
                ..target.clone()
            };
            let ssh = Ssh::connect_when_up(&before, Arc::clone(&login), patience)
                .await
                .map_err(at_first)?;
            let replaced = replace(&target.name, &ssh, own).await;
            ssh.close().await;
            replaced?;
            // Of a daemon that restarts, one attempt may still meet the old one.
            with_own_key(target, login, patience).await?
        }
        ssh => ssh.map_err(at_first)?,
    };
    first_key.used()?;
    Ok(ssh)
}

async fn with_own_key(
    target: &Target,
    login: Arc<PrivateKey>,
    patience: Duration,
) -> Result<Ssh, SshError> {
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(250);
    let mut tries = 1;
    loop {
        match Ssh::connect_when_up(target, Arc::clone(&login), patience).await {
            Err(SshError::HostKey { .. }) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Puts the host's own key in the place of the first, and has sshd take it.
async fn replace(host: &str, ssh: &Ssh, own: &KeyPair) -> Result<(), ContactError> {
    const KEY: &str = "/etc/ssh/ssh_host_ed25519_key";
    let refused = |said: String| ContactError::Replacing {
        host: host.to_owned(),
        said,
    };
    let text = own
        .private_text()
        .map_err(|error| refused(error.to_string()))?;
    let size = text.len() as u64;
    let sent = ssh
        .upload(KEY, text.as_bytes(), size, Limits::default())
        .await?;
    if sent.status != Some(0) {
        return Err(refused(sent.text));
    }
    let mut script = Script::default()
        .with("key", KEY)
        .with("public", &own.public_line());
    script.push(
        r#"
set -eu
exec 2>&1
printf '%s\n' "$public" > "$key.pub.new"
chmod 0644 "$key.pub.new"
mv -f "$key.pub.new" "$key.pub"
for other in /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub; do
  case $other in "$key"|"$key.pub") ;; *) rm -f -- "$other" ;; esac
done
mkdir -p /run/sshd
"$(command -v sshd || echo /usr/sbin/sshd)" -t
# Debian and Ubuntu call it ssh. Connections that are open stay open.
systemctl restart ssh.service
"#,
    );
    let done = ssh.run(&script, Limits::default()).await?;
    match done.status {
        Some(0) => Ok(()),
        _ => Err(refused(crate::host::last_lines(&done.text, 3).join(" / "))),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use russh::keys::ssh_key::private::Ed25519Keypair;
    use russh::server::{Config, Handler, run_stream};
    use tokio::net::TcpListener;

    use super::*;
    use crate::provision::Failure;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    /// What the instructor reads after a first visit to `address`; a host's own key and its first are pinned.
    async fn visit(address: SocketAddr, patience: Duration) -> String {
        let folder = tempfile::tempdir().unwrap();
        let first_key = FirstKey::of(folder.path(), "able");
        let first = key(2).to_openssh(russh::keys::ssh_key::LineEnding::LF);
        std::fs::create_dir_all(&first_key.folder).unwrap();
        std::fs::write(first_key.folder.join(FIRST), first.unwrap().as_bytes()).unwrap();
        let own = KeyPair::load_or_create(&folder.path().join("own"), "able").unwrap();
        let target = Target {
            address,
            ..Target::root("able", address.ip().into(), own.public())
        };
        let login = Arc::new(key(1));
        let visited = first_contact(&target, &first_key, &own, login, patience).await;
        assert!(first_key.waiting().unwrap().is_some(), "it was not used");
        let failure = Failure::new(&visited.err().unwrap());
        let text = format!("{}\nhint: {}", failure.message, failure.hint.unwrap());
        text.replace(&address.to_string(), "ADDRESS")
    }

    #[tokio::test]
    async fn a_server_that_never_boots_is_told_with_a_way_out() {
        // Bound and dropped: nobody listens there.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        insta::assert_snapshot!(visit(address, Duration::from_secs(1)).await);
    }

    #[tokio::test]
    async fn a_server_that_takes_no_connection_through_is_told_as_one_that_never_boots() {
        // A firewall that drops looks like a listener that says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        insta::assert_snapshot!(visit(address, Duration::from_secs(1)).await);
    }

    struct Stranger;

    impl Handler for Stranger {
        type Error = russh::Error;
    }

    #[tokio::test]
    async fn a_foreign_host_key_is_told_with_a_way_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let config = Arc::new(Config {
                keys: vec![key(3)],
                ..Config::default()
            });
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(session) = run_stream(Arc::clone(&config), stream, Stranger).await {
                    let _ = session.await;
                }
            }
        });
        // It is told at once.
        insta::assert_snapshot!(visit(address, Duration::from_secs(600)).await);
    }

    #[test]
    fn a_first_key_waits_until_it_was_used_and_waits_again_for_the_same_server() {
        let folder = tempfile::tempdir().unwrap();
        let key = FirstKey::of(folder.path(), "able");
        assert!(key.waiting().unwrap().is_none());
        let made = key.for_new_server().unwrap();
        // Killed before or after the server was made: the same one.
        assert_eq!(
            key.for_new_server().unwrap().public_line(),
            made.public_line()
        );
        key.used().unwrap();
        key.used().unwrap();
        assert!(key.waiting().unwrap().is_none());
        key.for_same_server().unwrap();
        key.for_same_server().unwrap();
        assert_eq!(
            key.waiting().unwrap().unwrap().public_line(),
            made.public_line()
        );
        key.used().unwrap();
        // Another server in its place gets another.
        assert_ne!(
            key.for_new_server().unwrap().public_line(),
            made.public_line()
        );
    }
}
