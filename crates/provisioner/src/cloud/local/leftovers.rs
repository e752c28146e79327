//! What exists of workshops on this machine, found by where things are and what they are called,
//! not by anybody's memory of having made them.

use std::collections::BTreeSet;

use super::cgroup::{self, Cgroups};
use super::error::LocalError;
use super::folder::{self, HostFolder};
use super::{disk, mounts, network};
use crate::cloud::{Leftover, LeftoverKind, WorkshopId};

/// Everything of one workshop.
pub(super) fn of(workshop: &WorkshopId, cgroups: &Cgroups) -> Result<Vec<Leftover>, LocalError> {
    let mut found = Vec::new();
    let mut add = |kind, name: String| {
        found.push(Leftover {
            workshop: workshop.clone(),
            kind,
            name,
        });
    };
    let folder = folder::workshop(workshop);
    if folder.is_dir() {
        add(LeftoverKind::Folder, folder.display().to_string());
    }
    for host in HostFolder::list(workshop)? {
        add(LeftoverKind::Host, host.name().to_owned());
    }
    for name in folder::names(&folder)? {
        if HostFolder::host_of(&name).is_some() {
            add(
                LeftoverKind::Folder,
                folder.join(name).display().to_string(),
            );
        }
    }
    for mount in mounts::below(&folder)? {
        add(LeftoverKind::Mount, mount.display().to_string());
    }
    for (device, file) in disk::devices_below(&folder)? {
        add(
            LeftoverKind::Device,
            format!("/dev/{device} ({})", file.display()),
        );
    }
    for link in network::links()? {
        if network::workshop_of(&link).as_ref() == Some(workshop) {
            add(LeftoverKind::Link, link);
        }
    }
    let mut pids = BTreeSet::new();
    for group in cgroups
        .parents()
        .iter()
        .flat_map(|parent| cgroup::tree(parent))
    {
        pids.extend(cgroup::procs(&group));
        add(LeftoverKind::Cgroup, group.display().to_string());
    }
    for pid in pids {
        let command = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        add(
            LeftoverKind::Process,
            format!("{pid} {}", command.trim_end()),
        );
    }
    found.sort();
    Ok(found)
}

/// Everything of all workshops.
pub(super) fn of_all() -> Result<Vec<Leftover>, LocalError> {
    let mut workshops: BTreeSet<_> = folder::workshops()?.into_iter().collect();
    workshops.extend(cgroup::of_all_workshops()?);
    let links = network::links()?;
    workshops.extend(links.iter().filter_map(|link| network::workshop_of(link)));
    let mut found = Vec::new();
    for workshop in workshops {
        let cgroups = Cgroups::detect(workshop.clone())?;
        found.extend(of(&workshop, &cgroups)?);
    }
    Ok(found)
}
