//! The workshop's own network on this machine: a bridge, a subnet, and no way out of it.

use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::LocalError;
use super::subnet::Subnet;
use super::{folder, tools};
use crate::cloud::WorkshopId;

/// The last place in a subnet that a host can have: its address ends in 250.
pub(super) const LAST_INDEX: u16 = 240;

/// `network.json` in the workshop's folder. Hosts have static addresses, so a subnet once chosen
/// stays.
#[derive(Serialize, Deserialize)]
struct Record {
    schema: u32,
    third_octet: u8,
}

/// The bridge's name; 11 of the 15 characters that a link's name may have.
pub(super) fn bridge(workshop: &WorkshopId) -> String {
    format!("ws-{workshop}")
}

/// The host's end of its cable as systemd-nspawn names it after the machine: 14 characters that
/// lead back to workshop and host, and no two hosts of one machine share them.
pub(super) fn link(workshop: &WorkshopId, index: u16) -> String {
    format!("vb-{}", machine(workshop, index))
}

/// The name under which systemd-nspawn knows the host.
pub(super) fn machine(workshop: &WorkshopId, index: u16) -> String {
    format!("{workshop}-{index:02x}")
}

/// The workshop of a link that [`bridge`] or [`link`] named.
pub(super) fn workshop_of(link: &str) -> Option<WorkshopId> {
    if let Some(id) = link.strip_prefix("ws-") {
        return id.parse().ok();
    }
    let (id, index) = link.strip_prefix("vb-")?.split_once('-')?;
    u8::from_str_radix(index, 16).ok()?;
    id.parse().ok()
}

/// All links of this machine.
pub(super) fn links() -> Result<Vec<String>, LocalError> {
    let entries = fs_err::read_dir("/sys/class/net").map_err(LocalError::io("list the links"))?;
    let names = entries.flatten().map(|entry| entry.file_name());
    Ok(names
        .map(|name| name.to_string_lossy().into_owned())
        .collect())
}

/// Whether the link exists.
pub(super) fn exists(link: &str) -> bool {
    Path::new("/sys/class/net").join(link).exists()
}

/// Whether the link is plugged into the bridge.
pub(super) fn is_plugged(link: &str, bridge: &str) -> bool {
    let ports = Path::new("/sys/class/net").join(bridge).join("brif");
    ports.join(link).exists()
}

/// Plugs the link into the bridge, which somebody may have removed and made again.
pub(super) fn plug(link: &str, bridge: &str) -> Result<(), LocalError> {
    ip(&["link", "set", link, "master", bridge, "up"]).map(drop)
}

/// Removes the link if it exists.
pub(super) fn remove(link: &str) -> Result<(), LocalError> {
    if !exists(link) {
        return Ok(());
    }
    // The kernel removes a cable itself soon after its other end's namespace has gone.
    let removed = ip(&["link", "delete", link]);
    if exists(link) {
        removed?;
        return Err(LocalError::Link {
            link: link.to_owned(),
        });
    }
    Ok(())
}

/// The workshop's subnet, with its bridge up.
pub(super) fn ensure(workshop: &WorkshopId) -> Result<Subnet, LocalError> {
    // Of the whole machine: two workshops must not choose the same subnet at once.
    let all = folder::all_workshops();
    let _lock = folder::lock(&all)?;
    let folder = folder::workshop(workshop);
    folder::make_private(&folder)?;
    let bridge = bridge(workshop);
    let recorded = folder.join("network.json");
    let subnet = match folder::read_json::<Record>(&recorded)? {
        Some(record) => Subnet(record.third_octet),
        None => {
            let used = used(&bridge)?;
            let reserved = others(workshop)?;
            let subnet = choose(workshop, &used, &reserved).ok_or(LocalError::NoSubnet)?;
            let record = Record {
                schema: 1,
                third_octet: subnet.0,
            };
            folder::write_json(&recorded, &record)?;
            subnet
        }
    };
    if !exists(&bridge) {
        let clash = used(&bridge)?.into_iter().find(|used| {
            // A wide route, such as that of a VPN, only becomes narrower by our own.
            used.block.prefix >= 24 && used.block.overlaps(Block::of(subnet))
        });
        if let Some(used) = clash {
            return Err(LocalError::SubnetTaken {
                subnet: subnet.to_string(),
                by: used.by,
            });
        }
        // By itself a bridge takes the lowest address of its ports, a new one with every host, and
        // the others' neighbour tables would point nowhere for a while.
        let [a, b, c, d] = workshop.bytes();
        let address = format!("02:77:{a:02x}:{b:02x}:{c:02x}:{d:02x}");
        ip(&[
            "link", "add", &bridge, "address", &address, "type", "bridge",
        ])?;
    }
    // Before it is up. Nothing is forwarded from here, whatever else this machine routes.
    for (family, name, value) in [("ipv4", "forwarding", "0"), ("ipv6", "disable_ipv6", "1")] {
        let path = format!("/proc/sys/net/{family}/conf/{bridge}/{name}");
        // A kernel without IPv6 has no such file.
        if Path::new(&path).exists() {
            fs_err::write(&path, value).map_err(LocalError::io("close the bridge"))?;
        }
    }
    let address = format!("{}/24", subnet.bridge());
    ip(&["address", "replace", &address, "dev", &bridge])?;
    ip(&["link", "set", &bridge, "up"])?;
    Ok(subnet)
}

