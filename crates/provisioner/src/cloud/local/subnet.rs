//! The addresses of one workshop's local hosts.

use std::fmt;
use std::net::Ipv4Addr;

/// 10.231.x.0/24: out of the way of what routers, Docker and virtual machines take by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet(pub(super) u8);

impl Subnet {
    /// The machine's own address on the bridge.
    pub(super) fn bridge(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 231, self.0, 1)
    }

    /// The address of the host with this place.
    pub fn host(self, index: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 231, self.0, 10u8.saturating_add(index))
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "10.231.{}.0/24", self.0)
    }
}
