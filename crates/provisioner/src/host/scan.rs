//! Which host key a machine shows, for somebody who compares it. Nothing is sent to the machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client;
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use tokio::time::timeout;

use super::jump::Jump;
use super::ssh::{SshError, config};

/// Keeps the key and ends the connection before anybody logs in.
struct Looker(Arc<Mutex<Option<PublicKey>>>);

impl client::Handler for Looker {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        offered: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = offered {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        }
        Ok(false)
    }
}

/// The ed25519 host key that the machine at `address` shows. It has proved that it has the private half: the signature
/// is checked before the key is shown to anybody.
///
/// # Errors
/// [`SshError::Unreachable`], also when it has no such key; [`SshError::TimedOut`]; [`SshError::Jump`].
pub async fn shown_key(
    address: SocketAddr,
    via: Option<&Jump>,
    deadline: Duration,
) -> Result<PublicKey, SshError> {
    let name = address.to_string();
    let seen = Arc::new(Mutex::new(None));
    let looker = Looker(Arc::clone(&seen));
    let look = async {
        let config = Arc::new(config());
        match via {
            None => client::connect(config, address, looker).await.map(drop),
            Some(via) => {
                let (stream, _through) = via.through(&name, address).await?;
                client::connect_stream(config, stream, looker)
                    .await
                    .map(drop)
            }
        }
        .map_err(|source| SshError::Unreachable {
            host: name.clone(),
            address,
            source: Box::new(source),
        })
    };
    let ended = timeout(deadline, look).await;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (seen, ended) {
        // Refusing the key is how it ends.
        (Some(key), _) => Ok(key),
        (None, Ok(Err(error))) => Err(error),
        (None, Ok(Ok(())) | Err(_)) => Err(SshError::TimedOut {
            host: name.clone(),
            doing: "looking at its host key",
            after: deadline,
        }),
    }
}
