//! What the node tells of its connections and messages, whoever brings it to us.

use std::borrow::Cow;
use std::time::Duration;

pub(crate) use exercises::recording::Direction;

/// Something happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetEvent<'a> {
    /// When, since the source was opened.
    pub(crate) at: Duration,
    /// The node's process.
    pub(crate) pid: u32,
    /// The node's number for the peer.
    pub(crate) peer: i64,
    pub(crate) what: What<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What<'a> {
    Message {
        identity: Identity<'a>,
        direction: Direction,
        /// `ping`, `inv` and so on; none when it could not be read.
        kind: Option<Cow<'a, str>>,
        /// Of the payload.
        bytes: u64,
    },
    Connected(Identity<'a>),
    Closed(Identity<'a>),
    /// The node chose it, to make room for another inbound one. It is closed soon.
    Evicted(Identity<'a>),
    Misbehaving {
        reason: Option<Cow<'a, str>>,
    },
}

/// Who the peer is; what could not be read is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity<'a> {
    pub(crate) addr: Option<Cow<'a, str>>,
    /// `inbound`, `outbound-full-relay` and so on.
    pub(crate) connection_type: Option<Cow<'a, str>>,
}

/// Longer than anything that Bitcoin Core passes: a Tor address has 68 bytes with its port.
const LONGEST: usize = 128;

/// Text that came from the network, fit for a terminal: printable ASCII, and not too long.
pub(crate) fn clean(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    let printable = |byte: &u8| matches!(byte, b' '..=b'~');
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(printable) => Cow::Borrowed(text),
        _ => bytes
            .iter()
            .map(|byte| {
                if printable(byte) {
                    char::from(*byte)
                } else {
                    '·'
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_network_moves_the_cursor() {
        assert_eq!(clean(b"ping"), "ping");
        assert_eq!(clean(b"\x1b[2Jp\x07\n\xff\xe2\x80\xae"), "·[2Jp······");
        assert_eq!(clean(&[b'a'; 4000]).len(), LONGEST);
        assert_eq!(clean(b""), "");
    }
}
