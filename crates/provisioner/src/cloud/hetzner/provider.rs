//! [`Hetzner`]: what can be asked of the servers of one workshop.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hcloud::models::RebuildServerFromImageRequest;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::answer::{Begun, Server};
use super::api::{Api, Request};
use super::error::HetznerError;
use super::place::SoldOut;
use super::setup::{self, Ready};
use super::watch::Watch;
use super::{Access, Settings};
use crate::cloud::price::{Offer, Price};
use crate::cloud::{HostStatus, Leftover, LeftoverKind, WorkshopId};
use crate::cost::{Rate, Tariff};
use crate::plan::BUILDER;

/// The servers of one workshop, for one run of the tool.
///
/// What exists is asked for once and then known from what this run does; [`Hetzner::refresh`] asks again. Making N
/// servers takes at most 2 N + 20 requests when nothing goes wrong, and a run with nothing to do at most 5, with
/// up to 150 servers.
///
/// A future that is dropped does not stop what it began: the next call converges.
#[derive(Clone)]
pub struct Hetzner {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) api: Api,
    pub(super) workshop: WorkshopId,
    pub(super) settings: Settings,
    pub(super) watch: Watch,
    pub(super) sold_out: SoldOut,
    known: Mutex<BTreeMap<i64, Server>>,
    asked: OnceCell<()>,
    ready: OnceCell<Ready>,
    firewall: OnceCell<i64>,
    offers: OnceCell<Vec<Offer>>,
}

fn price_of(offers: &[Offer], server_type: &str, location: &str) -> Option<Price> {
    let mut of_place = offers
        .iter()
        .filter(|offer| offer.server_type == server_type && offer.location == location);
    of_place.next().map(|offer| offer.price.clone())
}

impl std::fmt::Debug for Hetzner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hetzner")
            .field("workshop", &self.inner.workshop)
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

impl Hetzner {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// An endpoint that cannot be one, or that would show the token to the network.
    pub fn new(
        workshop: WorkshopId,
        settings: Settings,
        access: Access,
    ) -> Result<Self, HetznerError> {
        let api = Api::new(&access.endpoint, access.token, access.pace, access.notice)?;
        Ok(Self {
            inner: Arc::new(Inner {
                api,
                workshop,
                settings,
                watch: Watch::default(),
                sold_out: SoldOut::default(),
                known: Mutex::default(),
                asked: OnceCell::new(),
                ready: OnceCell::new(),
                firewall: OnceCell::new(),
                offers: OnceCell::new(),
            }),
        })
    }

    /// The image that servers start with, as the inventory names it.
    pub fn image(&self) -> &str {
        &self.inner.settings.image
    }

    /// Sets the workshop's firewall to what the settings say, before anything is behind it.
    ///
    /// # Errors
    /// [`HetznerError`].
    pub async fn prepare(&self) -> Result<(), HetznerError> {
        self.inner.firewall().await.map(drop)
    }

    /// The servers with the workshop's label. Asks once; then it is what this run knows.
    ///
    /// # Errors
    /// [`HetznerError`]; two servers of one word.
    pub async fn list(&self) -> Result<Vec<HostStatus>, HetznerError> {
        self.inner.ask_once().await?;
        self.inner.statuses()
    }

    /// As [`Hetzner::list`], after asking again.
    ///
    /// # Errors
    /// As [`Hetzner::list`].
    pub async fn refresh(&self) -> Result<Vec<HostStatus>, HetznerError> {
        self.inner.ask().await?;
        self.inner.statuses()
    }

    /// Installs the image anew on the server `name`, which keeps its address, its price and what cloud-init was told:
    /// it comes back with the host key that it was made with.
    ///
    /// # Errors
    /// [`HetznerError`].
    pub async fn rebuild(&self, name: &str) -> Result<IpAddr, HetznerError> {
        let inner = &self.inner;
        inner.ask_once().await?;
        let server = inner.one(name)?.ok_or_else(|| HetznerError::NoServer {
            host: name.to_owned(),
        })?;
        let image = RebuildServerFromImageRequest::new(inner.settings.image.clone());
        let path = format!("/servers/{}/actions/rebuild", server.id);
        // Twice is as good as once: nothing was put on it yet.
        let request =
            Request::post(path, &image, format!("rebuilding the server {name}")).repeating();
        let begun: Begun = inner.api.ask(&request).await?;
        inner.watch.wait(&inner.api, name, &[begun.action]).await?;
        inner.address(&server)
    }

