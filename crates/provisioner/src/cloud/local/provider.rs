//! [`Local`]: the calls, each made of what the modules beside this one do.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FsWord, statfs};
use rustix::process::geteuid;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use super::cgroup::Cgroups;
use super::error::LocalError;
use super::folder::{self, HostFolder, HostRecord};
use super::{ImageId, Subnet, container, disk, image, leftovers, network, tools};
use crate::cloud::{HostSpec, HostStatus, Leftover, WorkshopId};
use crate::guard::Note;

/// The hosts of one workshop on this machine.
///
/// A future that is dropped does not stop what it began: the next call converges.
#[derive(Clone, Debug)]
pub struct Local {
    machine: Arc<Machine>,
}

/// What the calls need, free of any runtime: they wait for programs and file systems.
#[derive(Debug)]
struct Machine {
    workshop: WorkshopId,
    cgroups: Cgroups,
}

impl Local {
    /// Looks for what is quick to find out, before anything is written anywhere.
    ///
    /// # Errors
    /// Not root; programs that are missing, all at once and with their packages.
    pub fn check() -> Result<(), LocalError> {
        if !geteuid().is_root() {
            return Err(LocalError::NotRoot);
        }
        tools::check()
    }

    /// Tries whether hosts can have disks of their own, which a line of the inventory asks for.
    ///
    /// # Errors
    /// Programs that are missing; no loop devices, as in most containers, or no ext4.
    pub fn check_disks(line: usize) -> Result<(), LocalError> {
        tools::check_for_disks()?;
        disk::trial().map_err(|error| LocalError::NoDisks {
            line,
            source: Box::new(error),
        })
    }

    /// Looks whether this machine can have local hosts.
    ///
    /// # Errors
    /// Not root; programs that are missing, all at once and with their packages; folders on file
    /// systems that cannot hold hosts.
    pub fn new(workshop: WorkshopId) -> Result<Self, LocalError> {
        Self::check()?;
        let machine_id = fs_err::read_to_string("/etc/machine-id").unwrap_or_default();
        if machine_id.trim().len() != 32 {
            return Err(LocalError::NoMachineId);
        }
        let all = folder::all_workshops();
        fs_err::create_dir_all(&all).map_err(LocalError::io("make the folder of the hosts"))?;
        check_filesystem(&all)?;
        let cgroups = Cgroups::detect(workshop.clone())?;
        Ok(Self {
            machine: Arc::new(Machine { workshop, cgroups }),
        })
    }

    /// What the base image is called, whether or not this machine has it.
    ///
    /// # Errors
    /// There is none for this machine's processor.
    pub fn image_id() -> Result<ImageId, LocalError> {
        image::id()
    }

    /// Builds the base image unless this machine has it: about a minute and a half, once.
    /// `progress` gets a line now and then.
    ///
    /// # Errors
    /// mmdebstrap's last lines, when it fails.
    pub async fn ensure_image(
        &self,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<ImageId, LocalError> {
        let (send, mut receive) = mpsc::unbounded_channel();
        // The receiver is gone as soon as nobody waits any more.
        let build = spawn_blocking(move || image::ensure(&mut |line| send.send(line).is_ok()));
        while let Some(line) = receive.recv().await {
            progress(line);
        }
        finished(build.await)
    }

    /// Makes the workshop's bridge, and chooses its subnet the first time. Hosts have static
    /// addresses in it, known before they exist.
    ///
    /// # Errors
    /// No subnet is free, or this workshop's has been taken by another interface.
    pub async fn ensure_network(&self) -> Result<Subnet, LocalError> {
        self.on_machine(|machine| network::ensure(&machine.workshop))
            .await
    }

    /// The hosts that are there, by name.
    ///
    /// # Errors
    /// A host's record that cannot be read.
    pub async fn list(&self) -> Result<Vec<HostStatus>, LocalError> {
        self.on_machine(Machine::list).await
    }

    /// Why its guard powered this host off, if it did and the host was not started since. The host says so
    /// itself; nothing of it runs for that.
    ///
    /// # Errors
    /// A name that no host can have.
    pub async fn note(&self, name: &str) -> Result<Option<Note>, LocalError> {
        let name = name.to_owned();
        self.on_machine(move |machine| {
            check_name(&name)?;
            Ok(machine.folder(&name).note())
        })
        .await
    }

    /// Makes the host, or completes it, or starts it again with what was written on it; one that
    /// runs only gets its limits. Returns when it is started, a second or two before it answers.
    ///
    /// # Errors
    /// The host exists with another key or address, or with a disk that would have to shrink; no
    /// image; it ends at once (with the last lines of its console).
    pub async fn create(&self, spec: &HostSpec) -> Result<IpAddr, LocalError> {
        let spec = spec.clone();
        self.on_machine(move |machine| machine.create(&spec)).await
    }

    /// Removes the host with everything that was written on it. A host that is not there is no
    /// error.
    ///
    /// # Errors
    /// A process that cannot be killed; a mount in the host's folder or of its disk, of which nothing
    /// is removed.
    pub async fn destroy(&self, name: &str) -> Result<(), LocalError> {
        let name = name.to_owned();
        self.on_machine(move |machine| machine.destroy(&name)).await
    }

    /// Removes every host of this workshop, its bridge, its cgroups and its folder.
    ///
    /// # Errors
    /// All things that could not be removed, after trying everything.
    pub async fn destroy_all(&self) -> Result<(), LocalError> {
        let names = self.on_machine(|machine| machine.names()).await?;
        let mut destroying = JoinSet::new();
        for name in names {
            let machine = self.machine.clone();
            destroying.spawn_blocking(move || machine.destroy(&name));
        }
        let mut errors = Vec::new();
        while let Some(destroyed) = destroying.join_next().await {
            errors.extend(finished(destroyed).err());
        }
        if errors.is_empty() {
            errors.extend(self.on_machine(Machine::remove_rest).await.err());
        }
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(LocalError::Several { errors }),
        }
    }

