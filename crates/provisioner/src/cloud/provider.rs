//! [`Provider`]: one face for all the places that hosts come from.

use super::hetzner::{self, Hetzner};
use super::local::Local;
use super::{CloudError, Endpoint, HostSpec, HostStatus, Leftover, WorkshopId};
use crate::cost::Tariff;
use crate::guard::Note;
use crate::inventory::{Inventory, ProviderKind};
use crate::job::Reporter;
use crate::plan::BUILDER_INDEX;

/// Where a workshop's hosts come from. Calls for different hosts may run side by side; that no two runs work on the
/// same workshop at once is the caller's business (the state's lock). A call that was cut off is made again: all of
/// them converge.
#[derive(Clone, Debug)]
pub enum Provider {
    /// This machine.
    Local(Local),
    /// Hetzner Cloud.
    Hetzner(Hetzner),
}

/// What a run has to know before it makes hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Names the system that hosts start from. It holds the toolchain, so software that was built on one does not
    /// fit another.
    pub system: String,
    /// Where the builder will answer, if that is known before there is one.
    pub builder: Option<Endpoint>,
}

impl Provider {
    /// Looks for what is quick to find out, before anything is written anywhere.
    ///
    /// # Errors
    /// What this machine lacks, all at once.
    pub fn check(kind: ProviderKind) -> Result<(), CloudError> {
        match kind {
            ProviderKind::Local => Ok(Local::check()?),
            ProviderKind::Hetzner => Ok(hetzner::Access::find()
                .map(drop)
                .map_err(hetzner::HetznerError::from)?),
        }
    }

    /// The provider of `workshop`. What only looks, or takes down, has no need of an inventory.
    ///
    /// # Errors
    /// It cannot be used from this machine.
    pub fn open(
        kind: ProviderKind,
        workshop: WorkshopId,
        inventory: Option<&Inventory>,
    ) -> Result<Self, CloudError> {
        match kind {
            ProviderKind::Local => Ok(Self::Local(Local::new(workshop)?)),
            ProviderKind::Hetzner => {
                let access = hetzner::Access::find().map_err(hetzner::HetznerError::from)?;
                let settings = inventory.map(hetzner::Settings::of).unwrap_or_default();
                Ok(Self::Hetzner(Hetzner::new(workshop, settings, access)?))
            }
        }
    }