    /// Deletes the server of the word `name`, and every other that carries it.
    ///
    /// # Errors
    /// [`HetznerError`]; one that is gone already is no error.
    pub async fn destroy(&self, name: &str) -> Result<(), HetznerError> {
        self.inner.ask_once().await?;
        for server in self.inner.all(name) {
            self.inner.delete(&server).await?;
        }
        Ok(())
    }

    /// Deletes everything that carries the workshop's label.
    ///
    /// # Errors
    /// All that could not be removed, after everything was tried.
    pub async fn destroy_all(&self) -> Result<(), HetznerError> {
        self.inner.ask().await?;
        let servers: Vec<Server> = self.inner.known().values().cloned().collect();
        let mut errors = Vec::new();
        let mut set = JoinSet::new();
        for server in servers {
            let inner = Arc::clone(&self.inner);
            set.spawn(async move { inner.delete(&server).await });
        }
        while let Some(joined) = set.join_next().await {
            let result =
                joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            errors.extend(result.err());
        }
        // A firewall goes when no server is behind it any more.
        for (list, kind) in [("firewalls", "firewall"), ("ssh_keys", "SSH key")] {
            match self.inner.labelled(list).await {
                Ok(all) => {
                    for (_, one) in all {
                        let request = Request::new(
                            reqwest::Method::DELETE,
                            format!("/{list}/{}", one.id),
                            format!("deleting the {kind} {}", one.name),
                        );
                        errors.extend(self.inner.api.delete(&request).await.err());
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(HetznerError::Removing { errors }),
        }
    }

    /// What exists with the workshop's label: asked for, not remembered.
    ///
    /// # Errors
    /// [`HetznerError`].
    pub async fn leftovers(&self) -> Result<Vec<Leftover>, HetznerError> {
        let mut all = self.inner.labelled("servers").await?;
        all.extend(self.inner.labelled("firewalls").await?);
        all.extend(self.inner.labelled("ssh_keys").await?);
        let left = |(list, one): (&str, Labelled)| Leftover {
            workshop: self.inner.workshop.clone(),
            kind: match list {
                "servers" => LeftoverKind::Host,
                "firewalls" => LeftoverKind::Firewall,
                _ => LeftoverKind::Key,
            },
            name: crate::host::printable(one.name.as_bytes()),
        };
        let mut left: Vec<Leftover> = all.into_iter().map(left).collect();
        left.sort();
        Ok(left)
    }

    /// What can be had where, and for how much; the price of the public address is in it. Asks once.
    ///
    /// # Errors
    /// [`HetznerError`].
    pub async fn prices(&self) -> Result<&[Offer], HetznerError> {
        let ask = || super::prices::offers(&self.inner.api);
        Ok(self.inner.offers.get_or_try_init(ask).await?)
    }

    /// What a server of the settings costs: of the first type in the first location, which is tried first.
    ///
    /// # Errors
    /// [`HetznerError`].
    pub async fn tariff(&self) -> Result<Tariff, HetznerError> {
        let offers = self.prices().await?;
        let rate = |word| match self.inner.places(word).first() {
            None => Rate::Unknown("the inventory names no server type and location".to_owned()),
            Some(place) => match price_of(offers, &place.server_type, &place.location) {
                Some(price) => Rate::Of(price),
                None => Rate::Unknown(format!("Hetzner names no price of {place}")),
            },
        };
        Ok(Tariff {
            host: rate("a participant's"),
            builder: rate(BUILDER),
        })
    }

    /// As [`Hetzner::list`], with what each server costs; without where prices cannot be asked for.
    ///
    /// # Errors
    /// As [`Hetzner::list`].
    pub async fn list_with_prices(&self) -> Result<Vec<HostStatus>, HetznerError> {
        let mut hosts = self.list().await?;
        if hosts.is_empty() {
            return Ok(hosts);
        }
        let Ok(offers) = self.prices().await else {
            return Ok(hosts);
        };
        for host in &mut hosts {
            let server = self.inner.one(&host.name)?;
            host.price = server.and_then(|server| {
                let (server_type, location) = server.kind();
                price_of(offers, &server_type, &location)
            });
        }
        Ok(hosts)
    }
}

impl Inner {
    pub(super) fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<i64, Server>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn ask_once(&self) -> Result<(), HetznerError> {
        self.asked.get_or_try_init(|| self.ask()).await.map(drop)
    }

    /// What exists now.
    pub(super) async fn ask(&self) -> Result<(), HetznerError> {
        let servers: Vec<Server> = self
            .api
            .list(
                "servers",
                &[setup::of(&self.workshop)],
                "listing the workshop's servers",
            )
            .await?;
        *self.known() = servers
            .into_iter()
            .map(|server| (server.id, server))
            .collect();
        Ok(())
    }

    fn statuses(&self) -> Result<Vec<HostStatus>, HetznerError> {
        let mut hosts = BTreeMap::new();
        let words: Vec<String> = self.known().values().map(Server::word).collect();
        for word in words {
            if let Some(server) = self.one(&word)? {
                let address = self.address(&server)?;
                let running = server.runs();
                hosts.insert(
                    word.clone(),
                    HostStatus {
                        name: word,
                        address: address.into(),
                        running,
                        made: server.made(),
                        price: None,
                    },
                );
            }
        }
        Ok(hosts.into_values().collect())
    }

    /// Every server of a word.
    fn all(&self, word: &str) -> Vec<Server> {
        let known = self.known();
        let of_word = known.values().filter(|server| server.word() == word);
        of_word.cloned().collect()
    }

    /// The server of a word, which must be one.
    pub(super) fn one(&self, word: &str) -> Result<Option<Server>, HetznerError> {
        let mut all = self.all(word);
        match all.len() {
            0 | 1 => Ok(all.pop()),
            count => Err(HetznerError::Several {
                host: word.to_owned(),
                count,
                ids: all
                    .iter()
                    .map(|one| one.id.to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    pub(super) fn address(&self, server: &Server) -> Result<IpAddr, HetznerError> {
        server.address().ok_or_else(|| HetznerError::NoAddress {
            host: server.word(),
        })
    }

    async fn firewall(&self) -> Result<i64, HetznerError> {
        let set = || setup::firewall(&self.api, &self.workshop, &self.settings);
        self.firewall.get_or_try_init(set).await.copied()
    }

    /// What every server is made with; made itself when the first one is.
    pub(super) async fn ready(&self, root_key: &str) -> Result<&Ready, HetznerError> {
        self.ready
            .get_or_try_init(|| async {
                setup::image(&self.api, &self.settings.image).await?;
                Ok(Ready {
                    ssh_key: setup::ssh_key(&self.api, &self.workshop, root_key).await?,
                    firewall: self.firewall().await?,
                })
            })
            .await
    }

    pub(super) async fn delete(&self, server: &Server) -> Result<(), HetznerError> {
        let word = server.word();
        let request = Request::new(
            reqwest::Method::DELETE,
            format!("/servers/{}", server.id),
            format!("deleting the server {word}"),
        );
        let answer = self.api.delete(&request).await?;
        let begun = answer.and_then(|answer| serde_json::from_value::<Begun>(answer).ok());
        if let Some(begun) = begun {
            self.watch.wait(&self.api, &word, &[begun.action]).await?;
        }
        self.known().remove(&server.id);
        Ok(())
    }

    /// What carries the workshop's label, with the list that it stands in.
    async fn labelled(
        &self,
        list: &'static str,
    ) -> Result<Vec<(&'static str, Labelled)>, HetznerError> {
        let doing = format!("looking for what is left of the workshop ({list})");
        let selector = [setup::of(&self.workshop)];
        let all: Vec<Labelled> = self.api.list(list, &selector, &doing).await?;
        Ok(all.into_iter().map(|one| (list, one)).collect())
    }
}

/// Anything with a label.
#[derive(serde::Deserialize)]
struct Labelled {
    id: i64,
    name: String,
}
