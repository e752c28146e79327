//! What handouts are made of.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Whose work the tasks follow. It stands on every handout.
pub const ATTRIBUTION: &str = "After 0xB10C's workshop 'Tracing Bitcoin Core v23.0', CC BY-SA 4.0";

/// What everybody may do with a handout.
pub const LICENCE: &str = "CC BY-SA 4.0";

/// Its text.
pub const LICENCE_URL: &str = "https://creativecommons.org/licenses/by-sa/4.0/";

/// A workshop with everybody in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// What it is called and when it takes place.
    pub workshop: Workshop,
    /// The hosts, in the order in which they are printed.
    pub seats: Vec<Seat>,
    /// The tasks, in their order.
    pub tasks: Vec<Task>,
    /// What is printed on.
    pub paper: Paper,
}

/// What all handouts of a workshop say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workshop {
    /// What it is called.
    pub name: String,
    /// The first day, as people read it.
    pub date: Option<String>,
    /// When the servers go away, as people read it.
    pub deadline: Option<String>,
    /// The line of Bitcoin Core, as people say it: `v29 and newer`.
    pub core: String,
    /// Who the participants are on their servers.
    pub user: String,
}

/// One host and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The host's name.
    pub word: String,
    /// Whose it is; none for a spare.
    pub participant: Option<Participant>,
    /// Where it is, once it was made.
    pub address: Option<IpAddr>,
    /// Where its sshd listens there: 22 nearly everywhere.
    pub port: u16,
    /// The fingerprint of the host's key, `SHA256:…`, once it has one.
    pub fingerprint: Option<String>,
}

/// Who gets a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// As they call themselves. Whatever it holds, it is shown as text and on its own.
    pub name: String,
    /// The fingerprint of the key that opens the host, `SHA256:…`.
    pub key: String,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// As typed: `task1`.
    pub id: String,
    /// As read.
    pub title: String,
    /// What it is about, in one sentence.
    pub brief: String,
    /// All of it, in Markdown.
    pub text: String,
}

/// What is printed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paper {
    /// ISO 216, 210 mm × 297 mm.
    #[default]
    A4,
    /// ANSI/ASME Y14.1 size A, 8½ in × 11 in.
    Letter,
}

impl Paper {
    /// The name that CSS knows it by (CSS Paged Media, `size`).
    pub fn css(self) -> &'static str {
        match self {
            Self::A4 => "A4",
            Self::Letter => "letter",
        }
    }
}
