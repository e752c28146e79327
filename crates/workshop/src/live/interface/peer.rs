//! The other end of a node's connection: as much of the peer-to-peer protocol (version 1 of its transport) as a
//! peer needs that shakes hands, and knows byte for byte what was said.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use crate::live::CouldNot;
use crate::live::cancel::Cancel;

/// Regtest's first bytes of every message.
const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];
/// Magic, type, length and checksum.
pub(super) const HEADER: usize = 24;
/// Bytes of a message's type.
const TYPE: usize = 12;
/// Nothing that a node says to us is longer.
const LONGEST: usize = 4 << 20;
/// We offer what a node wants of those that it connects to: all blocks, and witnesses.
const SERVICES: u64 = 1 | 1 << 3;
/// The version of the protocol that added the handshake's optional messages, of which we use none.
const PROTOCOL: i32 = 70016;
/// A node answers after milliseconds; on a small busy server later.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// How often an interrupt is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// A message, without its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: String,
    pub(super) payload: Vec<u8>,
}

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
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut name = [0; TYPE];
        for (to, from) in name.iter_mut().zip(kind.bytes()) {
            *to = from;
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend(name);
        bytes.extend(length.to_le_bytes());
        bytes.extend(checksum(&payload));
        bytes.extend(&payload);
        self.stream.write_all(&bytes).map_err(failed)?;
        self.sent.push(Message {
            kind: kind.to_owned(),
            payload,
        });
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

/// Takes the first whole message out of what was read.
fn take(buffer: &mut Vec<u8>) -> Result<Option<Message>, CouldNot> {
    let odd = |what: &str| {
        CouldNot::new(
            format!("a temporary node said something odd: {what}"),
            "this program does not know that version of Bitcoin Core: ask the instructor",
        )
    };
    let Some((header, rest)) = buffer.split_at_checked(HEADER) else {
        return Ok(None);
    };
    let (magic, header) = header.split_at(MAGIC.len());
    let (kind, header) = header.split_at(TYPE);
    let (length, _checksum) = header.split_at(size_of::<u32>());
    if magic != MAGIC {
        return Err(odd("no message of regtest"));
    }
    let length = length.try_into().map_or(u32::MAX, u32::from_le_bytes);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(odd("a message of more than 4 MiB"));
    }
    let Some(payload) = rest.get(..length) else {
        return Ok(None);
    };
    let kind: Vec<u8> = kind.iter().copied().take_while(|byte| *byte != 0).collect();
    let message = Message {
        kind: String::from_utf8_lossy(&kind).into_owned(),
        payload: payload.to_vec(),
    };
    buffer.drain(..HEADER + length);
    Ok(Some(message))
}

fn version(nonce: u64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    // Services, address and port of either: nobody is to call us.
    let nowhere = [
        &0_u64.to_le_bytes()[..],
        &Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets(),
        &[0, 0],
    ]
    .concat();
    let mut payload = PROTOCOL.to_le_bytes().to_vec();
    payload.extend(SERVICES.to_le_bytes());
    payload.extend(now.to_le_bytes());
    payload.extend(&nowhere);
    payload.extend(&nowhere);
    payload.extend(nonce.to_le_bytes());
    let name = b"/workshop/";
    payload.extend(u8::try_from(name.len()));
    payload.extend(name);
    // Our best block's height, and that transactions may be sent to us.
    payload.extend(0_i32.to_le_bytes());
    payload.push(1);
    payload
}

fn checksum(payload: &[u8]) -> Vec<u8> {
    let twice = Sha256::digest(Sha256::digest(payload));
    twice.into_iter().take(4).collect()
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

    #[test]
    fn half_a_message_waits_and_nonsense_is_told() {
        let mut half = MAGIC.to_vec();
        half.extend(b"ping\0\0\0\0\0\0\0\0\x08\0\0\0....1234567");
        assert_eq!(take(&mut half), Ok(None));
        half.push(b'8');
        let message = take(&mut half).unwrap().unwrap();
        assert_eq!(message.kind, "ping");
        assert_eq!(message.payload, b"12345678");
        assert!(half.is_empty());
        assert!(take(&mut vec![0; HEADER]).is_err());
        let mut long = MAGIC.to_vec();
        long.extend([0xff; HEADER]);
        assert!(take(&mut long).is_err());
    }

    #[test]
    fn a_checksum_is_core_s() {
        // Of no bytes, as every `verack` has it.
        assert_eq!(checksum(&[]), [0x5d, 0xf6, 0xe0, 0xe2]);
    }
}
