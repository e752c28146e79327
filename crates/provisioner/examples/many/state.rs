//! A workshop as it is after its first `provision`, written through what the program itself writes with.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use provisioner::cloud::Endpoint;
use provisioner::host::keys::KeyPair;
use provisioner::inventory::{Inventory, ProviderKind};
use provisioner::nix::builder::Inputs;
use provisioner::nix::cache::{Cache, user_cache};
use provisioner::nix::source;
use provisioner::plan::{BUILDER, BUILDER_INDEX, plan};
use provisioner::state::{Effect, Event, Role, Workplace};

use super::Result;
use super::hosts::PORT;

/// What the machines are said to be.
const SYSTEM: &str = "debian-13-amd64";

/// The one key of all of them.
pub(crate) fn host_key(folder: &Path) -> Result<KeyPair> {
    std::fs::create_dir_all(folder)?;
    Ok(KeyPair::load_or_create(&folder.join("host_key"), "many")?)
}

/// The address of the `n`th.
fn address(n: u16) -> Endpoint {
    let [high, low] = n.to_be_bytes();
    std::net::SocketAddr::from((Ipv4Addr::new(127, 1, high, low), PORT)).into()
}

/// Writes it down in `place`, anew; the folder that is to be the user's cache.
pub(crate) fn write(place: &Path, workshop: &Path, hosts: u16, key: &KeyPair) -> Result<PathBuf> {
    if place.exists() {
        std::fs::remove_dir_all(place)?;
    }
    std::fs::create_dir_all(place)?;
    let path = place.join("inventory.yaml");
    let machines: Vec<String> = (0..=hosts).map(|n| format!("\"{}\"", address(n))).collect();
    let text = format!(
        "workshop: {{name: Many}}\nhosts:\n  provider: existing\n  spare: {hosts}\n  existing: {{machines: [{}]}}\nparticipants: []\n",
        machines.join(", ")
    );
    std::fs::write(&path, text)?;
    let inventory = Inventory::load(&path)?.inventory;
    let mut workplace = Workplace::open(&path, "bench")?;
    workplace.instructor_key()?;
    workplace.record(Event::Provider {
        provider: ProviderKind::Existing,
    })?;
    let mut all = vec![(
        BUILDER.to_owned(),
        BUILDER.to_owned(),
        Role::Builder,
        BUILDER_INDEX,
        hosts,
    )];
    let planned = plan(&inventory, workplace.state(), &[])?;
    for (n, host) in (0..).zip(planned) {
        all.push((host.name, host.identity, host.role, host.index, n));
    }
    for (host, identity, role, index, n) in all {
        let folder = workplace.folder().join("hosts").join(&host);
        std::fs::create_dir_all(&folder)?;
        let machine = serde_json::json!({
            "schema": 1,
            "machine": {"address": address(n), "user": "root", "host_key": key.public_line()},
            "system": SYSTEM,
            "adopted": true,
        });
        std::fs::write(folder.join("machine.json"), machine.to_string())?;
        workplace.record(Event::Assigned {
            host: host.clone(),
            identity,
            role,
            index,
        })?;
        let address = Some(address(n));
        workplace.record(Event::Done {
            host: host.clone(),
            effect: Effect::Create,
            address,
        })?;
        workplace.record(Event::Done {
            host,
            effect: Effect::Configure,
            address: None,
        })?;
    }
    cache(place, workshop)
}

/// A cache in which this program's closure for these machines is known: any will do, since nobody fetches it.
fn cache(place: &Path, workshop: &Path) -> Result<PathBuf> {
    let real = user_cache()?;
    let cache = place.join("cache");
    let mine = cache.join("workshop");
    std::fs::create_dir_all(mine.join("nix/builds"))?;
    for name in ["source", "nix/store"] {
        std::os::unix::fs::symlink(real.join(name), mine.join(name))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let source = runtime.block_on(source::from_crate(&real.join("source")))?;
    let mut inputs = Inputs::new(source, SYSTEM.to_owned())?;
    inputs.program_sum = source::sum_of(workshop)?;
    let known = Cache::open(&real.join("nix"))?;
    let closure = std::fs::read_dir(real.join("nix/builds"))?
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .find_map(|inputs| known.look_up(&inputs))
        .ok_or("nothing was built on this machine yet: run `cargo xtask demo` first")?;
    Cache::open(&mine.join("nix"))?.record_build(&inputs, &closure)?;
    Ok(cache)
}

/// Whether all hosts were found as they should be, so that it was this that was measured.
pub(crate) fn nothing_was_done(stdout: &[u8], hosts: u16) -> Result {
    let document: serde_json::Value = serde_json::from_slice(stdout)?;
    let told = document["hosts"]
        .as_array()
        .ok_or("no hosts in the answer")?;
    let idle = |host: &&serde_json::Value| {
        host["verified"] == true && host["changed"].as_array().is_some_and(Vec::is_empty)
    };
    let idle = told.iter().filter(idle).count();
    if idle != usize::from(hosts) || told.len() != idle {
        return Err(format!(
            "{idle} of {hosts} hosts had nothing to do: {:?}",
            told.first()
        )
        .into());
    }
    Ok(())
}
