//! What the steps of one host depend on: the inventory, the closure, its neighbours.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::builder::Serving;
use super::{Failure, Run};
use crate::cloud::Endpoint;
use crate::guard::Config;
use crate::nix::Closure;
use crate::nix::builder::{CACHE_PORT, trusted_keys};
use crate::plan::{BUILDER, PlannedHost};
use crate::state::Role;
use crate::steps::{ChainParams, HostContext, PROFILE};

/// Peers that each node is told: the next ones in the ring, so a new host concerns few others.
/// Bitcoin Core keeps at most 8 added connections (MAX_ADDNODE_CONNECTIONS in src/net.h).
const RING: usize = 4;

impl Run {
    /// Everybody's address by name, those of hosts left out of this run included, in the order of their places.
    pub(super) fn ring(
        &self,
        created: &BTreeMap<String, Result<Endpoint, Failure>>,
    ) -> Vec<(String, IpAddr)> {
        let place = self.place();
        let mut ring: Vec<(u16, String, IpAddr)> = place
            .state()
            .hosts
            .iter()
            .filter(|(_, host)| host.role != Role::Builder)
            .filter_map(|(name, host)| {
                let address = match created.get(name) {
                    Some(created) => created.as_ref().ok().copied().or(host.address),
                    None => host.address,
                };
                Some((host.index, name.clone(), address?.ip))
            })
            .collect();
        ring.sort();
        ring.into_iter()
            .map(|(_, name, address)| (name, address))
            .collect()
    }

    /// Where the builder answers, once that is known.
    pub(super) fn builder_address(&self) -> Option<IpAddr> {
        let known = || self.place().state().hosts.get(BUILDER)?.address;
        Some(self.prepared.builder.or_else(known)?.ip)
    }

    /// Its cache, once it is known where it answers.
    fn builder_url(&self) -> Option<String> {
        let address = SocketAddr::new(self.builder_address()?, CACHE_PORT);
        Some(format!("http://{address}"))
    }

    /// Where a host fetches the closure, if that is not the cache of its nix.conf.
    pub(super) fn closure_from(&self, serving: Option<&Serving>) -> Option<String> {
        self.hosts_cache()?;
        serving.filter(|serving| serving.is_builder())?;
        self.builder_url()
    }

    pub(super) fn context(
        &self,
        host: &PlannedHost,
        closure: Closure,
        ring: &[(String, IpAddr)],
        closure_from: Option<String>,
    ) -> HostContext {
        let inventory = &self.inventory;
        let person = inventory
            .participants
            .iter()
            .find(|person| host.role == Role::Participant && person.name == host.identity);
        let at = ring
            .iter()
            .position(|(name, _)| *name == host.name)
            .unwrap_or(0);
        let neighbours = ring
            .iter()
            .cycle()
            .skip(at + 1)
            .take(RING.min(ring.len().saturating_sub(1)));
        let mut peers: Vec<IpAddr> = neighbours.map(|(_, address)| *address).collect();
        peers.sort();
        HostContext {
            workshop: inventory.workshop.name.clone(),
            word: host.name.clone(),
            participant: person.map(|person| person.name.clone()),
            participant_key: person.map(|person| person.key.authorized_line()),
            deadline: inventory.workshop.deadline_text(),
            power_off: self.power_off,
            chain: ChainParams::of(inventory.bitcoin.chain),
            prune: inventory.bitcoin.prune,
            addnode: inventory
                .bitcoin
                .addnode
                .iter()
                .map(ToString::to_string)
                .collect(),
            peers,
            isolated: self.provider.isolated(),
            memory_bytes: Some(inventory.hosts.limits.memory.as_bytes()),
            guard: inventory.guard.as_ref().map(|guard| {
                let limits = &inventory.hosts.limits;
                let cpus = f64::from(limits.cpus.as_millis()) / 1000.0;
                Config {
                    own_disk: self.provider.shares_folders() && limits.disk.is_some(),
                    ..Config::new(guard, Some(cpus), Some(limits.memory.as_bytes()))
                }
            }),
            core_version: self.inputs.source.version.clone(),
            cache_url: match self.hosts_cache() {
                Some(named) => named.url().to_owned(),
                None => self.builder_url().unwrap_or_default(),
            },
            cache_key: trusted_keys(&self.cache, self.hosts_cache()),
            closure_from,
            closure,
            profile: PROFILE,
        }
    }
}
