//! The section `bitcoin.cache`: a binary cache that somebody else built, on any web server.

use reqwest::Url;

use super::Place;
use super::fields::{Field, Form, Section, field};
use super::problem::Report;
use super::read::shown;
use super::tree::{Kind, Node};
use super::values::{Bad, bad};
use crate::nix::{CacheKey, CacheKeyError};

/// A named binary cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCache {
    /// Where it lies: `http:` or `https:`, without a slash at the end, a query or an account.
    pub url: String,
    /// What signs in it.
    pub key: CacheKey,
}

const URL: Field = field(
    "url",
    Form::Text,
    "Where the folder lies that `workshop cache export` wrote: https://cache.example.org/tracing.",
);
const KEY: Field = field(
    "key",
    Form::Text,
    "The public key of who wrote it, NAME:BASE64, as `workshop cache export` prints it.",
);

pub(crate) const CACHE: Section = Section {
    title: "bitcoin.cache",
    doc: "A binary cache that has it built, on any web server.",
    fields: &[URL.required(), KEY.required()],
};

/// `Some(None)` where the inventory names none.
#[expect(
    clippy::option_option,
    reason = "no cache, and no valid cache, are two things"
)]
pub(super) fn cache(
    node: Option<&Node>,
    place: &Place,
    report: &mut Report,
) -> Option<Option<NamedCache>> {
    let Some(node) = node else {
        return Some(None);
    };
    let fields = CACHE.read(Some(node), place, report);
    // What may be a secret is in no message, nor in the line of the file beside it.
    for (name, is_secret) in [("url", has_account as fn(&str) -> bool), ("key", is_long)] {
        if let Some(Node {
            kind: Kind::Scalar(text),
            span,
        }) = fields.value(name)
            && is_secret(text.trim())
        {
            report.hide(span);
        }
    }
    let url = fields.parse("url", report, url);
    let key = fields.parse("key", report, key);
    Some(Some(NamedCache {
        url: url?,
        key: key?,
    }))
}

fn has_account(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

/// Longer than a public key: a secret one is 64 bytes.
fn is_long(key: &str) -> bool {
    matches!(
        key.parse::<CacheKey>(),
        Err(CacheKeyError::Secret | CacheKeyError::Length(33..))
    )
}

/// It stands in the nix.conf of every host, where participants read it.
fn url(text: &str) -> Result<String, Bad> {
    const HELP: &str = "write where a browser finds the folder's nix-cache-info, without that name: https://cache.example.org/tracing";
    let Ok(url) = Url::parse(text) else {
        return bad(format!("`{}` is not a URL", shown(text)), HELP);
    };
    if has_account(text) {
        return bad(
            "this URL has an account or a password in it",
            "remove what stands before the `@`: hosts would have it in /etc/nix/nix.conf, where participants read it; what is in a cache is signed, and may be public",
        );
    }
    if !matches!(url.scheme(), "http" | "https") {
        return bad(
            format!("a cache cannot be reached by `{}:`", shown(url.scheme())),
            "write http:// or https://: any web server that gives out the folder will do",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return bad(
            format!("`{}` has a `?` or a `#` in it", shown(text)),
            "write the address of the folder alone",
        );
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn key(text: &str) -> Result<CacheKey, Bad> {
    match text.parse() {
        Ok(key) => Ok(key),
        // More than a slip: somebody may have read it already.
        Err(CacheKeyError::Secret) => bad(
            "this is the secret half of a cache's key",
            "remove it here, and make a new key pair: whoever has read it can sign what hosts then take. `workshop cache export` prints the public half",
        ),
        Err(error) => bad(
            format!("this is not the public key of a cache: {error}"),
            "write the whole line that `workshop cache export` prints behind `key:`",
        ),
    }
}
