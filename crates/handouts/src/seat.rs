//! A card's content: what a participant needs to get in, ready to be shown in any format.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::clean::one_line;
use crate::data::{Seat, Workshop};
use crate::qr::{self, Code};

/// One card, as every template sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The host's name.
    pub word: String,
    /// Whose it is; none for a spare.
    pub name: Option<String>,
    /// Whether the name is so long that it is set smaller.
    pub long_name: bool,
    /// Where the host is; none before it was made.
    pub address: Option<String>,
    /// What is typed to get there; none before there is an address.
    pub command: Option<String>,
    /// The same for a program that takes addresses with `ssh://`.
    pub uri: Option<String>,
    /// The host's section of `~/.ssh/config`; none before there is an address.
    pub config: Option<String>,
    /// The fingerprint of the host's key.
    pub fingerprint: Option<String>,
    /// The fingerprint of the participant's own key.
    pub key: Option<String>,
    qr: Option<Code>,
}

impl Card {
    /// The card of that seat.
    pub fn new(workshop: &Workshop, seat: &Seat) -> Self {
        let user = &workshop.user;
        let name = seat
            .participant
            .as_ref()
            .map(|person| one_line(&person.name));
        // The port that RFC 4251 gives SSH goes without saying.
        let port = |before: &str, after: &str| match seat.port {
            22 => String::new(),
            port => format!("{before}{port}{after}"),
        };
        let uri = seat.address.map(|address| match address {
            IpAddr::V4(address) => format!("ssh://{user}@{address}{}", port(":", "")),
            IpAddr::V6(address) => format!("ssh://{user}@[{address}]{}", port(":", "")),
        });
        Self {
            word: seat.word.clone(),
            long_name: name.as_ref().is_some_and(|name| name.chars().count() > 40),
            name,
            address: seat.address.map(|address| address.to_string()),
            command: seat.address.map(|address| format!("ssh {}{user}@{address}", port("-p ", " "))),
            qr: uri.as_deref().and_then(qr::encode),
            uri,
            config: seat.address.map(|address| {
                format!(
                    "Host {}\n    HostName {address}\n{}    User {user}\n    IdentityFile ~/.ssh/id_ed25519\n    \
                     IdentitiesOnly yes",
                    seat.word,
                    port("    Port ", "\n")
                )
            }),
            fingerprint: seat.fingerprint.clone(),
            key: seat.participant.as_ref().map(|person| person.key.clone()),
        }
    }
}

/// A row of the table: nothing of whose host it is can get onto the wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The host's name.
    pub word: String,
    /// Where the host is; none before it was made.
    pub address: Option<String>,
    /// Whether it is somebody's.
    pub assigned: bool,
}

impl Row {
    /// The row of that seat.
    pub fn new(seat: &Seat) -> Self {
        Self {
            word: seat.word.clone(),
            address: seat.address.map(|address| address.to_string()),
            assigned: seat.participant.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_in_for_both_kinds_of_address() {
        let workshop = Workshop {
            name: "Tracing".into(),
            date: None,
            deadline: None,
            core: "v29 and newer".into(),
            user: "workshop".into(),
        };
        let at_port = |address: Option<&str>, port| {
            let seat = Seat {
                port,
                word: "zoo".into(),
                participant: None,
                address: address.map(|address| address.parse().unwrap()),
                fingerprint: None,
            };
            let card = Card::new(&workshop, &seat);
            (card.command, card.uri, card.qr.is_some())
        };
        let card = |address| at_port(address, 22);
        assert_eq!(card(None), (None, None, false));
        assert_eq!(
            at_port(Some("2001:db8::7"), 2222),
            (
                Some("ssh -p 2222 workshop@2001:db8::7".into()),
                Some("ssh://workshop@[2001:db8::7]:2222".into()),
                true
            )
        );
        assert_eq!(
            card(Some("10.231.7.10")),
            (
                Some("ssh workshop@10.231.7.10".into()),
                Some("ssh://workshop@10.231.7.10".into()),
                true
            )
        );
        // The brackets belong to addresses with a scheme alone (RFC 3986, 3.2.2).
        assert_eq!(
            card(Some("2001:db8::7")),
            (
                Some("ssh workshop@2001:db8::7".into()),
                Some("ssh://workshop@[2001:db8::7]".into()),
                true
            )
        );
    }
}
