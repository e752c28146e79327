//! What the instructor is told while people join.

use std::net::{IpAddr, SocketAddr};

use crate::cloud::Endpoint;

use serde::Serialize;

/// Something that the instructor should see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// People can join now.
    Listening {
        /// Where.
        address: SocketAddr,
        /// Of the key that this server proves itself with.
        fingerprint: String,
    },
    /// Somebody asks to join.
    Asked(Applicant),
    /// They are in the inventory now.
    Approved {
        /// Who.
        #[serde(flatten)]
        applicant: Applicant,
        /// Whether nobody was asked.
        auto: bool,
    },
    /// They will not be.
    Refused(Applicant),
    /// Somebody who joined has a host that waits for them.
    Ready {
        /// Who.
        name: String,
        /// Their word.
        word: String,
        /// Where it is.
        address: Endpoint,
    },
    /// Something did not work; it is tried again where that can help.
    Trouble {
        /// What, with its causes.
        message: String,
        /// The way out.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

/// Somebody who asks to join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applicant {
    /// What the instructor calls them by; never given twice in a workshop.
    pub number: u32,
    /// Printable, on one line.
    pub name: String,
    /// One to four letters.
    pub initials: String,
    /// Of the key they proved to have.
    pub fingerprint: String,
    /// Where they came from.
    pub from: IpAddr,
}

impl Event {
    /// What went wrong, with its causes and the way out.
    pub(super) fn trouble(error: &(dyn miette::Diagnostic + 'static)) -> Self {
        let mut message = with_causes(error);
        for related in error.related().into_iter().flatten() {
            message.push_str(&format!("\n  {related}"));
        }
        Self::Trouble {
            message,
            hint: error.help().map(|help| help.to_string()),
        }
    }
}

/// An error with its causes.
pub(super) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        message.push_str(&format!("\n  caused by: {inner}"));
        cause = inner.source();
    }
    message
}