    /// What exists of this workshop, its running hosts included: after [`Local::destroy_all`],
    /// nothing.
    ///
    /// # Errors
    /// What the kernel shows cannot be read.
    pub fn leftovers(&self) -> Result<Vec<Leftover>, LocalError> {
        leftovers::of(&self.machine.workshop, &self.machine.cgroups)
    }

    /// What exists of all workshops on this machine, also of those whose state is lost.
    ///
    /// # Errors
    /// What the kernel shows cannot be read.
    pub fn all_leftovers() -> Result<Vec<Leftover>, LocalError> {
        leftovers::of_all()
    }

    async fn on_machine<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Machine) -> Result<T, LocalError> + Send + 'static,
    ) -> Result<T, LocalError> {
        let machine = self.machine.clone();
        finished(spawn_blocking(move || work(&machine)).await)
    }
}

impl Machine {
    fn folder(&self, name: &str) -> HostFolder {
        HostFolder::new(&self.workshop, name)
    }

    fn list(&self) -> Result<Vec<HostStatus>, LocalError> {
        let mut hosts = Vec::new();
        for host in HostFolder::list(&self.workshop)? {
            if let Some(record) = host.record()? {
                hosts.push(HostStatus {
                    name: host.name().to_owned(),
                    address: IpAddr::from(record.address).into(),
                    running: container::runs(&host)?,
                    made: None,
                    price: None,
                });
            }
        }
        Ok(hosts)
    }

    fn create(&self, spec: &HostSpec) -> Result<IpAddr, LocalError> {
        check(spec)?;
        let subnet = network::ensure(&self.workshop)?;
        let host = self.folder(&spec.name);
        let wanted = HostRecord::new(spec, subnet.host(spec.index));
        self.check_place(spec)?;
        match host.record()? {
            Some(record) => {
                if let Some(what) = record.difference(&wanted) {
                    return Err(LocalError::Different {
                        name: spec.name.clone(),
                        what,
                    });
                }
                let stop_rests = || self.cgroups.stop(&spec.name);
                host.resize(record, spec.limits.disk_bytes, stop_rests)?;
            }
            None => {
                let id = image::Recipe::new()?.id();
                let lower = image::rootfs(&image::cache()?, &id);
                check_image(&lower)?;
                host.make(spec, &wanted, &lower)?;
            }
        }
        check_image(&host.path().join("lower"))?;
        self.cgroups.prepare(&spec.name, &spec.limits)?;
        container::ensure(&self.workshop, &self.cgroups, &host, spec)?;
        Ok(wanted.address.into())
    }

    /// Two hosts at one address would answer for one another.
    fn check_place(&self, spec: &HostSpec) -> Result<(), LocalError> {
        for other in HostFolder::list(&self.workshop)? {
            // Whatever is wrong with another host's record is not this host's problem.
            let record = other.record().ok().flatten();
            if other.name() != spec.name && record.is_some_and(|one| one.index == spec.index) {
                return Err(LocalError::SameIndex {
                    name: spec.name.clone(),
                    other: other.name().to_owned(),
                    index: spec.index,
                });
            }
        }
        Ok(())
    }

    fn destroy(&self, name: &str) -> Result<(), LocalError> {
        check_name(name)?;
        let host = self.folder(name);
        // Also one that is unreadable must go.
        let record = host.record().ok().flatten();
        self.cgroups.stop(name)?;
        self.cgroups.remove(name)?;
        if let Some(record) = record {
            network::remove(&network::link(&self.workshop, record.index))?;
        }
        host.remove()
    }

