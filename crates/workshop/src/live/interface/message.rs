//! Messages of the peer-to-peer protocol, version 1 of its transport.

use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use crate::live::CouldNot;

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
/// A message, without its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: String,
    pub(super) payload: Vec<u8>,
}

impl Message {
    /// As it goes over the wire.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        let mut name = [0; TYPE];
        for (to, from) in name.iter_mut().zip(self.kind.bytes()) {
            *to = from;
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend(name);
        bytes.extend(length.to_le_bytes());
        bytes.extend(checksum(&self.payload));
        bytes.extend(&self.payload);
        bytes
    }
}

/// Takes the first whole message out of what was read.
pub(super) fn take(buffer: &mut Vec<u8>) -> Result<Option<Message>, CouldNot> {
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

/// The payload of a `version`: who we are.
pub(super) fn version(nonce: u64) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
