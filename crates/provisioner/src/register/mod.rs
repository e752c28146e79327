//! The server that people join at, by `ssh join@…` with the very key they will use.
//!
//! Their public key is taken from the authentication itself, once they proved to have the private one: nothing is
//! mailed, and a private key cannot be sent by mistake. They give a name; the instructor answers at the [`Desk`]; the
//! answer goes into the inventory, and from there on everything is as after `workshop add`.
//!
//! Whoever connects is a stranger: no shell, command, forwarding or file transfer is behind this port, only
//! two questions. What is asked is written down before anybody is told so (`store`), so the server may be killed at
//! any time.

mod connection;
mod desk;
mod dialog;
mod error;
mod event;
mod hosts;
mod leash;
mod limits;
mod line;
mod poster;
mod server;
mod store;
mod text;

pub use desk::{AnswerError, Desk};
pub use error::{RegisterError, StoreError};
pub use event::{Applicant, Event};
pub use poster::Poster;
pub use server::{Register, Settings, reachable, server_key};
pub use text::isolated;
