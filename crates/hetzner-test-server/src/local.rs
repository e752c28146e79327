//! Real local hosts behind the servers of a test server.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use provisioner::cloud::local::{Local, LocalError};
use provisioner::cloud::{HostLimits, HostSpec, WorkshopId};

use crate::boot::{Boot, Later, Machine};

/// Boots a local host for every server, with the host key and the name that cloud-init would have given it.
pub struct LocalHosts {
    local: Local,
    /// For the server with the label `role=builder`: a folder here, and where it sees it.
    builder_bind: Option<(PathBuf, PathBuf)>,
    places: Mutex<BTreeMap<i64, u16>>,
}

impl LocalHosts {
    /// Hosts with a label of their own, so that nothing else is taken for theirs.
    ///
    /// # Errors
    /// This machine cannot have local hosts; see [`LocalError`].
    pub fn new(builder_bind: Option<(PathBuf, PathBuf)>) -> Result<Self, LocalError> {
        let id = WorkshopId::random().map_err(|source| LocalError::Io {
            doing: "choose a label for hosts",
            source,
        })?;
        Ok(Self {
            local: Local::new(id)?,
            builder_bind,
            places: Mutex::default(),
        })
    }

    /// The name of the image that all of them start with, made if need be.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn image(&self) -> Result<String, LocalError> {
        Ok(self.local.ensure_image(&|_| {}).await?.to_string())
    }

    /// Where all of them reach this machine.
    ///
    /// # Errors
    /// Their network cannot be made.
    pub async fn here(&self) -> Result<Ipv4Addr, LocalError> {
        Ok(self.local.ensure_network().await?.bridge())
    }

    /// Takes everything away.
    ///
    /// # Errors
    /// What could not be removed.
    pub async fn clean(&self) -> Result<(), LocalError> {
        self.local.destroy_all().await
    }

    fn place(&self, id: i64) -> u16 {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(&id) {
            return *place;
        }
        let free = (0..).find(|place| places.values().all(|taken| taken != place));
        let place = free.unwrap_or_default();
        places.insert(id, place);
        place
    }

    fn spec(&self, machine: &Machine) -> Result<HostSpec, String> {
        let config: serde_json::Value = serde_saphyr::from_str(&machine.user_data)
            .map_err(|error| format!("cloud-init cannot read it: {error}"))?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let host_key = if machine.foreign_key {
            foreign_key()?
        } else {
            text(&config["ssh_keys"]["ed25519_private"]).ok_or("cloud-init was told no host key")?
        };
        let is_builder = machine
            .labels
            .get("role")
            .is_some_and(|role| role == "builder");
        Ok(HostSpec {
            name: text(&config["hostname"]).unwrap_or_else(|| machine.name.clone()),
            index: self.place(machine.id),
            host_key,
            root_key: machine
                .root_keys
                .first()
                .cloned()
                .ok_or("no key for root")?,
            limits: HostLimits::default(),
            binds: self
                .builder_bind
                .iter()
                .filter(|_| is_builder)
                .cloned()
                .collect(),
        })
    }
}

fn foreign_key() -> Result<String, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let folder = tempfile::tempdir().map_err(|error| told(&error))?;
    let pair =
        provisioner::host::keys::KeyPair::load_or_create(&folder.path().join("key"), "foreign");
    let pair = pair.map_err(|error| told(&error))?;
    pair.private_text().map_err(|error| told(&error))
}

impl Boot for LocalHosts {
    fn address<'a>(&'a self, machine: &'a Machine) -> Later<'a, Ipv4Addr> {
        Box::pin(async move {
            let told = |error: LocalError| error.to_string();
            self.local.ensure_image(&|_| {}).await.map_err(told)?;
            let subnet = self.local.ensure_network().await.map_err(told)?;
            Ok(subnet.host(self.place(machine.id)))
        })
    }

    fn start<'a>(&'a self, machine: &'a Machine) -> Later<'a, ()> {
        Box::pin(async move {
            let spec = self.spec(machine)?;
            let made = self.local.create(&spec).await;
            made.map(drop).map_err(|error| error.to_string())
        })
    }

    fn remove<'a>(&'a self, machine: &'a Machine) -> Later<'a, ()> {
        Box::pin(async move {
            let spec = self.spec(machine)?;
            self.local
                .destroy(&spec.name)
                .await
                .map_err(|error| error.to_string())
        })
    }
}