    /// Every host of which anything is left.
    fn names(&self) -> Result<BTreeSet<String>, LocalError> {
        let mut names = self.cgroups.hosts();
        let folder = folder::workshop(&self.workshop);
        for file_name in folder::names(&folder)? {
            if let Some(host) = HostFolder::host_of(&file_name) {
                names.insert(host.to_owned());
            } else if folder.join(&file_name).is_dir() {
                names.insert(file_name);
            }
        }
        Ok(names)
    }

    fn remove_rest(&self) -> Result<(), LocalError> {
        for link in network::links()? {
            if network::workshop_of(&link).as_ref() == Some(&self.workshop) {
                network::remove(&link)?;
            }
        }
        self.cgroups.remove_parents()?;
        // Last: it says that there may be something of this workshop.
        folder::remove(&folder::workshop(&self.workshop))
    }
}

fn finished<T>(
    result: Result<Result<T, LocalError>, tokio::task::JoinError>,
) -> Result<T, LocalError> {
    match result {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going down.
            Err(_) => Err(LocalError::Interrupted),
        },
    }
}

fn check(spec: &HostSpec) -> Result<(), LocalError> {
    check_name(&spec.name)?;
    if spec.index > network::LAST_INDEX {
        return Err(LocalError::BadIndex {
            name: spec.name.clone(),
            index: spec.index,
            last: network::LAST_INDEX,
        });
    }
    if spec.root_key.trim_end().lines().count() != 1 {
        return Err(LocalError::BadRootKey {
            name: spec.name.clone(),
        });
    }
    for (outside, inside) in &spec.binds {
        let meant = inside.to_str().is_some_and(|path| {
            // Both mean something in systemd-nspawn's `--bind`, and systemd expands a `$`.
            path.starts_with('/') && !path.contains([':', '\\', '$'])
        });
        if !meant || !outside.is_absolute() || !outside.is_dir() {
            return Err(LocalError::BadBind {
                name: spec.name.clone(),
                outside: outside.clone(),
                inside: inside.clone(),
            });
        }
    }
    Ok(())
}

/// An RFC 1123 label, in lower case. It becomes part of paths, so nothing else may pass.
fn check_name(name: &str) -> Result<(), LocalError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=63).contains(&name.len())
        && name.bytes().all(fits)
        && !name.starts_with('-')
        && !name.ends_with('-')
    {
        Ok(())
    } else {
        Err(LocalError::BadName {
            name: name.escape_debug().to_string(),
        })
    }
}

fn check_image(lower: &Path) -> Result<(), LocalError> {
    if lower.join("usr").is_dir() {
        return Ok(());
    }
    // The link's target says more than the link.
    let path = fs_err::read_link(lower).unwrap_or_else(|_| lower.to_owned());
    Err(LocalError::NoImage { path })
}

/// Overlayfs takes an upper layer on few file systems, and fails with nothing but EINVAL on others.
fn check_filesystem(folder: &Path) -> Result<(), LocalError> {
    let kind = statfs(folder)
        .map_err(|errno| LocalError::io("look at the hosts' file system")(errno.into()))?
        .f_type;
    match unfit(kind) {
        Some(filesystem) => Err(LocalError::Filesystem {
            path: folder.to_owned(),
            filesystem,
        }),
        None => Ok(()),
    }
}

fn unfit(kind: FsWord) -> Option<&'static str> {
    // From statfs(2).
    match kind {
        0x794c_7630 => Some("overlayfs"),
        0x6969 => Some("NFS"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9p"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::HostLimits;

    fn spec() -> HostSpec {
        HostSpec {
            name: "able".into(),
            index: 0,
            host_key: "KEY".into(),
            root_key: "ssh-ed25519 AAAA\n".into(),
            limits: HostLimits::default(),
            binds: Vec::new(),
        }
    }

    #[test]
    fn only_labels_are_names() {
        for good in ["able", "builder", "a", "x-1", &"a".repeat(63)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "..",
            ".",
            "a/b",
            "-a",
            "a-",
            "Able",
            "a_b",
            "a\n",
            "network.json",
            &"a".repeat(64),
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_spec_that_would_do_harm_is_refused() {
        assert!(check(&spec()).is_ok());
        let bind = |outside: &str, inside: &str| HostSpec {
            binds: vec![(outside.into(), inside.into())],
            ..spec()
        };
        assert!(check(&bind("/", "/mnt")).is_ok());
        for bad in [
            bind("/no/such/folder", "/mnt"),
            bind("/", "mnt"),
            bind("/", "/mnt:rootidmap"),
            bind(".", "/mnt"),
            HostSpec {
                index: 241,
                ..spec()
            },
            HostSpec {
                root_key: "one\ntwo".into(),
                ..spec()
            },
            HostSpec {
                root_key: String::new(),
                ..spec()
            },
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_overlay_cannot_hold_an_upper_layer() {
        assert_eq!(unfit(0x794c_7630), Some("overlayfs"));
        // ext4, tmpfs
        assert_eq!(unfit(0xef53), None);
        assert_eq!(unfit(0x0102_1994), None);
    }
}
