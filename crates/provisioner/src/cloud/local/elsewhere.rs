//! Where there is no Linux there are no local hosts: the same face, and one clear error.

use std::convert::Infallible;
use std::env::consts::OS;
use std::net::IpAddr;

use super::{ImageId, LocalError};
use crate::cloud::{HostSpec, HostStatus, Leftover, WorkshopId};

/// Local hosts, which this system cannot have: no value of this type exists.
#[derive(Clone, Debug)]
pub struct Local {
    never: Infallible,
}

#[expect(
    clippy::unused_async,
    missing_docs,
    reason = "the same face as on Linux, where the documentation is"
)]
impl Local {
    pub fn check() -> Result<(), LocalError> {
        Err(LocalError::NotLinux { system: OS })
    }

    pub fn check_disks(_line: usize) -> Result<(), LocalError> {
        Err(LocalError::NotLinux { system: OS })
    }

    pub fn new(_workshop: WorkshopId) -> Result<Self, LocalError> {
        Err(LocalError::NotLinux { system: OS })
    }

    pub fn image_id() -> Result<ImageId, LocalError> {
        Err(LocalError::NotLinux { system: OS })
    }

    pub async fn ensure_image(
        &self,
        _progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<ImageId, LocalError> {
        match self.never {}
    }

    pub async fn ensure_network(&self) -> Result<super::Subnet, LocalError> {
        match self.never {}
    }

    pub async fn list(&self) -> Result<Vec<HostStatus>, LocalError> {
        match self.never {}
    }

    pub async fn note(&self, _name: &str) -> Result<Option<crate::guard::Note>, LocalError> {
        match self.never {}
    }

    pub async fn create(&self, _spec: &HostSpec) -> Result<IpAddr, LocalError> {
        match self.never {}
    }

    pub async fn destroy(&self, _name: &str) -> Result<(), LocalError> {
        match self.never {}
    }

    pub async fn destroy_all(&self) -> Result<(), LocalError> {
        match self.never {}
    }

    pub fn leftovers(&self) -> Result<Vec<Leftover>, LocalError> {
        match self.never {}
    }

    #[expect(clippy::unnecessary_wraps, reason = "the same face as on Linux")]
    pub fn all_leftovers() -> Result<Vec<Leftover>, LocalError> {
        // There never were any.
        Ok(vec![])
    }
}