fn ip(arguments: &[&str]) -> Result<String, LocalError> {
    let mut command = tools::command("ip");
    command.args(arguments);
    tools::run(command)
}

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    start: u32,
    prefix: u8,
}

impl Block {
    /// All addresses of a workshop's subnet.
    fn of(subnet: Subnet) -> Self {
        Self {
            start: subnet.bridge().to_bits() & !0xff,
            prefix: 24,
        }
    }

    /// `10.0.0.0/8`, or one address alone.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let address: Ipv4Addr = address.parse().ok()?;
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
        Some(Self {
            start: address.to_bits(),
            prefix,
        })
    }

    fn overlaps(self, other: Self) -> bool {
        let shorter = u32::from(self.prefix.min(other.prefix));
        let mask = u32::MAX.checked_shl(32 - shorter).unwrap_or(0);
        self.start & mask == other.start & mask
    }
}

/// A block that this machine uses, and the interface that does.
#[derive(Debug, PartialEq, Eq)]
struct Used {
    block: Block,
    by: String,
}

#[derive(Deserialize)]
struct Interface {
    // Versions before 6 print `{}` for an interface without such an address.
    #[serde(default)]
    ifname: String,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    local: Option<String>,
    prefixlen: Option<u8>,
}

#[derive(Deserialize)]
struct Route {
    dst: String,
    #[serde(default)]
    dev: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// What every interface but our own bridge uses.
fn used(bridge: &str) -> Result<Vec<Used>, LocalError> {
    let addresses = ip(&["-json", "-4", "address", "show"])?;
    let routes = ip(&["-json", "-4", "route", "show", "table", "all"])?;
    let mut used = parse_used(&addresses, &routes).map_err(|source| LocalError::Ip { source })?;
    used.retain(|used| used.by != bridge);
    Ok(used)
}

fn parse_used(addresses: &str, routes: &str) -> Result<Vec<Used>, serde_json::Error> {
    // Older versions print nothing at all where there is nothing.
    let or_empty = |text: &str| {
        if text.trim().is_empty() {
            "[]".into()
        } else {
            text.to_owned()
        }
    };
    let interfaces: Vec<Interface> = serde_json::from_str(&or_empty(addresses))?;
    let routes: Vec<Route> = serde_json::from_str(&or_empty(routes))?;
    let mut used = Vec::new();
    for interface in interfaces {
        for address in interface.addr_info {
            let prefix = address.prefixlen.unwrap_or(32);
            let block = address
                .local
                .and_then(|local| Block::parse(&format!("{local}/{prefix}")));
            used.extend(block.map(|block| Used {
                block,
                by: interface.ifname.clone(),
            }));
        }
    }
    for route in routes {
        // Local and broadcast routes only repeat the addresses.
        let is_route = route.kind.as_deref().is_none_or(|kind| kind == "unicast");
        let block = Block::parse(&route.dst).filter(|_| is_route);
        used.extend(block.map(|block| Used {
            block,
            by: route.dev.unwrap_or_else(|| "a route".into()),
        }));
    }
    Ok(used)
}

/// The subnets that other workshops have, whether or not their bridges are up now.
fn others(workshop: &WorkshopId) -> Result<Vec<Subnet>, LocalError> {
    let mut subnets = Vec::new();
    for id in folder::workshops()? {
        if id != *workshop {
            let record = folder::workshop(&id).join("network.json");
            // A record that cannot be read is that workshop's problem, not this one's.
            let record = folder::read_json::<Record>(&record).ok().flatten();
            subnets.extend(record.map(|record| Subnet(record.third_octet)));
        }
    }
    Ok(subnets)
}

/// Starts at a place that depends on the id, and moves on while it is taken.
fn choose(workshop: &WorkshopId, used: &[Used], reserved: &[Subnet]) -> Option<Subnet> {
    let first = workshop.bytes().into_iter().fold(0u8, u8::wrapping_add);
    let candidates = || {
        (0..=u8::MAX)
            .map(|step| Subnet(first.wrapping_add(step)))
            .filter(|subnet| !reserved.contains(subnet))
    };
    let is_free = |subnet: &Subnet, from: u8| {
        !used
            .iter()
            .any(|used| used.block.prefix >= from && used.block.overlaps(Block::of(*subnet)))
    };
    candidates()
        .find(|subnet| is_free(subnet, 1))
        // All of 10.0.0.0/8 may be somebody's VPN: then one that nobody uses on this machine.
        .or_else(|| candidates().find(|subnet| is_free(subnet, 24)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> WorkshopId {
        text.parse().unwrap()
    }

    fn used(block: &str) -> Used {
        Used {
            block: Block::parse(block).unwrap(),
            by: "eth0".into(),
        }
    }

    #[test]
    fn names_of_links_fit_and_lead_back_to_their_workshop() {
        let workshop = id("deadbeef");
        for index in 0..=LAST_INDEX {
            let link = link(&workshop, index);
            // IFNAMSIZ is 16 with its final zero.
            assert!(link.len() <= 15, "{link}");
            assert_eq!(workshop_of(&link), Some(workshop.clone()));
        }
        assert_eq!(workshop_of(&bridge(&workshop)), Some(workshop));
        for other in [
            "vb-pbuild",
            "ws-bridge",
            "vb-deadbeef",
            "vb-deadbeef-xy",
            "eth0",
        ] {
            assert_eq!(workshop_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_last_host_still_has_an_address() {
        assert_eq!(Subnet(7).host(LAST_INDEX), Ipv4Addr::new(10, 231, 7, 250));
        assert_eq!(Subnet(7).host(0), Ipv4Addr::new(10, 231, 7, 10));
    }

    #[test]
    fn blocks_overlap_when_one_holds_the_other() {
        let block = |text| Block::parse(text).unwrap();
        let subnet = Block::of(Subnet(77));
        for inside in [
            "10.231.77.0/24",
            "10.231.77.9/32",
            "10.0.0.0/8",
            "0.0.0.0/0",
        ] {
            assert!(block(inside).overlaps(subnet), "{inside}");
        }
        for outside in ["10.231.78.0/24", "192.168.0.0/16", "10.231.76.255"] {
            assert!(!block(outside).overlaps(subnet), "{outside}");
        }
        assert_eq!(Block::parse("default"), None);
        assert_eq!(Block::parse("10.0.0.0/33"), None);
    }

    #[test]
    fn a_subnet_that_is_taken_is_passed_over() {
        let workshop = id("00000005");
        assert_eq!(choose(&workshop, &[], &[]), Some(Subnet(5)));
        let taken = [used("10.231.5.1/24"), used("10.231.6.128/25")];
        assert_eq!(choose(&workshop, &taken, &[Subnet(7)]), Some(Subnet(8)));
        // The last one wraps around to the first.
        assert_eq!(
            choose(&id("000000ff"), &[used("10.231.255.0/24")], &[]),
            Some(Subnet(0))
        );
        // A default route is no claim, a VPN over everything is one that can be shared.
        assert_eq!(
            choose(&workshop, &[used("0.0.0.0/0")], &[]),
            Some(Subnet(5))
        );
        let vpn = [used("10.0.0.0/8"), used("10.231.5.0/24")];
        assert_eq!(choose(&workshop, &vpn, &[]), Some(Subnet(6)));
        let all: Vec<_> = (0..=255).map(Subnet).collect();
        assert_eq!(choose(&workshop, &[], &all), None);
    }

    #[test]
    fn what_ip_prints_is_understood() {
        let addresses = r#"[{"ifindex":1,"ifname":"lo","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8}]},
            {},{"ifname":"eth0","addr_info":[{}]}]"#;
        let routes = r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},
            {"dst":"10.231.77.0/24","dev":"wsbr0","protocol":"kernel"},
            {"type":"broadcast","dst":"10.231.77.255","dev":"wsbr0","table":"local"},
            {"type":"unreachable","dst":"10.231.9.0/24"}]"#;
        let found = parse_used(addresses, routes).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].by, "lo");
        assert_eq!(found[1].block, Block::parse("10.231.77.0/24").unwrap());
        assert!(parse_used("", "").unwrap().is_empty());
    }
}
