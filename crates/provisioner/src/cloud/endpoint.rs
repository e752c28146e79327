//! Where a host's sshd answers.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The port that RFC 4251 gives SSH.
pub const SSH_PORT: u16 = 22;

/// Where a host's sshd answers. As text `192.0.2.7`, or `192.0.2.7:2222` and `[2001:db8::7]:2222` where the port is
/// not 22: what an older `workshop` wrote down is the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint {
    /// The address, also that of the host's node.
    pub ip: IpAddr,
    /// The port of sshd.
    pub port: u16,
}

/// A text that is no [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("`{text}` is no address")]
#[diagnostic(help(
    "Write an IP address, or one with a port: `192.0.2.7:2222`, `[2001:db8::7]:2222`."
))]
pub struct BadEndpoint {
    /// What was there instead.
    pub text: String,
}

impl Endpoint {
    /// As the network wants it.
    pub fn socket(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

impl Endpoint {
    /// What comes behind `ssh` to log in as `user`.
    pub fn login(self, user: &str) -> String {
        match self.port {
            SSH_PORT => format!("{user}@{}", self.ip),
            port => format!("-p {port} {user}@{}", self.ip),
        }
    }

    /// How `known_hosts` calls it (sshd(8)).
    pub fn known_host(self) -> String {
        match self.port {
            SSH_PORT => self.ip.to_string(),
            port => format!("[{}]:{port}", self.ip),
        }
    }
}

impl From<IpAddr> for Endpoint {
    fn from(ip: IpAddr) -> Self {
        Self { ip, port: SSH_PORT }
    }
}

impl From<[u8; 4]> for Endpoint {
    fn from(ip: [u8; 4]) -> Self {
        IpAddr::from(ip).into()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(socket: SocketAddr) -> Self {
        Self {
            ip: socket.ip(),
            port: socket.port(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alone = || text.parse::<IpAddr>().map(Self::from).ok();
        let with_port = || text.parse::<SocketAddr>().map(Self::from).ok();
        alone()
            .or_else(with_port)
            .filter(|endpoint| endpoint.port != 0)
            .ok_or_else(|| BadEndpoint {
                text: text.escape_debug().to_string(),
            })
    }
}

impl TryFrom<String> for Endpoint {
    type Error = BadEndpoint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == SSH_PORT {
            self.ip.fmt(f)
        } else {
            self.socket().fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_read_as_it_is_written() {
        for text in [
            "192.0.2.7",
            "192.0.2.7:2222",
            "2001:db8::7",
            "[2001:db8::7]:2222",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!(
            "192.0.2.7:22".parse::<Endpoint>().unwrap().to_string(),
            "192.0.2.7"
        );
        for bad in [
            "",
            "host.example",
            "192.0.2.7:",
            "192.0.2.7:0",
            "192.0.2.7:65536",
            "192.0.2.256",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn openssh_is_told_another_port_in_its_own_ways() {
        let plain: Endpoint = "2001:db8::7".parse().unwrap();
        let other: Endpoint = "[2001:db8::7]:2222".parse().unwrap();
        assert_eq!(plain.login("ada"), "ada@2001:db8::7");
        assert_eq!(other.login("ada"), "-p 2222 ada@2001:db8::7");
        assert_eq!(plain.known_host(), "2001:db8::7");
        assert_eq!(other.known_host(), "[2001:db8::7]:2222");
    }

    #[test]
    fn what_an_older_version_wrote_down_is_read() {
        let old = serde_json::to_string(&IpAddr::from([10, 231, 7, 10])).unwrap();
        let read: Endpoint = serde_json::from_str(&old).unwrap();
        assert_eq!(read, Endpoint::from(IpAddr::from([10, 231, 7, 10])));
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
    }
}
