//! Clients that never finish, send garbage or too much; the others are served all the same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Config, Handle};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg};
use russh::{Channel, ChannelMsg};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use provisioner::register::Event;

use crate::client::ssh;
use crate::room::{Open, PATIENCE, Room};

/// A client of our own, which does what OpenSSH's does not.
pub(crate) struct Any;

impl client::Handler for Any {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

async fn log_in(address: SocketAddr, seed: u8, config: Config) -> Handle<Any> {
    let key = Arc::new(PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32])));
    let mut handle = client::connect(Arc::new(config), address, Any)
        .await
        .unwrap();
    let key = PrivateKeyWithHashAlg::new(key, None);
    assert!(
        handle
            .authenticate_publickey("join", key)
            .await
            .unwrap()
            .success()
    );
    handle
}

async fn terminal(handle: &Handle<Any>) -> Channel<client::Msg> {
    let channel = handle.channel_open_session().await.unwrap();
    channel
        .request_pty(false, "xterm", 80, 24, 0, 0, &[])
        .await
        .unwrap();
    channel.request_shell(false).await.unwrap();
    channel
}

async fn from(local: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(format!("{local}:0").parse().unwrap())?;
    socket.connect(to).await
}

/// Somebody joins, as if nothing else went on.
async fn somebody_joins(room: &Room, open: &mut Open, name: &str) {
    let mut client = ssh(open).key(room.key(name)).option("-T").start();
    client.types(&format!("{name}\n\n")).await;
    let fingerprint = open
        .event(|event| match event {
            Event::Asked(asked) if asked.name == name => Some(asked.fingerprint),
            _ => None,
        })
        .await;
    assert_eq!(fingerprint, room.fingerprint(name));
    client.shows("you asked to join").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_that_say_nothing() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut idle = Vec::new();
    for n in 0..1000 {
        let mut stream = from("127.0.0.2", open.address).await.unwrap();
        // Some begin, and stop in the middle.
        if n % 2 == 0 {
            let _ = stream.write_all(b"SSH-2.0-x\r\n\0\0").await;
        }
        idle.push(stream);
    }
    somebody_joins(&room, &mut open, "Ada").await;
    // And nearly as many as an address may have, from the very address of a class.
    for _ in 0..350 {
        idle.push(from("127.0.0.1", open.address).await.unwrap());
    }
    somebody_joins(&room, &mut open, "Bob").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage() {
    let room = Room::new();
    let mut open = room.open().await;
    let id = b"SSH-2.0-x\r\n".as_slice();
    let noise: Vec<u8> = (0..100_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let endless = [b'x'; 100_000];
    for parts in [
        &[noise.as_slice()][..],
        &[b"GET / HTTP/1.1\r\n\r\n"],
        &[&endless],
        &[id, &noise],
        // A packet of 4 GiB, one of 255 KiB that never comes whole, one of no length.
        &[id, &[0xff; 64]],
        &[id, &[0, 3, 0xff, 0, 10, 20]],
        &[id, &[0; 64]],
    ] {
        let mut stream = from("127.0.0.2", open.address).await.unwrap();
        for part in parts {
            let _ = stream.write_all(part).await;
        }
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        // It is hung up on, rather than kept.
        let mut end = stream.take(100_000);
        let read = tokio::time::timeout(PATIENCE, end.read_to_end(&mut answer));
        let _ = read.await.expect("it is hung up on");
    }
    somebody_joins(&room, &mut open, "Ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wild_resizes_while_somebody_types() {
    let room = Room::new();
    let mut open = room.open().await;
    let handle = log_in(open.address, 7, Config::default()).await;
    let channel = terminal(&handle).await;
    let (mut reader, writer) = channel.split();
    let reading = tokio::spawn(async move {
        let mut bytes = 0;
        while let Some(message) = reader.wait().await {
            if let ChannelMsg::Data { data } = message {
                bytes += data.len();
            }
        }
        bytes
    });
    for n in 0..20_000u32 {
        let columns = [0, 1, n, u32::MAX][n as usize % 4];
        writer.window_change(columns, n, u32::MAX, 0).await.unwrap();
        if n == 10_000 {
            writer.data_bytes(&b"Eve"[..]).await.unwrap();
        }
    }
    writer.data_bytes(&b"\r\r"[..]).await.unwrap();
    assert_eq!(open.asked().await.name, "Eve");
    writer.close().await.unwrap();
    drop(handle);
    // What is drawn does not follow every change of a window.
    let bytes = tokio::time::timeout(PATIENCE, reading).await.unwrap();
    assert!(bytes.unwrap() < 2_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_input_than_anybody_types() {
    let room = Room::new();
    let mut open = room.open().await;
    for seed in 1..=5 {
        let handle = log_in(open.address, seed, Config::default()).await;
        let channel = terminal(&handle).await;
        let flood = async {
            for _ in 0..1000 {
                if channel.data_bytes(vec![b'x'; 16 << 10]).await.is_err() {
                    return;
                }
            }
        };
        // It is hung up on, or reads and forgets; either way it is not waited for.
        let _ = tokio::time::timeout(Duration::from_secs(2), flood).await;
    }
    somebody_joins(&room, &mut open, "Ada").await;
    assert_eq!(open.desk.waiting().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut kept = Vec::new();
    for seed in 1..=30 {
        // No byte of ours fits into such a window.
        let config = Config {
            window_size: 1,
            maximum_packet_size: 1024,
            ..Config::default()
        };
        let handle = log_in(open.address, seed, config).await;
        let channel = terminal(&handle).await;
        let _ = channel.data_bytes(&b"x\ry\rz\r"[..]).await;
        kept.push((handle, channel));
    }
    somebody_joins(&room, &mut open, "Ada").await;
    let closing = tokio::time::timeout(Duration::from_secs(30), open.close());
    closing.await.expect("they do not hold up the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_and_requests_without_end() {
    let room = Room::new();
    let mut open = room.open().await;
    let handle = log_in(open.address, 3, Config::default()).await;
    let mut kept = Vec::new();
    let ended = async {
        loop {
            match handle.channel_open_session().await {
                Ok(channel) => kept.push(channel),
                Err(_) if handle.is_closed() => return,
                Err(_) => {}
            }
        }
    };
    let ended = tokio::time::timeout(PATIENCE, ended);
    ended.await.expect("it is hung up on");
    assert_eq!(kept.len(), 1);
    somebody_joins(&room, &mut open, "Ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_in_many_connections_is_one_request() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut kept = Vec::new();
    for n in 0..10 {
        let handle = log_in(open.address, 9, Config::default()).await;
        let channel = terminal(&handle).await;
        channel
            .data_bytes(format!("Eve {n}\r\r").into_bytes())
            .await
            .unwrap();
        kept.push((handle, channel));
    }
    open.asked().await;
    somebody_joins(&room, &mut open, "Ada").await;
    assert_eq!(open.desk.waiting().len(), 2);
}
