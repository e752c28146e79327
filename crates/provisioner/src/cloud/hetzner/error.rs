//! What can go wrong between us and Hetzner, and the way out. The token is in none of it.

use std::path::PathBuf;
use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error;

/// Why a server, or something it needs, could not be had.
#[derive(Debug, Error, Diagnostic)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum HetznerError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Token(#[from] super::token::TokenError),

    #[error("`{endpoint}` cannot be an endpoint of the Hetzner Cloud API: {why}")]
    #[diagnostic(help(
        "unset HCLOUD_ENDPOINT for the real one, or write an address such as https://api.hetzner.cloud/v1"
    ))]
    Endpoint { endpoint: String, why: &'static str },

    #[error("the connection to Hetzner cannot be prepared")]
    Client { source: reqwest::Error },

    #[error("Hetzner cannot be reached while {doing} ({tries} tries)")]
    #[diagnostic(help(
        "Does this machine have a connection to the internet, and does {endpoint} answer? Then run the command again: it goes on where this one ended."
    ))]
    Unreachable {
        doing: String,
        endpoint: String,
        tries: u32,
        source: reqwest::Error,
    },

    #[error("Hetzner did not answer within {} s while {doing} ({tries} tries)", after.as_secs_f32())]
    #[diagnostic(help(
        "Look at status.hetzner.com. Nothing is lost: run the command again, and it finds out what became of this."
    ))]
    TimedOut {
        doing: String,
        after: Duration,
        tries: u32,
    },

    #[error("Hetzner's answer cannot be understood while {doing} ({tries} tries)")]
    #[diagnostic(help(
        "It was cut short, or the API has changed: run the command again, and if it stays so look for a newer `workshop`."
    ))]
    Garbled {
        doing: String,
        tries: u32,
        source: serde_json::Error,
    },

    #[error("Hetzner's answer is longer than {bound} bytes while {doing}")]
    #[diagnostic(help("Is HCLOUD_ENDPOINT the Hetzner Cloud API?"))]
    TooLong { doing: String, bound: usize },

    #[error("Hetzner does not know this token (401 while {doing})")]
    #[diagnostic(help(
        "It was deleted, or is not a token of Hetzner Cloud. Make one in the console (your project, Security, API tokens, Read & Write); it was taken from {token}."
    ))]
    Unauthorized { doing: String, token: String },

    #[error("this token may only read (403 while {doing})")]
    #[diagnostic(help(
        "Make one in the console that may write (your project, Security, API tokens, Read & Write); this one was taken from {token}."
    ))]
    ReadOnly { doing: String, token: String },

    #[error("Hetzner refuses it (403 while {doing}): {message}")]
    #[diagnostic(help(
        "The console shows what this account and project may do; the token was taken from {token}."
    ))]
    Forbidden {
        doing: String,
        message: String,
        token: String,
    },

    #[error("Hetzner has no more room for this account while {doing}: {message}")]
    #[diagnostic(help(
        "Accounts have limits for servers, processors and addresses: ask for more in the console (Limits), or take smaller `hosts.hetzner.server_types`. What was made so far stays."
    ))]
    Limit { doing: String, message: String },

    #[error("Hetzner does not know it (404 while {doing}): {message}")]
    #[diagnostic(help(
        "It was removed while we worked, by the console or another program: run the command again."
    ))]
    NotFound { doing: String, message: String },

    #[error("there is another of that name (409 while {doing}): {message}")]
    #[diagnostic(help(
        "Something in this project has the name and not this workshop's label, so it is not touched: rename or delete it in the console, or use a project of its own for the workshop."
    ))]
    NameTaken { doing: String, message: String },

    #[error("it is busy (409 or 423 while {doing}, {tries} tries): {message}")]
    #[diagnostic(help(
        "Another action runs on it, perhaps one of the console's: run the command again when that is over."
    ))]
    Busy {
        doing: String,
        message: String,
        tries: u32,
    },

    #[error(
        "Hetzner refuses what it was asked for (422 while {doing}): {message}{}",
        listed(fields)
    )]
    #[diagnostic(help(
        "Look at `hosts.hetzner` in the inventory: server types, locations and image must be such as the console offers."
    ))]
    Invalid {
        doing: String,
        message: String,
        fields: Vec<String>,
    },

    #[error("Hetzner's limit of requests was reached while {doing}, and still is after {} s", waited.as_secs())]
    #[diagnostic(help(
        "The limit counts all programs of this project (3,600 an hour): stop others that use its tokens, then run the command again."
    ))]
    RateLimited { doing: String, waited: Duration },

    #[error("Hetzner has a fault of its own ({status} while {doing}, {tries} tries): {message}")]
    #[diagnostic(help(
        "Look at status.hetzner.com. Nothing is lost: run the command again, and it goes on where this one ended."
    ))]
    Server {
        doing: String,
        status: u16,
        message: String,
        tries: u32,
    },

    #[error("Hetzner answers {status} while {doing}: {message} ({code})")]
    #[diagnostic(help("Is there a newer `workshop`? docs.hetzner.cloud explains the code."))]
    Other {
        doing: String,
        status: u16,
        code: String,
        message: String,
    },

    #[error("{host}: Hetzner has no room for it{}", listed(tried))]
    #[diagnostic(help(
        "Name more of `hosts.hetzner.server_types` and `locations` in the inventory, or run the command again later: hosts that exist stay."
    ))]
    NoRoom { host: String, tried: Vec<String> },

    #[error("{host}: Hetzner's action `{command}` failed: {message} ({code})")]
    #[diagnostic(help(
        "Run the command again. If it stays so, look at status.hetzner.com, or name another location in the inventory (`hosts.hetzner.locations`)."
    ))]
    Action {
        host: String,
        command: String,
        code: String,
        message: String,
    },

    #[error("{host}: the server has no public IPv4 address")]
    #[diagnostic(help(
        "Hosts are reached by IPv4. Did somebody detach the address in the console? `workshop destroy --only {host}` and provision again."
    ))]
    NoAddress { host: String },

    #[error("{host}: there is no server of that name")]
    #[diagnostic(help(
        "`workshop status` lists those that exist; `workshop provision` makes them."
    ))]
    NoServer { host: String },

    #[error("{host}: {count} servers carry this label, and there must be one")]
    #[diagnostic(help(
        "Somebody copied the labels in the console: remove them from the one that is not ours (servers {ids}), or `workshop destroy --only {host}`, which removes all of them."
    ))]
    Several {
        host: String,
        count: usize,
        ids: String,
    },

    #[error("Hetzner has no image called `{image}` for {architecture}")]
    #[diagnostic(help("`hosts.hetzner.image` in the inventory can be {}", known.join(", ")))]
    NoImage {
        image: String,
        architecture: String,
        known: Vec<String>,
    },

    #[error("{host}: what cloud-init is told has {size} bytes, and Hetzner takes {bound}")]
    #[diagnostic(help("This is a defect of `workshop`: please report it."))]
    UserData {
        host: String,
        size: usize,
        bound: usize,
    },

    #[error("{host}: a key of this host cannot be used")]
    Key {
        host: String,
        #[source]
        #[diagnostic_source]
        source: crate::host::keys::KeyFileError,
    },

    #[error("{host}: its key pair cannot be written as text")]
    KeyText {
        host: String,
        source: russh::keys::ssh_key::Error,
    },

    #[error("`{}` cannot be made private to this account", path.display())]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },

    #[error("{} things could not be removed", errors.len())]
    Removing {
        #[related]
        errors: Vec<HetznerError>,
    },
}

/// One a line, indented, below a message.
fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  - {line}")).collect()
}
