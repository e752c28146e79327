//! The addresses of one workshop's local hosts.

use std::fmt;
use std::net::Ipv4Addr;

/// 10.231.x.0/24: out of the way of what routers, Docker and virtual machines take by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet(pub(super) u8);

impl Subnet {
    /// The machine's own address on the bridge, where its hosts reach it.
    pub fn bridge(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 231, self.0, 1)
    }

    /// The address of the host with this place, which is at most 240.
    pub fn host(self, index: u16) -> Ipv4Addr {
        let last = u8::try_from(index.saturating_add(10)).unwrap_or(u8::MAX);
        Ipv4Addr::new(10, 231, self.0, last)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "10.231.{}.0/24", self.0)
    }
}