    /// Whether it keeps, and shows to the host, the host key that a host is made with. Then that key is for the first
    /// visit alone ([`hetzner::contact`]).
    pub(crate) fn keeps_host_keys(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Hetzner(_) => true,
        }
    }

    /// How many places it has beside the builder's.
    pub fn places(kind: ProviderKind) -> u16 {
        match kind {
            // Addresses of a /24.
            ProviderKind::Local => BUILDER_INDEX,
            // More than an account may have without asking, and fewer than there are words.
            ProviderKind::Hetzner => 2000,
        }
    }

    /// Whether somebody is billed for its hosts.
    pub fn bills(kind: ProviderKind) -> bool {
        match kind {
            ProviderKind::Local => false,
            ProviderKind::Hetzner => true,
        }
    }

    /// Whether hosts have no route to the internet.
    pub fn isolated(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Hetzner(_) => false,
        }
    }

    /// Whether a folder of this machine can be a folder of a host.
    pub fn shares_folders(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// What people call that which all hosts share.
    pub fn shared(&self) -> &'static str {
        match self {
            Self::Local(_) => "base image",
            Self::Hetzner(_) => "firewall",
        }
    }

    /// Makes what all hosts share.
    ///
    /// # Errors
    /// It cannot be made; what was made stays for the next run.
    pub async fn prepare(&self, report: &Reporter) -> Result<Prepared, CloudError> {
        match self {
            Self::Local(local) => {
                let shown = std::sync::atomic::AtomicBool::new(false);
                let image = local
                    .ensure_image(&|line| {
                        shown.store(true, std::sync::atomic::Ordering::Relaxed);
                        report.doing(line);
                    })
                    .await?;
                if shown.into_inner() {
                    report.done("ready");
                }
                let subnet = local.ensure_network().await?;
                Ok(Prepared {
                    system: image.to_string(),
                    builder: Some(std::net::IpAddr::from(subnet.host(BUILDER_INDEX)).into()),
                })
            }
            Self::Hetzner(hetzner) => {
                hetzner.prepare().await?;
                Ok(Prepared {
                    system: hetzner.image().to_owned(),
                    builder: None,
                })
            }
        }
    }

    /// What hosts would cost that are made by the inventory it was opened with.
    ///
    /// # Errors
    /// The prices cannot be asked for.
    pub async fn tariff(&self) -> Result<Tariff, CloudError> {
        match self {
            Self::Local(_) => Ok(Tariff::FREE),
            Self::Hetzner(hetzner) => Ok(hetzner.tariff().await?),
        }
    }

    /// As [`Provider::list`], with what each host costs where that can be asked for.
    ///
    /// # Errors
    /// What is there cannot be found out. Prices that cannot be asked for are left out.
    pub async fn list_with_prices(&self) -> Result<Vec<HostStatus>, CloudError> {
        match self {
            Self::Local(local) => Ok(local.list().await?),
            Self::Hetzner(hetzner) => Ok(hetzner.list_with_prices().await?),
        }
    }

    /// The hosts that are there, by name.
    ///
    /// # Errors
    /// What is there cannot be found out.
    pub async fn list(&self) -> Result<Vec<HostStatus>, CloudError> {
        match self {
            Self::Local(local) => Ok(local.list().await?),
            Self::Hetzner(hetzner) => Ok(hetzner.list().await?),
        }
    }

    /// Makes the host, or completes it, or starts it again with what was written on it. Returns when it is started,
    /// before it answers.
    ///
    /// # Errors
    /// It cannot be made or started; what was made stays for the next run.
    pub async fn create(&self, spec: &HostSpec) -> Result<Endpoint, CloudError> {
        match self {
            Self::Local(local) => Ok(local.create(spec).await?.into()),
            Self::Hetzner(hetzner) => Ok(hetzner.create(spec).await?.into()),
        }
    }

    /// Why its guard powered this host off, where the host can be read while it is off.
    ///
    /// # Errors
    /// A name that no host can have.
    pub async fn note(&self, name: &str) -> Result<Option<Note>, CloudError> {
        match self {
            Self::Local(local) => Ok(local.note(name).await?),
            // The disk of a server that is off cannot be read: `wake` asks it when it runs again.
            Self::Hetzner(_) => Ok(None),
        }
    }

    /// Takes away all that was written on the host, so that [`Provider::create`] gives a fresh one: by installing it
    /// anew where the provider can, by removing it elsewhere. `workplace` is the workshop's folder.
    ///
    /// # Errors
    /// It could not be done.
    pub(crate) async fn reset(
        &self,
        name: &str,
        workplace: &std::path::Path,
    ) -> Result<(), CloudError> {
        match self {
            Self::Local(local) => Ok(local.destroy(name).await?),
            Self::Hetzner(hetzner) => {
                hetzner::contact::FirstKey::of(workplace, name)
                    .for_same_server()
                    .map_err(|source| hetzner::HetznerError::Key {
                        host: name.to_owned(),
                        source,
                    })?;
                hetzner.rebuild(name).await?;
                Ok(())
            }
        }
    }

    /// Removes the host with everything that was written on it. One that is not there is no error.
    ///
    /// # Errors
    /// It could not be removed.
    pub async fn destroy(&self, name: &str) -> Result<(), CloudError> {
        match self {
            Self::Local(local) => Ok(local.destroy(name).await?),
            Self::Hetzner(hetzner) => Ok(hetzner.destroy(name).await?),
        }
    }

    /// Removes every host of this workshop and what they share.
    ///
    /// # Errors
    /// All things that could not be removed, after trying everything.
    pub async fn destroy_all(&self) -> Result<(), CloudError> {
        match self {
            Self::Local(local) => Ok(local.destroy_all().await?),
            Self::Hetzner(hetzner) => Ok(hetzner.destroy_all().await?),
        }
    }

    /// What exists of this workshop, its running hosts included: after [`Provider::destroy_all`], nothing.
    ///
    /// # Errors
    /// What is there cannot be found out.
    pub async fn leftovers(&self) -> Result<Vec<Leftover>, CloudError> {
        match self {
            Self::Local(local) => Ok(local.leftovers()?),
            Self::Hetzner(hetzner) => Ok(hetzner.leftovers().await?),
        }
    }
}
