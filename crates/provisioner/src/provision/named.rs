//! The cache that the inventory names: before a builder, and in its place.

use std::path::Path;

use serde::Serialize;

use super::inputs::inputs_of;
use super::source::look_at_source;
use super::{Failure, ProvisionError, Run};
use crate::inventory::{Inventory, ProviderKind, Source};
use crate::nix::builder::Inputs;
use crate::nix::cache::{Cache, user_cache};
use crate::nix::named::{Named, NamedError};
use crate::nix::release::Standing;
use crate::nix::{Closure, source};

/// What its lines of progress are called. No word of BIP39.
const CACHE: &str = "cache";

/// The cache that the inventory names, if it does.
pub(super) fn of(inventory: &Inventory, cache: &Cache) -> Result<Option<Named>, ProvisionError> {
    let Some(named) = &inventory.bitcoin.cache else {
        return Ok(None);
    };
    let own = cache.public_key();
    let name = named.key.name();
    // Nix goes by the name: of two keys of one name a host would know only one.
    if own.split(':').next() == Some(name) && own != named.key.as_str() {
        return Err(ProvisionError::CacheKeyName {
            name: name.to_owned(),
            cache: cache.folder().to_owned(),
        });
    }
    Ok(Some(Named::new(named.clone())?))
}

impl Run {
    /// The named cache, where hosts have a way to it.
    pub(super) fn hosts_cache(&self) -> Option<&Named> {
        self.named.as_ref().filter(|_| !self.provider.isolated())
    }

    /// What the hosts get from the named cache; none where a builder has to give it to them, which is told in a line.
    pub(super) async fn ask_named(&self) -> Option<Closure> {
        let named = self.named.as_ref()?;
        if self.provider.isolated() {
            self.fetch_from(named).await;
            return None;
        }
        let report = self.reporter(CACHE);
        report.doing(format!("asking {}", named.url()));
        let asked = named.ask_once(&self.inputs, &self.cache).await;
        let asked = asked.and_then(|closure| match &self.known {
            // Hosts that have this machine's build keep it, and so get all others.
            Some(known) if *known != closure => Err(NamedError::Other {
                cache: named.url().to_owned(),
            }),
            _ => Ok(closure),
        });
        match asked {
            Ok(closure) => {
                report.done(format!(
                    "has the closure, no builder is needed: {}",
                    named.url()
                ));
                Some(closure)
            }
            Err(error) => {
                report.failed(told(&error, "a builder takes its place"));
                None
            }
        }
    }

    /// Told once, by the first host that turns to a builder.
    pub(super) fn named_failed(&self, host: &str, why: &Failure) {
        self.reporter(CACHE).failed(format!(
            "{host} could not get the closure from it ({}); a builder takes its place",
            reason(&why.message)
        ));
    }

    /// Into this machine's own cache, for hosts that have no way to the named one: a builder then serves it, and builds
    /// nothing.
    async fn fetch_from(&self, named: &Named) {
        if self.cache.look_up(&self.inputs.key()).is_some() {
            return;
        }
        let report = self.reporter(CACHE);
        report.doing(format!("asking {}", named.url()));
        match named.fetch(&self.inputs, &self.cache, &report).await {
            Ok(Some(_)) => report.done(format!("the closure came from {}", named.url())),
            Ok(None) => report.done(format!(
                "Bitcoin Core came from {}, which has it with another `workshop`",
                named.url()
            )),
            Err(error) => report.failed(told(&error, "it is built here")),
        }
    }
}

/// What Nix found wrong first; what follows is that it builds nothing then.
fn reason(message: &str) -> &str {
    let mut lines = message
        .lines()
        .map(|line| line.trim_start_matches([' ', '|']));
    let found = lines.clone().find_map(|line| line.strip_prefix("error: "));
    found.or(lines.next_back()).unwrap_or_default()
}

/// One line: why, and what happens then.
fn told(error: &NamedError, instead: &str) -> String {
    let failure = Failure::new(error);
    let mut lines = failure.message.lines();
    let mut line = lines.next().unwrap_or_default().to_owned();
    if let Some(cause) = lines.next_back() {
        line.push_str(&format!(
            " ({})",
            cause.trim_start().trim_start_matches("caused by: ")
        ));
    }
    format!("{line}; {instead}")
}

/// Where the hosts' software will come from, as far as that can be told before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum ClosureFrom {
    /// The named cache has it; `builder` says whether one is made all the same, to give it to hosts without a route.
    Cache {
        /// The cache.
        url: String,
        /// Whether a builder gives it to the hosts.
        builder: bool,
    },
    /// The named cache has not, so a builder is asked.
    Builder {
        /// Why.
        why: String,
    },
    /// Nobody can tell yet.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// Asks the cache that the inventory at `path` names; none where it names none, or local hosts get what this machine has.
