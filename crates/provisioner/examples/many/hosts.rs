//! Hosts that have everything: one SSH server, whichever address of loopback somebody comes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::Result;

/// Where they listen, on every address.
pub(crate) const PORT: u16 = 2222;

/// How many came.
pub(crate) struct Hosts(Arc<AtomicU32>);

impl Hosts {
    pub(crate) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    pub(crate) fn connections(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) async fn serve(key: Arc<PrivateKey>, round_trip: Duration) -> Result<Hosts> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let config = Arc::new(Config {
        keys: vec![(*key).clone()],
        auth_rejection_time: Duration::ZERO,
        nodelay: true,
        ..Config::default()
    });
    let connections = Arc::<AtomicU32>::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let far = far_away(stream, round_trip);
                if let Ok(session) = run_stream(config, far, Host::default()).await {
                    let _ = session.await;
                }
            });
        }
    });
    Ok(Hosts(connections))
}

/// The stream as it is at the other end of a long link: whatever is sent comes half a round trip later, and the first
/// after a whole one more, which is TCP's handshake. No bandwidth is taken away.
fn far_away(stream: TcpStream, round_trip: Duration) -> impl AsyncRead + AsyncWrite + Unpin + Send {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (client_reads, client_writes) = stream.into_split();
    let (near_reads, near_writes) = tokio::io::split(near);
    tokio::spawn(async move {
        sleep(round_trip).await;
        tokio::spawn(delayed(near_reads, client_writes, round_trip / 2));
        delayed(client_reads, near_writes, round_trip / 2).await;
    });
    far
}

async fn delayed(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    delay: Duration,
) {
    let (send, mut receive) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    tokio::spawn(async move {
        while let Some((due, bytes)) = receive.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
    let mut chunk = vec![0; 1 << 15];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        let due = Instant::now() + delay;
        if send.send((due, chunk[..read].to_vec())).await.is_err() {
            return;
        }
    }
}

/// One connection to one host.
#[derive(Default)]
struct Host {
    script: Vec<u8>,
}

impl Handler for Host {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> std::result::Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> std::result::Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        _: ChannelId,
        _: &[u8],
        _: &mut Session,
    ) -> std::result::Result<(), Self::Error> {
        self.script.clear();
        Ok(())
    }

    async fn data(
        &mut self,
        _: ChannelId,
        data: &[u8],
        _: &mut Session,
    ) -> std::result::Result<(), Self::Error> {
        self.script.extend_from_slice(data);
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> std::result::Result<(), Self::Error> {
        let answer = satisfied(&String::from_utf8_lossy(&self.script));
        session.data(channel, answer.into_bytes())?;
        session.exit_status_request(channel, 0)?;
        session.eof(channel)?;
        session.close(channel)
    }
}

/// What a host prints that has everything: the line that the script prints behind each fact, with status 0.
fn satisfied(script: &str) -> String {
    let marker = script
        .lines()
        .find_map(|line| line.strip_prefix("marker='")?.strip_suffix('\''))
        .unwrap_or_default();
    let step = |line: &str| {
        let rest = line.strip_prefix("printf '\\n%s %s %s\\n' \"$marker\" '")?;
        Some(rest.strip_suffix("' $?")?.to_owned())
    };
    script
        .lines()
        .filter_map(step)
        .map(|step| format!("\n{marker} {step} 0\n"))
        .collect()
}
