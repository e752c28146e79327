//! Servers of Hetzner Cloud.
//!
//! What makes up a workshop there, and where it is found again after the tool has ended: servers, one SSH key and one
//! firewall, all with the label `workshop=<id>`. A server also carries its word and what it is for; its name,
//! `<word>-<id>`, is what makes it exist once: Hetzner refuses a second of that name. So an answer that was lost
//! is found out by looking, and a run that was killed by running again.
//!
//! Requests are few: servers come from one list, actions of all are waited for together, and what a workshop has once
//! is made once ([`Hetzner`] counts them).

use std::fmt;

mod answer;
mod api;
mod create;
mod error;
mod fault;
mod pace;
mod place;
mod prices;
mod provider;
mod setup;
mod token;
mod user_data;
mod watch;

pub use error::HetznerError;
pub use pace::Pace;
pub use provider::Hetzner;
pub use token::{Token, TokenError};

/// What servers are like, from the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// As Hetzner calls them (`cpx31`), in the order in which they are tried.
    pub server_types: Vec<String>,
    /// As Hetzner calls them (`fsn1`), in the order in which they are tried.
    pub locations: Vec<String>,
    /// As Hetzner calls it: `debian-13`.
    pub image: String,
    /// For the builder, before the others.
    pub builder_type: Option<String>,
    /// Networks that SSH is open for (`192.0.2.0/24`); for everybody when empty.
    pub ssh_from: Vec<String>,
    /// TCP ports that are open for everybody, and what for.
    pub ports: Vec<(u16, &'static str)>,
}

/// Where the API is and how it is talked to.
#[derive(Clone)]
pub struct Access {
    /// `https://api.hetzner.cloud/v1`, or a test server's.
    pub endpoint: String,
    /// Who asks.
    pub token: Token,
    /// How patiently.
    pub pace: Pace,
    /// Gets a line when something has to be waited for that nobody sees.
    pub notice: Option<std::sync::Arc<dyn Fn(String) + Send + Sync>>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("endpoint", &self.endpoint)
            .field("token", &self.token)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// The API that `HCLOUD_ENDPOINT` names, as it does for the hcloud command line, or the real one; with the
    /// token that [`Token::find`] finds.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn find(token_file: Option<&std::path::Path>) -> Result<Self, TokenError> {
        let endpoint = std::env::var("HCLOUD_ENDPOINT").ok();
        Ok(Self {
            endpoint: endpoint
                .filter(|endpoint| !endpoint.is_empty())
                .unwrap_or_else(|| api::ENDPOINT.to_owned()),
            token: Token::find(token_file)?,
            pace: Pace::default(),
            notice: None,
        })
    }
}

/// Something of a workshop that exists at Hetzner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// What it is: `server`, `firewall`, `SSH key`.
    pub kind: &'static str,
    /// As the console shows it.
    pub name: String,
    /// Its number there.
    pub id: i64,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.kind, self.name, self.id)
    }
}
