//! With which key we log in: the workshop's own, or, on machines that are not ours yet, the instructor's.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKey};

use super::keys::fingerprint;
use super::pinned::Pinned;

/// With which key to log in.
#[derive(Clone, Debug)]
pub enum Login {
    /// One that we have.
    Key(Arc<PrivateKey>),
    /// The instructor's own, as OpenSSH would look for it.
    Own(Identity),
}

/// Where the instructor's own key is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// The keys of the agent, then the usual files in `~/.ssh`.
    #[default]
    Usual,
    /// This file; if it has a passphrase, by the agent that holds it.
    File(PathBuf),
}

impl Identity {
    /// In this file; the usual places without one.
    pub fn of(file: Option<&Path>) -> Self {
        file.map_or(Self::Usual, |file| Self::File(file.to_owned()))
    }
}

/// Why nobody was let in.
pub(super) enum LoginError {
    /// By none of these keys.
    Refused(Vec<String>),
    /// There is no key to try. What is wrong, and what to do.
    NoKey { why: String, help: String },
    /// The connection broke.
    Broken(russh::Error),
}

impl From<russh::Error> for LoginError {
    fn from(error: russh::Error) -> Self {
        Self::Broken(error)
    }
}

/// The files that OpenSSH looks at, without those that russh cannot sign with: RSA keys have to be in the agent.
const USUAL: [&str; 2] = ["id_ed25519", "id_ecdsa"];

/// sshd hangs up at the sixth (MaxAuthTries).
const MOST: usize = 5;

/// Logs in as `user`.
pub(super) async fn log_in(
    handle: &mut Handle<Pinned>,
    user: &str,
    login: &Login,
) -> Result<(), LoginError> {
    match login {
        Login::Key(key) => told(by_key(handle, user, Arc::clone(key)).await?, vec![]),
        Login::Own(Identity::File(file)) => by_file(handle, user, file).await,
        Login::Own(Identity::Usual) => by_usual(handle, user).await,
    }
}

async fn by_key(
    handle: &mut Handle<Pinned>,
    user: &str,
    key: Arc<PrivateKey>,
) -> Result<bool, russh::Error> {
    let key = PrivateKeyWithHashAlg::new(key, None);
    Ok(is_in(handle.authenticate_publickey(user, key).await?))
}

/// Whether we are in, and by which keys not.
fn told(is_in: bool, tried: Vec<String>) -> Result<(), LoginError> {
    if is_in {
        Ok(())
    } else {
        Err(LoginError::Refused(tried))
    }
}

fn is_in(answer: AuthResult) -> bool {
    matches!(answer, AuthResult::Success)
}

async fn by_file(handle: &mut Handle<Pinned>, user: &str, file: &Path) -> Result<(), LoginError> {
    let shown = file.display();
    let no_key = |why: String, help: &str| LoginError::NoKey {
        why,
        help: help.to_owned(),
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        no_key(
            format!("{shown} cannot be read: {error}"),
            "`identity` names the file of a private key, such as ~/.ssh/id_ed25519; leave it out to use the agent.",
        )
    })?;
    let key = PrivateKey::from_openssh(&text).map_err(|error| {
        no_key(
            format!("{shown} is not a private key in OpenSSH's format: {error}"),
            "`ssh-keygen -p -f FILE` writes it in that format.",
        )
    })?;
    let name = name(key.public_key(), &shown.to_string());
    let is_rsa = matches!(key.algorithm(), Algorithm::Rsa { .. });
    if !key.is_encrypted() && !is_rsa {
        return told(by_key(handle, user, Arc::new(key)).await?, vec![name]);
    }
    // The file of an encrypted key still tells the public half.
    let what = if is_rsa {
        "is an RSA key"
    } else {
        "has a passphrase"
    };
    let help = format!("Give it to the agent: ssh-add {shown}");
    let Ok(mut agent) = AgentClient::connect_env().await else {
        return Err(no_key(format!("{shown} {what}, and no agent runs"), &help));
    };
    let held = agent.request_identities().await.unwrap_or_default();
    let is_held = held.iter().any(|one| {
        matches!(one, AgentIdentity::PublicKey { key: held, .. } if held.key_data() == key.public_key().key_data())
    });
    if !is_held {
        return Err(no_key(
            format!("{shown} {what}, and the agent does not hold it"),
            &help,
        ));
    }
    told(
        by_agent(handle, user, key.public_key(), &mut agent).await?,
        vec![name],
    )
}

async fn by_usual(handle: &mut Handle<Pinned>, user: &str) -> Result<(), LoginError> {
    let mut tried: Vec<PublicKey> = Vec::new();
    let mut names = Vec::new();
    if let Ok(mut agent) = AgentClient::connect_env().await {
        for identity in agent.request_identities().await.unwrap_or_default() {
            let AgentIdentity::PublicKey { key, comment } = identity else {
                continue;
            };
            if tried.len() == MOST {
                break;
            }
            names.push(name(&key, &format!("{comment}, of the agent")));
            if by_agent(handle, user, &key, &mut agent).await? {
                return Ok(());
            }
            tried.push(key);
        }
    }
    let folder = etcetera::home_dir().unwrap_or_default().join(".ssh");
    let mut locked = Vec::new();
    for file in USUAL {
        let path = folder.join(file);
        let Some(key) = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| PrivateKey::from_openssh(text).ok())
        else {
            continue;
        };
        let public = key.public_key().clone();
        if tried.len() == MOST || tried.iter().any(|one| one.key_data() == public.key_data()) {
            continue;
        }
        if key.is_encrypted() {
            locked.push(path.display().to_string());
            continue;
        }
        names.push(name(&public, &path.display().to_string()));
        if by_key(handle, user, Arc::new(key)).await? {
            return Ok(());
        }
        tried.push(public);
    }
    match (names.is_empty(), locked.first()) {
        (false, None) => Err(LoginError::Refused(names)),
        (_, Some(file)) => Err(LoginError::NoKey {
            why: format!("{file} has a passphrase, and the agent does not hold it"),
            help: format!("Give it to the agent: ssh-add {file}"),
        }),
        (true, None) => Err(LoginError::NoKey {
            why: "no agent holds one, and there is neither ~/.ssh/id_ed25519 nor ~/.ssh/id_ecdsa"
                .to_owned(),
            help: "Name the file of the private key that gets you in: `hosts.existing.identity`."
                .to_owned(),
        }),
    }
}

async fn by_agent(
    handle: &mut Handle<Pinned>,
    user: &str,
    key: &PublicKey,
    agent: &mut AgentClient<tokio::net::UnixStream>,
) -> Result<bool, LoginError> {
    // The hash says how an RSA key signs; servers no longer take SHA-1.
    let hash = match key.algorithm() {
        Algorithm::Rsa { .. } => handle.best_supported_rsa_hash().await?.flatten(),
        _ => None,
    };
    let answer = handle
        .authenticate_publickey_with(user, key.clone(), hash, agent)
        .await;
    match answer {
        Ok(answer) => Ok(is_in(answer)),
        Err(russh::AgentAuthError::Send(_)) => Err(russh::Error::SendError.into()),
        // It declined to sign, or lost the key: another one may still do.
        Err(russh::AgentAuthError::Key(_)) => Ok(false),
    }
}

/// `SHA256:… (where it is)`.
fn name(key: &PublicKey, place: &str) -> String {
    format!(
        "{} ({})",
        fingerprint(key),
        super::printable(place.as_bytes())
    )
}
