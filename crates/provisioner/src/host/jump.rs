//! A host through which others are reached, as OpenSSH's `ProxyJump`.

use std::net::SocketAddr;
use std::sync::Arc;

use russh::ChannelStream;
use russh::client::{Handle, Msg};
use tokio::sync::Mutex;

use super::login::Login;
use super::pinned::Pinned;
use super::ssh::{SshError, Target, handshake};

/// A host through which others are reached. Clones share one connection to it, however many hosts are behind it:
/// sshd drops connections at random when many log in at once (MaxStartups).
#[derive(Clone)]
pub struct Jump(Arc<Inner>);

struct Inner {
    target: Target,
    login: Login,
    connection: Mutex<Option<Arc<Handle<Pinned>>>>,
}

impl std::fmt::Debug for Jump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Jump").field(&self.0.target).finish()
    }
}

impl Jump {
    /// Through `target`, which must be reachable itself. Nothing is connected yet.
    pub fn new(target: Target, login: Login) -> Self {
        Self(Arc::new(Inner {
            target,
            login,
            connection: Mutex::default(),
        }))
    }

    /// Where it is, for messages.
    pub fn address(&self) -> SocketAddr {
        self.0.target.address
    }

    /// A stream to the host `name` at `address` as the jump host sees it, and the connection that it goes through.
    pub(super) async fn through(
        &self,
        name: &str,
        address: SocketAddr,
    ) -> Result<(ChannelStream<Msg>, Arc<Handle<Pinned>>), SshError> {
        // It says itself that it is the jump host, and what to do.
        let connection = self.connection().await?;
        let (ip, port) = (address.ip().to_string(), address.port());
        let channel = connection
            // Whom it is for is told to the jump host's log alone.
            .channel_open_direct_tcpip(ip, port.into(), "127.0.0.1", 0)
            .await
            .map_err(|source| SshError::Jump {
                host: name.to_owned(),
                address,
                jump: self.0.target.address,
                source: Box::new(source),
            })?;
        Ok((channel.into_stream(), connection))
    }

    async fn connection(&self) -> Result<Arc<Handle<Pinned>>, SshError> {
        let mut kept = self.0.connection.lock().await;
        if let Some(connection) = kept.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(handshake(&self.0.target, &self.0.login, None).await?);
        *kept = Some(Arc::clone(&connection));
        Ok(connection)
    }
}
