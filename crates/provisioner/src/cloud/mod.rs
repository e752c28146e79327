//! Where hosts come from. Every provider gives the same thing: an address, a host key that was
//! known before anybody connects to it, and root by our key.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod endpoint;
pub mod existing;
pub mod hetzner;
mod leftover;
pub mod local;
pub mod price;
mod provider;

pub use endpoint::{BadEndpoint, Endpoint, SSH_PORT};
pub use leftover::{Leftover, LeftoverKind};
pub use provider::{Prepared, Provider};

/// A provider could not do what it was asked for.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CloudError {
    /// This machine.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Local(#[from] local::LocalError),
    /// Hetzner Cloud.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Hetzner(Box<hetzner::HetznerError>),
    /// Machines that somebody already has.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Existing(Box<existing::ExistingError>),
}

impl From<existing::ExistingError> for CloudError {
    fn from(error: existing::ExistingError) -> Self {
        Self::Existing(Box::new(error))
    }
}

impl From<hetzner::HetznerError> for CloudError {
    fn from(error: hetzner::HetznerError) -> Self {
        Self::Hetzner(Box::new(error))
    }
}

/// What one workshop's hosts, links and labels carry, so that they are never taken for another's:
/// eight lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkshopId(String);

/// A text that is no [`WorkshopId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("`{text}` is no workshop id: it must be eight digits out of 0-9 and a-f")]
pub struct BadWorkshopId {
    /// What was there instead.
    pub text: String,
}

impl WorkshopId {
    /// An id that no other workshop has, but for one chance in four billion.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn random() -> std::io::Result<Self> {
        let number = getrandom::u32().map_err(std::io::Error::from)?;
        Ok(Self(format!("{number:08x}")))
    }

    /// One that nothing carries: before the first run there is no other.
    pub fn nobody() -> Self {
        Self("00000000".to_owned())
    }

    /// The eight digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits as the four bytes that they spell.
    #[cfg(any(test, target_os = "linux"))]
    pub(crate) fn bytes(&self) -> [u8; 4] {
        u32::from_str_radix(&self.0, 16)
            .unwrap_or_default()
            .to_be_bytes()
    }
}

impl FromStr for WorkshopId {
    type Err = BadWorkshopId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 8 && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadWorkshopId {
                text: text.to_owned(),
            })
        }
    }
}

impl TryFrom<String> for WorkshopId {
    type Error = BadWorkshopId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WorkshopId> for String {
    fn from(id: WorkshopId) -> Self {
        id.0
    }
}

impl std::fmt::Display for WorkshopId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a host must be like before the first SSH step.
#[derive(Clone)]
pub struct HostSpec {
    /// An RFC 1123 label, which is also the host name: a BIP39 word, or `builder`.
    pub name: String,
    /// Fixed place in the workshop. Of a local host the address ends in 10 + `index`, so it is at most 240.
    pub index: u16,
    /// The private ed25519 host key, OpenSSH's PEM text. The host has no other. Empty where a host has its own.
    pub host_key: String,
    /// One line of root's `authorized_keys`.
    pub root_key: String,
    /// What the host may use of the machine.
    pub limits: HostLimits,
    /// Folders of this machine and where the host sees them, writable (the builder's cache).
    pub binds: Vec<(PathBuf, PathBuf)>,
}

// By hand: a debug print must never carry the private key into a log.
impl std::fmt::Debug for HostSpec {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("HostSpec")
            .field("name", &self.name)
            .field("index", &self.index)
            .field("root_key", &self.root_key)
            .field("limits", &self.limits)
            .field("binds", &self.binds)
            .finish_non_exhaustive()
    }
}

/// What a host may use; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostLimits {
    /// Memory in bytes; swap is not on top of it.
    pub memory_bytes: Option<u64>,
    /// Processors, in parts too: 0.5 is half of one.
    pub cpus: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Bytes of a disk of its own; else all files lie with those of other hosts. A rented server's
    /// is its type's.
    pub disk_bytes: Option<u64>,
}

impl HostLimits {
    /// What the inventory gives each participant's host.
    pub(crate) fn of(limits: &crate::inventory::Limits) -> Self {
        Self {
            memory_bytes: Some(limits.memory.as_bytes()),
            cpus: Some(f64::from(limits.cpus.as_millis()) / 1000.0),
            pids: Some(limits.pids),
            disk_bytes: limits.disk.map(|disk| disk.size.as_bytes()),
        }
    }
}

/// A host that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostStatus {
    /// As in [`HostSpec::name`].
    pub name: String,
    /// Where it answers when it runs.
    pub address: Endpoint,
    /// Whether it runs; a stopped host keeps what was written on it.
    pub running: bool,
    /// When it was made, where the provider says so.
    pub made: Option<jiff::Timestamp>,
    /// What it costs as long as it exists, where the provider says so; none where it costs nothing.
    pub price: Option<price::Price>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_eight_lower_case_digits() {
        for good in ["00000000", "deadbeef", "0123abcd"] {
            assert_eq!(good.parse::<WorkshopId>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "DEADBEEF",
            "deadbee",
            "deadbeef0",
            "../../ab",
            "deadbee\n",
        ] {
            assert!(bad.parse::<WorkshopId>().is_err(), "{bad:?}");
        }
        assert!(serde_json::from_str::<WorkshopId>("\"nonsense\"").is_err());
        assert_eq!(
            "0102ff00".parse::<WorkshopId>().unwrap().bytes(),
            [1, 2, 255, 0]
        );
    }

    #[test]
    fn a_printed_spec_carries_no_private_key() {
        let spec = HostSpec {
            name: "able".into(),
            index: 0,
            host_key: "SECRET".into(),
            root_key: "ssh-ed25519 AAAA".into(),
            limits: HostLimits::default(),
            binds: Vec::new(),
        };
        assert!(!format!("{spec:?}").contains("SECRET"));
    }
}