///
/// # Errors
/// This machine cannot have such hosts; its own files cannot be read.
pub async fn closure_from(
    path: &Path,
    inventory: &Inventory,
) -> Result<Option<ClosureFrom>, ProvisionError> {
    let Some(cache) = &inventory.bitcoin.cache else {
        return Ok(None);
    };
    let unknown = |why: &str| Ok(Some(ClosureFrom::Unknown { why: why.into() }));
    // A plan fetches nothing but an answer.
    let is_here = match inventory.bitcoin.source {
        Source::Crate => source::crate_is_here()?,
        _ => look_at_source(&inventory.bitcoin)?
            .is_none_or(|release| matches!(release.standing, Standing::Here)),
    };
    if !is_here {
        return unknown(
            "Bitcoin Core's source is not on this machine yet; `workshop provision` fetches it",
        );
    }
    let Some(inputs) = inputs_of(path, inventory).await? else {
        return unknown("`workshop provision` looks first which system your machines have");
    };
    let named = Named::new(cache.clone())?;
    let local = inventory.hosts.provider == ProviderKind::Local;
    if local && known_here(&inputs)? {
        return Ok(None);
    }
    Ok(Some(match named.ask(&inputs).await {
        Ok(_) => ClosureFrom::Cache {
            url: named.url().to_owned(),
            builder: local,
        },
        Err(error) => ClosureFrom::Builder {
            why: Failure::new(&error).line().to_owned(),
        },
    }))
}

/// Whether this machine's own cache has it. One that was never used is not made for the question.
fn known_here(inputs: &Inputs) -> Result<bool, ProvisionError> {
    let folder = user_cache()?.join("nix");
    Ok(folder.exists() && Cache::open(&folder)?.look_up(&inputs.key()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nix::RecordError;

    #[test]
    fn what_is_told_while_a_run_goes_on_is_one_line_with_the_reason() {
        let record = NamedError::Record {
            url: "https://cache.example.org/builds/0badcafe".into(),
            source: RecordError::Signer {
                signers: vec!["theirs".into()],
                wanted: "ours".into(),
            },
        };
        insta::assert_snapshot!(told(&record, "a builder takes its place"), @"https://cache.example.org/builds/0badcafe does not count (it is signed by theirs, and not by ours); a builder takes its place");
        let none = NamedError::NoBuild {
            cache: "https://cache.example.org".into(),
        };
        insta::assert_snapshot!(told(&none, "it is built here"), @"https://cache.example.org has no build of this; it is built here");
    }

    #[test]
    fn the_first_error_is_the_reason() {
        let nix = "vault: step `closure` failed with status 1\n  | warning: you\n  | error: hash mismatch\n  | error: build of x failed";
        assert_eq!(reason(nix), "hash mismatch");
        assert_eq!(
            reason("vault: cannot be reached\n  caused by: timed out"),
            "caused by: timed out"
        );
        assert_eq!(reason(""), "");
    }

    /// Two keys of one name are refused before anything is made: a host would know only one of them.
    #[test]
    fn two_keys_of_one_name_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("nix")).unwrap();
        let own = cache.public_key().to_owned();
        let (name, _) = own.split_once(':').unwrap();
        let named = |key: &str| {
            let path = folder.path().join("inventory.yaml");
            let text = format!(
                "workshop: {{name: W}}\nbitcoin: {{cache: {{url: \"https://cache.example.org\", key: \"{key}\"}}}}\n"
            );
            std::fs::write(&path, text).unwrap();
            let inventory = Inventory::load(&path).unwrap().inventory;
            super::of(&inventory, &cache).map(|named| named.map(|named| named.url().to_owned()))
        };
        let url = Some("https://cache.example.org".to_owned());
        let other = "6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
        assert_eq!(named(&own).unwrap(), url);
        assert_eq!(named(&format!("theirs:{other}")).unwrap(), url);
        let failure = Failure::new(&named(&format!("{name}:{other}")).unwrap_err());
        let told = format!("{}\nhint: {}", failure.message, failure.hint.unwrap());
        let told = told
            .replace(name, "NAME")
            .replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(told, @"
        the key of `bitcoin.cache` and that of this machine's own cache are both called `NAME`, and are two keys
        hint: Nix tells keys apart by their names. If nothing depends on your own cache any more, remove FOLDER/nix and let it be made anew.
        ");
    }
}
