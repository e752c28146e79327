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

use crate::inventory::{Inventory, Servers};
use crate::nix::builder::CACHE_PORT;
use crate::steps::ChainParams;

mod answer;
mod api;
pub(crate) mod contact;
mod create;
mod error;
mod fault;
mod pace;
mod place;
mod prices;
mod project;
mod provider;
mod setup;
mod token;
mod user_data;
mod watch;

pub use contact::ContactError;
pub use error::HetznerError;
pub use pace::Pace;
pub use project::{Labelled, labelled};
pub use provider::Hetzner;
pub use token::{Token, TokenError};

/// What servers are like, from the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

impl Settings {
    /// What an inventory says, and the ports of the node and of the builder's cache.
    ///
    /// The cache is open for everybody: what is in it is signed, and hosts have no network of their own to fetch it by.
    pub fn of(inventory: &Inventory) -> Self {
        let Servers {
            server_types,
            locations,
            image,
            builder_type,
            ssh_from,
        } = inventory.hosts.hetzner.clone();
        let chain = ChainParams::of(inventory.bitcoin.chain);
        Self {
            server_types,
            locations,
            image,
            builder_type,
            ssh_from,
            ports: vec![
                (chain.p2p_port, "the node"),
                (CACHE_PORT, "the builder's cache"),
            ],
        }
    }
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
    /// Gets a line when something has to be waited for, or goes another way, and nobody would see it.
    pub notice: Option<Notice>,
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
    /// token that [`use_token_file`] was given or [`Token::find`] finds.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn find() -> Result<Self, TokenError> {
        let endpoint = std::env::var("HCLOUD_ENDPOINT").ok();
        Ok(Self {
            endpoint: endpoint
                .filter(|endpoint| !endpoint.is_empty())
                .unwrap_or_else(|| api::ENDPOINT.to_owned()),
            token: GIVEN.get().cloned().map_or_else(|| Token::find(None), Ok)?,
            pace: Pace::default(),
            notice: NOTICE.get().cloned(),
        })
    }
}

/// Takes lines for whoever gave the command.
pub type Notice = std::sync::Arc<dyn Fn(String) + Send + Sync>;

static NOTICE: std::sync::OnceLock<Notice> = std::sync::OnceLock::new();

/// Who gets [`Access::notice`] of every [`Access::find`] of this process.
pub fn use_notice(notice: Notice) {
    // There is one standard error.
    NOTICE.get_or_init(|| notice);
}

/// The token that was named on the command line: read once, since standard input can be.
static GIVEN: std::sync::OnceLock<Token> = std::sync::OnceLock::new();

/// Takes the token out of `path` (`-` is standard input) for all that this process does.
///
/// # Errors
/// [`TokenError`].
pub fn use_token_file(path: &std::path::Path) -> Result<(), TokenError> {
    let token = Token::find(Some(path))?;
    // A second one could only come from the same command line.
    GIVEN.get_or_init(|| token);
    Ok(())
}
