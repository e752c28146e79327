//! Makes one server, exactly once, wherever there is room.

use std::net::IpAddr;

use backon::BackoffBuilder as _;
use hcloud::models::{CreateServerRequest, CreateServerRequestFirewalls};
use reqwest::Method;

use super::answer::{Begun, Created, ROLE, Server, WORD, WORKSHOP};
use super::api::Request;
use super::error::HetznerError;
use super::place::{Place, places};
use super::provider::{Hetzner, Inner};
use super::setup::Ready;
use super::user_data::user_data;
use crate::cloud::HostSpec;
use crate::plan::BUILDER;

/// What came of one place.
enum Made {
    Server(Server),
    /// Another place may have room; why this one has not.
    NoRoom(String),
}

impl Hetzner {
    /// Makes the server, or starts one that is off, or leaves a running one alone.
    ///
    /// `spec.host_key` is what cloud-init is told, so it must be a key for the first visit alone.
    ///
    /// # Errors
    /// [`HetznerError`]; [`HetznerError::NoRoom`] after every type was tried in every location.
    pub async fn create(&self, spec: &HostSpec) -> Result<IpAddr, HetznerError> {
        let inner = &self.inner;
        inner.ask_once().await?;
        if let Some(server) = inner.one(&spec.name)?
            && !server.is_leaving()
        {
            return inner.start(server).await;
        }
        let ready = inner.ready(&spec.root_key).await?;
        let user_data = user_data(&spec.name, &spec.host_key)?;
        let mut tried = Vec::new();
        for place in inner.places(&spec.name) {
            if let Some(reason) = inner.sold_out.reason(&place) {
                tried.push(format!("{place}: {reason}"));
                continue;
            }
            match inner
                .create_at(&spec.name, &place, ready, &user_data)
                .await?
            {
                Made::Server(server) => return inner.address(&server),
                Made::NoRoom(reason) => {
                    if inner.sold_out.note(&place, &reason) {
                        inner.api.note(format!(
                            "Hetzner has no room for {place} ({reason}): trying the next that the inventory names"
                        ));
                    }
                    tried.push(format!("{place}: {reason}"));
                }
            }
        }
        Err(HetznerError::NoRoom {
            host: spec.name.clone(),
            tried,
        })
    }
}

impl Inner {
    pub(super) fn places(&self, word: &str) -> Vec<Place> {
        let settings = &self.settings;
        let mut server_types = settings.server_types.clone();
        if word == BUILDER
            && let Some(builder) = &settings.builder_type
        {
            server_types.retain(|one| one != builder);
            server_types.insert(0, builder.clone());
        }
        places(&server_types, &settings.locations)
    }

    fn request(
        &self,
        word: &str,
        place: &Place,
        ready: &Ready,
        user_data: &str,
    ) -> CreateServerRequest {
        let role = if word == BUILDER {
            BUILDER
        } else {
            "participant"
        };
        let labels = [
            (WORKSHOP, self.workshop.as_str()),
            (WORD, word),
            (ROLE, role),
        ];
        CreateServerRequest {
            firewalls: Some(vec![CreateServerRequestFirewalls {
                firewall: ready.firewall,
            }]),
            labels: Some(
                labels
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            ),
            location: Some(place.location.clone()),
            ssh_keys: Some(vec![ready.ssh_key.to_string()]),
            start_after_create: Some(true),
            user_data: Some(user_data.to_owned()),
            ..CreateServerRequest::new(
                self.settings.image.clone(),
                format!("{word}-{}", self.workshop),
                place.server_type.clone(),
            )
        }
    }

    async fn create_at(
        &self,
        word: &str,
        place: &Place,
        ready: &Ready,
        user_data: &str,
    ) -> Result<Made, HetznerError> {
        let wanted = self.request(word, place, ready, user_data);
        let request = Request::post("/servers", &wanted, format!("making the server {word}"));
        let mut pauses = self.api.pace.backoff().build();
        let mut tries = 0;
        loop {
            let mut failed = match self.api.send::<Created>(&request).await {
                Ok(created) => return self.await_created(word, created).await,
                Err(failed) => failed,
            };
            tries += failed.tries;
            failed.tries = tries;
            if let Some(refusal) = failed.fault.refusal()
                && refusal.wants_another_place()
            {
                return Ok(Made::NoRoom(refusal.message.clone()));
            }
            // Its answer was lost, now or when an earlier run was killed: the name is taken once it is there.
            if !failed.fault.leaves_unsure() && !failed.has_code("uniqueness_error") {
                return Err(self.api.told(&request, failed));
            }
            self.ask().await?;
            match self.one(word)? {
                Some(server) if !server.is_leaving() => return Ok(Made::Server(server)),
                // Not there, or one of the same name is on its way out.
                _ => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(self.api.told(&request, failed)),
                },
            }
        }
    }

    async fn await_created(&self, word: &str, created: Created) -> Result<Made, HetznerError> {
        let Created {
            server,
            action,
            mut next_actions,
        } = created;
        self.known().insert(server.id, server.clone());
        next_actions.insert(0, action);
        match self.watch.wait(&self.api, word, &next_actions).await {
            Ok(()) => Ok(Made::Server(server)),
            Err(HetznerError::Action {
                host,
                command,
                code,
                message,
            }) => {
                // Half a server: the next try, or the next run, makes a whole one.
                self.delete(&server).await?;
                if matches!(code.as_str(), "resource_unavailable" | "placement_error") {
                    return Ok(Made::NoRoom(message));
                }
                Err(HetznerError::Action {
                    host,
                    command,
                    code,
                    message,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn start(&self, server: Server) -> Result<IpAddr, HetznerError> {
        if !server.runs() {
            let word = server.word();
            let request = Request::new(
                Method::POST,
                format!("/servers/{}/actions/poweron", server.id),
                format!("starting the server {word}"),
            )
            .repeating();
            let begun: Begun = self.api.ask(&request).await?;
            self.watch.wait(&self.api, &word, &[begun.action]).await?;
            if let Some(known) = self.known().get_mut(&server.id) {
                known.status = "running".to_owned();
            }
        }
        self.address(&server)
    }
}
