//! A host that does with a connection whatever a test tells it to: russh's server side on loopback.

use std::net::SocketAddr;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provisioner::host::{Ssh, SshError, Target};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, PublicKeyOffer, Session,
    VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId, ChannelMsg};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Long enough for whatever ends by itself, on a busy machine too.
pub(crate) const AMPLE: Duration = Duration::from_secs(30);

/// A key that is the same in every run, so that messages with its fingerprint are too.
pub(crate) fn key(seed: u8) -> Arc<PrivateKey> {
    Arc::new(PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32])))
}

/// The only key that a host lets in.
pub(crate) fn ours() -> Arc<PrivateKey> {
    key(1)
}

/// What a host saw of us.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Users that somebody tried to log in as.
    pub(crate) logins: Vec<String>,
    /// Commands that were to be run.
    pub(crate) commands: Vec<String>,
    /// Channels that we opened, in order.
    pub(crate) opened: Vec<ChannelId>,
    /// Channels that we closed, in order.
    pub(crate) closed: Vec<ChannelId>,
}

type Reaction = Arc<dyn Fn(Exec) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A command that was asked for, in the hands of a test.
pub(crate) struct Exec {
    pub(crate) command: String,
    pub(crate) channel: Channel<Msg>,
    /// Of the whole connection.
    pub(crate) handle: Handle,
}

impl Exec {
    pub(crate) async fn print(&self, bytes: impl Into<Vec<u8>>) {
        // A client that is gone is part of some tests.
        let _ = self.channel.data_bytes(bytes.into()).await;
    }

    /// Ends as sshd does: status, end of output, close.
    pub(crate) async fn exit(self, status: u32) {
        let _ = self.channel.exit_status(status).await;
        let _ = self.channel.eof().await;
        let _ = self.channel.close().await;
    }

    /// Runs the command as sshd would: `sh -c`, and whatever ends the connection ends its input.
    pub(crate) async fn run(mut self) {
        let mut child = tokio::process::Command::new("sh")
            .arg("-c")
            .arg(format!("exec 2>&1; {}", self.command))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut stdin = child.stdin.take();
        let mut stdout = child.stdout.take().expect("piped");
        loop {
            match self.channel.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    if let Some(stdin) = &mut stdin {
                        let _ = stdin.write_all(&data).await;
                    }
                }
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => break,
                Some(_) => {}
            }
        }
        drop(stdin);
        let mut printed = Vec::new();
        stdout.read_to_end(&mut printed).await.expect("readable");
        let status = child.wait().await.expect("sh ends").code().unwrap_or(255);
        self.print(printed).await;
        self.exit(status as u32).await;
    }
}

/// A host on loopback; it ends with the test's runtime.
pub(crate) struct Host {
    pub(crate) target: Target,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

impl Host {
    /// A host that does `react` with every command.
    pub(crate) async fn start<F: Future<Output = ()> + Send + 'static>(
        react: impl Fn(Exec) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::serve(listener, key(2), react)
    }

    /// As [`Host::start`], on this listener and with this host key. It is known by `key(2)`.
    pub(crate) fn serve<F: Future<Output = ()> + Send + 'static>(
        listener: TcpListener,
        host_key: Arc<PrivateKey>,
        react: impl Fn(Exec) -> F + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("bound");
        let seen = Arc::<Mutex<Seen>>::default();
        let react: Reaction = Arc::new(move |exec| Box::pin(react(exec)));
        let config = Arc::new(Config {
            keys: vec![(*host_key).clone()],
            auth_rejection_time: Duration::ZERO,
            ..Config::default()
        });
        let connection = Connection {
            seen: Arc::clone(&seen),
            react,
            channel: None,
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (config, connection) = (Arc::clone(&config), connection.again());
                tokio::spawn(async move {
                    if let Ok(session) = run_stream(config, stream, connection).await {
                        let _ = session.await;
                    }
                });
            }
        });
        Self {
            target: target(address),
            seen,
        }
    }

    pub(crate) async fn connect(&self) -> Ssh {
        self.try_connect().await.expect("the host lets us in")
    }

    pub(crate) async fn try_connect(&self) -> Result<Ssh, SshError> {
        Ssh::connect(&self.target, ours(), AMPLE).await
    }

    pub(crate) fn saw<T>(&self, read: impl FnOnce(&Seen) -> T) -> T {
        read(&self.seen.lock().expect("no test panicked with it"))
    }
}

/// The host that `key(2)` belongs to, at `address`.
pub(crate) fn target(address: SocketAddr) -> Target {
    Target {
        name: "abandon".into(),
        address,
        user: "root".into(),
        host_key: PublicKey::from(&*key(2)),
        via: None,
    }
}

struct Connection {
    seen: Arc<Mutex<Seen>>,
    react: Reaction,
    channel: Option<Channel<Msg>>,
}

impl Connection {
    fn again(&self) -> Self {
        Self {
            seen: Arc::clone(&self.seen),
            react: Arc::clone(&self.react),
            channel: None,
        }
    }

    fn see(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().expect("no test panicked with it"));
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        self.see(|seen| seen.logins.push(user.to_owned()));
        Ok(Auth::reject())
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        _: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        self.see(|seen| seen.logins.push(user.to_owned()));
        Ok(Auth::Accept)
    }

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let ours = PublicKey::from(&*ours());
        if key.public_key.key_data() == ours.key_data() {
            Ok(Auth::Accept)
        } else {
            Ok(Auth::reject())
        }
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.see(|seen| seen.opened.push(channel.id()));
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        _: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let command = String::from_utf8_lossy(command).into_owned();
        self.see(|seen| seen.commands.push(command.clone()));
        let channel = self.channel.take().ok_or(russh::Error::WrongChannel)?;
        let handle = session.handle();
        tokio::spawn((self.react)(Exec {
            command,
            channel,
            handle,
        }));
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.see(|seen| seen.closed.push(id));
        Ok(())
    }
}
