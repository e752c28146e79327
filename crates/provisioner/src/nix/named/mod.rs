//! A binary cache that the inventory names: what `workshop cache export` wrote, on any web server.
//!
//! Hosts with a route to it fetch from it themselves, and no builder is made. For hosts without one this machine fetches
//! the closure into its own cache ([`Named::fetch`]). Nothing that the server says is believed: records and paths are
//! signed by the key of the inventory.

mod error;
mod fetch;
mod unpacked;

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};

use super::builder::Inputs;
use super::cache::Cache;
use super::{Closure, RecordError, record};
use crate::inventory::NamedCache;

pub use error::NamedError;

/// A web server that does not answer within this time is of no use to thirty hosts.
const ANSWER: Duration = Duration::from_secs(10);

/// The named cache, and what asks it.
#[derive(Clone, Debug)]
pub struct Named {
    cache: NamedCache,
    client: Client,
}

impl Named {
    /// Asks nobody yet.
    ///
    /// # Errors
    /// [`NamedError::Client`].
    pub fn new(cache: NamedCache) -> Result<Self, NamedError> {
        let client = Client::builder()
            .user_agent(concat!("workshop/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(ANSWER)
            .read_timeout(ANSWER)
            // Folders of web servers move; what is signed may come from anywhere.
            .redirect(reqwest::redirect::Policy::limited(5))
            .build()
            .map_err(|source| NamedError::Client { source })?;
        Ok(Self { cache, client })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.cache.url
    }

    /// `name:base64`, as `trusted-public-keys` takes it.
    pub fn key(&self) -> &str {
        self.cache.key.as_str()
    }

    /// What these inputs gave, as it was told before.
    pub fn remembered(&self, inputs: &str, cache: &Cache) -> Option<Closure> {
        let text = cache.remembered(inputs)?;
        record::verified(&text, inputs, &self.cache.key).ok()
    }

    /// Asks whether it has what these inputs gave: one small request.
    ///
    /// # Errors
    /// [`NamedError`], also where it has not.
    pub async fn ask(&self, inputs: &Inputs) -> Result<Closure, NamedError> {
        Ok(self.ask_for(&inputs.key()).await?.0)
    }

    /// As [`Named::ask`], and keeps the answer for later runs.
    ///
    /// # Errors
    /// As [`Named::ask`]; the answer cannot be written down.
    pub async fn ask_once(&self, inputs: &Inputs, cache: &Cache) -> Result<Closure, NamedError> {
        let key = inputs.key();
        let (closure, text) = self.ask_for(&key).await?;
        cache.remember(&key, &text)?;
        Ok(closure)
    }

    async fn ask_for(&self, inputs: &str) -> Result<(Closure, String), NamedError> {
        let name = format!("builds/{inputs}");
        let text = match tokio::time::timeout(ANSWER, self.text(&name, record::LONGEST)).await {
            Ok(Err(NamedError::Missing { .. })) => {
                return Err(NamedError::NoBuild {
                    cache: self.cache.url.clone(),
                });
            }
            Ok(text) => text?,
            // A server that sends a byte now and then.
            Err(_) => {
                return Err(NamedError::Slow {
                    url: self.at(&name),
                });
            }
        };
        let closure = record::verified(&text, inputs, &self.cache.key);
        let closure = closure.map_err(|source| {
            let url = self.at(&name);
            match source {
                RecordError::Form => NamedError::NotRecord { url },
                source => NamedError::Record { url, source },
            }
        })?;
        Ok((closure, text))
    }

    /// The address of a file.
    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.cache.url)
    }

    async fn get(&self, name: &str) -> Result<Response, NamedError> {
        let url = self.at(name);
        let response = match self.client.get(&url).send().await {
            Ok(response) => response,
            Err(error) => return Err(NamedError::lost(url, error)),
        };
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(NamedError::Missing { url }),
            status if status.is_success() => Ok(response),
            status => Err(NamedError::Status {
                url,
                status: status.as_u16(),
            }),
        }
    }

    /// A small file.
    async fn text(&self, name: &str, longest: usize) -> Result<String, NamedError> {
        let mut response = self.get(name).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) =
            (response.chunk().await).map_err(|error| NamedError::lost(self.at(name), error))?
        {
            if bytes.len() + chunk.len() > longest {
                return Err(NamedError::TooLong {
                    url: self.at(name),
                    longest: longest as u64,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|_| NamedError::NotText { url: self.at(name) })
    }
}

#[cfg(test)]
mod tests;
