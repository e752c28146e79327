//! Addresses of nodes, checked as strictly as what goes into a configuration file must be.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use super::read::shown;
use super::values::{Bad, bad};

/// A host, or a host and a port, for `addnode=` in bitcoin.conf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct NodeAddress(String);

impl NodeAddress {
    /// As bitcoin.conf wants it: nothing in it but letters, digits, and `.`, `-`, `:`, `[`, `]`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Bad> {
        const HELP: &str = "write a name or an address, with a port if it is not the chain's own: node.example.org, 192.0.2.7:48333, [2001:db8::7]:48333";
        let refused = |why: &str| {
            bad(
                format!("`{}` is not an address of a node: {why}", shown(text)),
                HELP,
            )
        };
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self(text.to_owned()));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let Some((host, port)) = rest.split_once(']') else {
                    return refused("`[` without `]`");
                };
                if host.parse::<Ipv6Addr>().is_err() {
                    return refused("no IPv6 address stands between the brackets");
                }
                match port.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if port.is_empty() => (host, None),
                    None => return refused("something else than a port follows `]`"),
                }
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        if let Some(port) = port {
            let is_number = !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit());
            if !is_number
                || port.parse::<u16>().is_ok_and(|port| port == 0)
                || port.parse::<u16>().is_err()
            {
                return refused("the port is not a number from 1 to 65535");
            }
        }
        if !text.starts_with('[') {
            // An address of digits that is none would otherwise pass as a name.
            let is_numeric = host.bytes().all(|c| c.is_ascii_digit() || c == b'.');
            if is_numeric && host.parse::<Ipv4Addr>().is_err() {
                return refused("an IPv4 address has four numbers up to 255");
            }
            if !is_numeric && !is_host_name(host) {
                return refused(
                    "a name is labels of letters, digits and `-`, with dots between them",
                );
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// RFC 1123, section 2.1: labels of at most 63, 253 characters in all.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_into_a_configuration_file_and_carry_nothing_else_there() {
        for text in [
            "node.example.org",
            "node.example.org:48333",
            "192.0.2.7",
            "192.0.2.7:1",
            "2001:db8::7",
            "[2001:db8::7]",
            "[2001:db8::7]:48333",
            "localhost",
            "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion:48333",
        ] {
            assert!(NodeAddress::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            ":48333",
            "a b",
            "a\nrpcuser=x",
            "a=b",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "host:1:2",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "-a.org",
            "a..b",
            "[::1",
            "[a]:1",
            "[::1]1",
            "ho_st",
            "#x",
            "http://a.org",
            "\u{1b}[2J",
        ] {
            assert!(NodeAddress::parse(text).is_err(), "{text}");
        }
    }
}
