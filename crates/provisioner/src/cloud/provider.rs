//! [`Provider`]: one face for all the places that hosts come from.

use std::path::Path;

use super::existing::Existing;
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
    /// Machines that somebody already has.
    Existing(Existing),
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
            // Nothing is needed here but a key, and whose that is the machines will tell.
            ProviderKind::Existing => Ok(()),
        }
    }

    /// Likewise, for somebody who is about to make or start hosts.
    ///
    /// # Errors
    /// What this machine lacks for the hosts of the inventory.
    pub fn check_for(inventory: &Inventory) -> Result<(), CloudError> {
        Self::check(inventory.hosts.provider)?;
        match (inventory.hosts.provider, inventory.hosts.limits.disk) {
            (ProviderKind::Local, Some(disk)) => Ok(Local::check_disks(disk.line)?),
            _ => Ok(()),
        }
    }

    /// The provider of `workshop`, whose folder `.workshop/` is `workplace`. What only looks, or takes down, has no need
    /// of an inventory.
    ///
    /// # Errors
    /// It cannot be used from this machine.
    pub fn open(
        kind: ProviderKind,
        workshop: WorkshopId,
        workplace: &Path,
        inventory: Option<&Inventory>,
    ) -> Result<Self, CloudError> {
        match kind {
            ProviderKind::Existing => {
                let machines = inventory.map(|inventory| &inventory.hosts.existing);
                Ok(Self::Existing(Existing::new(workshop, workplace, machines)))
            }
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
            Self::Local(_) | Self::Existing(_) => false,
            Self::Hetzner(_) => true,
        }
    }

    /// Whether hosts are made with a host key of ours, instead of having one.
    pub(crate) fn gives_host_keys(&self) -> bool {
        !matches!(self, Self::Existing(_))
    }

    /// What [`Prepared::system`] will be for the inventory whose `.workshop/` is `workplace`, as far as that is known
    /// without making anything or connecting to anybody: machines that somebody has are looked at by a run.
    ///
    /// # Errors
    /// This machine cannot have such hosts; a record that cannot be read.
    pub fn system(inventory: &Inventory, workplace: &Path) -> Result<Option<String>, CloudError> {
        match inventory.hosts.provider {
            ProviderKind::Local => Ok(Some(Local::image_id()?.to_string())),
            ProviderKind::Hetzner => Ok(Some(inventory.hosts.hetzner.image.clone())),
            ProviderKind::Existing => Ok(Existing::system(workplace)?),
        }
    }

    /// How many places it has beside the builder's.
    pub fn places(inventory: &Inventory) -> u16 {
        match inventory.hosts.provider {
            ProviderKind::Existing => {
                let machines = inventory.hosts.existing.for_hosts().count();
                u16::try_from(machines).unwrap_or(u16::MAX)
            }
            // Addresses of a /24.
            ProviderKind::Local => BUILDER_INDEX,
            // More than an account may have without asking, and fewer than there are words.
            ProviderKind::Hetzner => 2000,
        }
    }

    /// Whether somebody is billed for its hosts.
    pub fn bills(kind: ProviderKind) -> bool {
        match kind {
            // Whoever has a machine knows what it costs; we do not.
            ProviderKind::Local | ProviderKind::Existing => false,
            ProviderKind::Hetzner => true,
        }
    }

    /// What is looked for when a workshop is gone, as people read it.
    pub fn traces(kind: ProviderKind) -> &'static str {
        match kind {
            ProviderKind::Local => "hosts, processes, mounts, links, cgroups and folders",
            ProviderKind::Hetzner => "servers, firewalls and SSH keys",
            ProviderKind::Existing => "machines not given back",
        }
    }

    /// Whether hosts have no route to the internet.
    pub fn isolated(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Hetzner(_) | Self::Existing(_) => false,
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
            Self::Existing(_) => "machines",
        }
    }

    /// Makes what all hosts share, and looks at what `hosts`, names and places, are to be made of.
    ///
    /// # Errors
    /// It cannot be made; what was made stays for the next run.
    pub async fn prepare(
        &self,
        hosts: &[(String, u16)],
        report: &Reporter,
    ) -> Result<Prepared, CloudError> {
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
            Self::Existing(existing) => {
                let (system, builder) = existing.prepare(hosts).await?;
                Ok(Prepared {
                    system,
                    builder: Some(builder),
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
            Self::Existing(_) => Ok(Tariff::own()),
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
            Self::Existing(existing) => Ok(existing.list()?),
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
            Self::Existing(existing) => Ok(existing.list()?),
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
            Self::Existing(existing) => Ok(existing.create(spec).await?),
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
            // Nor can that of a machine which is off.
            Self::Existing(_) => Ok(None),
        }
    }

    /// Takes away all that was written on the host, so that [`Provider::create`] gives a fresh one: by installing it
    /// anew where the provider can, by removing it elsewhere. `workplace` is the workshop's folder.
    ///
    /// # Errors
    /// It could not be done.
    pub(crate) async fn reset(&self, name: &str, workplace: &Path) -> Result<(), CloudError> {
        match self {
            Self::Existing(existing) => Ok(existing.undo(name, true).await.map(drop)?),
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

    /// Removes the host with everything that was written on it; what the instructor should know all the same. One that is
    /// not there is no error.
    ///
    /// # Errors
    /// It could not be removed.
    pub async fn destroy(&self, name: &str) -> Result<Vec<String>, CloudError> {
        match self {
            Self::Local(local) => Ok(local.destroy(name).await.map(|()| vec![])?),
            Self::Hetzner(hetzner) => Ok(hetzner.destroy(name).await.map(|()| vec![])?),
            Self::Existing(existing) => Ok(existing.undo(name, false).await?),
        }
    }

    /// What stays of hosts that were given back.
    pub fn stays(&self) -> &'static [&'static str] {
        match self {
            Self::Local(_) | Self::Hetzner(_) => &[],
            Self::Existing(_) => super::existing::STAYS,
        }
    }

    /// Forgets a host that cannot be reached and has nobody who could remove it; whether it was one.
    ///
    /// # Errors
    /// It cannot be forgotten.
    pub fn forget(&self, name: &str) -> Result<bool, CloudError> {
        match self {
            Self::Local(_) | Self::Hetzner(_) => Ok(false),
            Self::Existing(existing) => Ok(existing.forget(name).map(|()| true)?),
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
            // They share nothing, and each was given back by its own name.
            Self::Existing(_) => Ok(()),
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
            Self::Existing(existing) => Ok(existing.leftovers()?),
        }
    }
}
