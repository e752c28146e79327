//! What is read of the API's answers: little, and nothing that a value or field from tomorrow breaks.
//!
//! hcloud's own models have closed enumerations and demand every field, so one server of a status that the crate
//! does not know would lose the whole list. They are what is sent; this is what is read.

use std::collections::HashMap;
use std::net::IpAddr;

use serde::Deserialize;

use crate::host::printable;

/// A label of every server, key and firewall of ours: whose it is.
pub(super) const WORKSHOP: &str = "workshop";
/// A label of every server: its word.
pub(super) const WORD: &str = "word";
/// A label of every server: what it is for.
pub(super) const ROLE: &str = "role";

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Server {
    pub(super) id: i64,
    pub(super) name: String,
    /// `running`, `off` and others, of which there may be more one day.
    pub(super) status: String,
    #[serde(default)]
    pub(super) labels: HashMap<String, String>,
    /// When it was made, as RFC 3339 has it.
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    public_net: PublicNet,
    #[serde(default)]
    server_type: Option<Named>,
    #[serde(default)]
    location: Option<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct PublicNet {
    #[serde(default)]
    ipv4: Option<Ipv4>,
}

#[derive(Clone, Debug, Deserialize)]
struct Ipv4 {
    ip: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

impl Server {
    /// The word, or the server's name where somebody removed the label.
    pub(super) fn word(&self) -> String {
        printable(self.labels.get(WORD).unwrap_or(&self.name).as_bytes())
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        self.public_net.ipv4.as_ref()?.ip.parse().ok()
    }

    /// When billing began.
    pub(super) fn made(&self) -> Option<jiff::Timestamp> {
        self.created.as_ref()?.parse().ok()
    }

    /// Whether it runs or is about to. A status that nobody knows yet counts: looking costs little, and starting a
    /// server that runs would be refused.
    pub(super) fn runs(&self) -> bool {
        !matches!(self.status.as_str(), "off" | "stopping" | "deleting")
    }

    /// It is on its way out and cannot be used again.
    pub(super) fn is_leaving(&self) -> bool {
        self.status == "deleting"
    }

    /// `cpx31 in fsn1`
    pub(super) fn kind(&self) -> (String, String) {
        let name = |named: &Option<Named>| {
            named
                .as_ref()
                .map_or_else(|| "?".to_owned(), |named| printable(named.name.as_bytes()))
        };
        (name(&self.server_type), name(&self.location))
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Action {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) command: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) error: Option<hcloud::models::Error>,
}

/// To a new server.
#[derive(Debug, Deserialize)]
pub(super) struct Created {
    pub(super) server: Server,
    pub(super) action: Action,
    #[serde(default)]
    pub(super) next_actions: Vec<Action>,
}

/// To a change of a server.
#[derive(Debug, Deserialize)]
pub(super) struct Begun {
    pub(super) action: Action,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct SshKey {
    pub(super) id: i64,
    pub(super) public_key: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct OneSshKey {
    pub(super) ssh_key: SshKey,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Firewall {
    pub(super) id: i64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OneFirewall {
    pub(super) firewall: Firewall,
}

/// As far as two sets of rules are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Rule {
    #[serde(default)]
    pub(super) direction: String,
    #[serde(default)]
    pub(super) protocol: String,
    #[serde(default)]
    pub(super) port: Option<String>,
    #[serde(default)]
    pub(super) source_ips: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Image {
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Pricing {
    pub(super) currency: String,
    pub(super) vat_rate: String,
    #[serde(default)]
    pub(super) server_types: Vec<PricedType>,
    #[serde(default)]
    pub(super) primary_ips: Vec<PricedAddress>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OnePricing {
    pub(super) pricing: Pricing,
}

#[derive(Debug, Deserialize)]
pub(super) struct PricedType {
    pub(super) name: String,
    #[serde(default)]
    pub(super) prices: Vec<PlacePrice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PricedAddress {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) prices: Vec<PlacePrice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PlacePrice {
    pub(super) location: String,
    pub(super) price_hourly: hcloud::models::Price,
    pub(super) price_monthly: hcloud::models::Price,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_tomorrow_is_read() {
        let server: Server = serde_json::from_str(
            r#"{"id": 42, "name": "able-0badcafe", "status": "hibernating", "labels": {"word": "able\u001b"},
                "public_net": {"ipv4": {"ip": "192.0.2.7", "colour": "blue"}, "ipv9": {}},
                "server_type": {"name": "cpx99", "cpu_type": "quantum"}, "moon": true}"#,
        )
        .unwrap();
        assert!(server.runs() && !server.is_leaving());
        assert_eq!(server.word(), "able\u{FFFD}");
        assert_eq!(server.address(), Some("192.0.2.7".parse().unwrap()));
        assert_eq!(server.kind(), ("cpx99".to_owned(), "?".to_owned()));
    }
}
