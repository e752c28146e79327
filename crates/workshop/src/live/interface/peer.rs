//! The other end of a node's connection: as much of the peer-to-peer protocol (version 1 of its transport) as a
//! peer needs that shakes hands, and knows byte for byte what was said.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::message::{Message, take, version};
use crate::live::CouldNot;
use crate::live::cancel::Cancel;

/// A node answers after milliseconds; on a small busy server later.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// How often an interrupt is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// Our end of a connection, and all that was said on it.
pub(super) struct Peer {
    stream: TcpStream,
    buffer: Vec<u8>,
    pub(super) sent: Vec<Message>,
    pub(super) received: Vec<Message>,
    /// How the node calls us.
    pub(super) address: String,
}

impl Peer {
    /// Connects to a node.
    pub(super) fn connect(node: SocketAddr) -> Result<Self, CouldNot> {
        let stream = TcpStream::connect_timeout(&node, ANSWER).map_err(failed)?;
        let address = stream.local_addr().map_err(failed)?.to_string();
        Self::new(stream, address)
    }

    /// Takes the connection that a node makes to us.
    pub(super) fn accept(listener: &TcpListener, cancel: &Cancel) -> Result<Self, CouldNot> {
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?.to_string();
        let end = Instant::now() + ANSWER;
        loop {
            match listener.accept() {
                Ok((stream, _)) => return Self::new(stream, address),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed(error)),
            }
            pause(end, "connect to us", cancel)?;
        }
    }

    fn new(stream: TcpStream, address: String) -> Result<Self, CouldNot> {
        let set = || {
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(LOOK))?;
            stream.set_write_timeout(Some(ANSWER))
        };
        set().map_err(failed)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
            sent: Vec::new(),
            received: Vec::new(),
            address,
        })
    }

    /// Tells our version and waits until both have acknowledged the other's.
    pub(super) fn shake_hands(&mut self, cancel: &Cancel) -> Result<(), CouldNot> {
        let nonce = self.nonce();
        self.send("version", version(nonce))?;
        self.until("tell its version", cancel, |one| one.has("version"))?;
        self.send("verack", Vec::new())?;
        self.until("acknowledge our version", cancel, |one| one.has("verack"))
    }

    /// Pings until everything that either has said is known to both.
    pub(super) fn settle(&mut self, cancel: &Cancel) -> Result<(), CouldNot> {
        loop {
            let nonce = self.nonce().to_le_bytes().to_vec();
            self.send("ping", nonce.clone())?;
            let said = self.sent.len();
            self.until("answer a ping", cancel, |one| {
                let mut received = one.received.iter().rev();
                received.any(|message| message.kind == "pong" && message.payload == nonce)
            })?;
            // A ping of the node's own may have come between, and our answer to it is still on the way.
            if self.sent.len() == said {
                return Ok(());
            }
        }
    }

    /// Reads until something holds.
    pub(super) fn until(
        &mut self,
        what: &str,
        cancel: &Cancel,
        holds: impl Fn(&Self) -> bool,
    ) -> Result<(), CouldNot> {
        let end = Instant::now() + ANSWER;
        while !holds(self) {
            self.read()?;
            pause_no_longer(end, what, cancel)?;
        }
        Ok(())
    }

    /// Says something.
    pub(super) fn send(&mut self, kind: &str, payload: Vec<u8>) -> Result<(), CouldNot> {
        let message = Message {
            kind: kind.to_owned(),
            payload,
        };
        self.stream.write_all(&message.to_bytes()).map_err(failed)?;
        self.sent.push(message);
        Ok(())
    }

    /// Reads what has come, for a moment; answers pings.
    fn read(&mut self) -> Result<(), CouldNot> {
        let mut chunk = [0; 8192];
        match self.stream.read(&mut chunk) {
            Ok(0) => {
                return Err(CouldNot::new(
                    "a temporary node closed a connection of ours",
                    "run it again",
                ));
            }
            Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(failed(error)),
        }
        while let Some(message) = take(&mut self.buffer)? {
            if message.kind == "ping" {
                self.send("pong", message.payload.clone())?;
            }
            self.received.push(message);
        }
        Ok(())
    }

    fn has(&self, kind: &str) -> bool {
        self.received.iter().any(|message| message.kind == kind)
    }

    /// Ours alone on this machine: a node that hears its own nonce takes us for itself.
    fn nonce(&self) -> u64 {
        let port = self.stream.local_addr().map_or(0, |address| address.port());
        let count = u64::try_from(self.sent.len()).unwrap_or(u64::MAX);
        u64::from(port) << 32 | count << 8 | 1
    }
}

/// Waits a moment for the node to do something.
pub(super) fn pause(end: Instant, what: &str, cancel: &Cancel) -> Result<(), CouldNot> {
    cancel.sleep(Duration::from_millis(2));
    pause_no_longer(end, what, cancel)
}

fn pause_no_longer(end: Instant, what: &str, cancel: &Cancel) -> Result<(), CouldNot> {
    if cancel.is_set() {
        return Err(CouldNot::cancelled());
    }
    if Instant::now() < end {
        return Ok(());
    }
    Err(CouldNot::new(
        format!(
            "a temporary node did not {what} within {} s",
            ANSWER.as_secs()
        ),
        "run it again while the machine has less to do",
    ))
}

fn failed(error: io::Error) -> CouldNot {
    CouldNot::new(
        format!("a connection to a temporary node failed: {error}"),
        "run it again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn two_ends_understand_each_other() {
        let cancel = Cancel::on_signals().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let node = listener.local_addr().unwrap();
        let other = std::thread::spawn({
            let cancel = cancel.clone();
            move || {
                let mut peer = Peer::accept(&listener, &cancel).unwrap();
                peer.shake_hands(&cancel).unwrap();
                peer.until("ping", &cancel, |one| one.has("ping")).unwrap();
                peer
            }
        });
        let mut peer = Peer::connect(node).unwrap();
        peer.shake_hands(&cancel).unwrap();
        peer.settle(&cancel).unwrap();
        let other = other.join().unwrap();
        let kinds: Vec<&str> = peer.sent.iter().map(|one| one.kind.as_str()).collect();
        assert_eq!(kinds, ["version", "verack", "ping"]);
        assert_eq!(peer.sent, other.received);
        assert_eq!(peer.received, other.sent);
    }
}
