//! The folders of workshops and hosts, which say what exists when nothing runs.
//!
//! A host's folder appears under its name when it is complete, and loses that name before anything
//! in it is removed. So a run killed at any moment leaves a whole host or a nameless rest
//! (`.<host>.new`, `.<host>.gone`), never a host that lacks half of its files.

use std::fs::{File, Permissions};
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, ResolveFlags, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::LocalError;
use super::{disk, mounts, rootfs, tools};
use crate::cloud::{HostSpec, WorkshopId};
use crate::guard::{self, Note};

/// Where state of the system belongs that must outlive a restart (hier(7)).
const ALL: &str = "/var/lib/workshop/local";

/// The folder of all workshops on this machine.
pub(super) fn all_workshops() -> PathBuf {
    PathBuf::from(ALL)
}

/// The folder of one workshop.
pub(super) fn workshop(id: &WorkshopId) -> PathBuf {
    Path::new(ALL).join(id.as_str())
}

/// The workshops that have a folder.
pub(super) fn workshops() -> Result<Vec<WorkshopId>, LocalError> {
    let names = names(Path::new(ALL))?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// A host's folder.
#[derive(Clone, Debug)]
pub(super) struct HostFolder {
    workshop: PathBuf,
    name: String,
}

/// `host.json`: what a host was made to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostRecord {
    schema: u32,
    /// The place in the subnet.
    pub(super) index: u16,
    /// The address that is written in the host.
    pub(super) address: Ipv4Addr,
    /// Which keys are written in the host, without being a copy of them.
    host_key_sha256: String,
    root_key_sha256: String,
    /// Bytes of its own disk, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) disk: Option<u64>,
}

impl HostRecord {
    pub(super) fn new(spec: &HostSpec, address: Ipv4Addr) -> Self {
        let digest = |text: &str| hex(&Sha256::digest(text.trim_end()));
        Self {
            schema: 1,
            index: spec.index,
            address,
            host_key_sha256: digest(&spec.host_key),
            root_key_sha256: digest(&spec.root_key),
            disk: spec.limits.disk_bytes,
        }
    }

    /// What of a host that exists is not as it should be. It cannot be changed from outside: after
    /// the first boot the files in it belong to whoever is root there.
    pub(super) fn difference(&self, wanted: &Self) -> Option<&'static str> {
        if self.index != wanted.index || self.address != wanted.address {
            Some("address")
        } else if self.host_key_sha256 != wanted.host_key_sha256 {
            Some("host key")
        } else if self.root_key_sha256 != wanted.root_key_sha256 {
            Some("key for root")
        } else {
            None
        }
    }
}

impl HostFolder {
    pub(super) fn new(workshop: &WorkshopId, name: &str) -> Self {
        Self {
            workshop: self::workshop(workshop),
            name: name.to_owned(),
        }
    }

    /// Every host of the workshop that has a whole folder.
    pub(super) fn list(workshop: &WorkshopId) -> Result<Vec<Self>, LocalError> {
        let parent = self::workshop(workshop);
        let mut hosts = Vec::new();
        for name in names(&parent)? {
            if !name.starts_with('.') && parent.join(&name).is_dir() {
                hosts.push(Self::new(workshop, &name));
            }
        }
        Ok(hosts)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> PathBuf {
        self.workshop.join(&self.name)
    }

    fn unfinished(&self) -> PathBuf {
        self.workshop.join(format!(".{}.new", self.name))
    }

    fn condemned(&self) -> PathBuf {
        self.workshop.join(format!(".{}.gone", self.name))
    }

    /// Makes the host's disk as large as `wanted` says, if it can be.
    pub(super) fn resize(
        &self,
        record: HostRecord,
        wanted: Option<u64>,
        stop_rests: impl FnOnce() -> Result<(), LocalError>,
    ) -> Result<(), LocalError> {
        if let Some(bytes) = disk::change(&self.name, record.disk, wanted)? {
            disk::grow(&self.path(), &self.name, bytes, stop_rests)?;
            // Last: it says that there is nothing left to do.
            let disk = Some(bytes);
            let record = HostRecord { disk, ..record };
            write_json(&self.path().join("host.json"), &record)?;
        }
        Ok(())
    }

    /// The record, when there is a host.
    pub(super) fn record(&self) -> Result<Option<HostRecord>, LocalError> {
        read_json(&self.path().join("host.json"))
    }

    /// What the host's guard wrote before it powered the host off. Root there is hostile: no link is
    /// followed, nothing but a file is opened, and not much of it is read.
    pub(super) fn note(&self) -> Option<Note> {
        if disk::is_in(&self.path()) {
            let path = format!("{}/{}", guard::FOLDER, guard::POWER_OFF);
            return Note::read(&disk::read(&self.path(), &path, guard::MAX_NOTE + 1)?);
        }
        let upper = self.path().join("upper");
        let upper = rustix::fs::open(&upper, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let file = rustix::fs::openat2(
            &upper,
            Path::new(guard::FOLDER).join(guard::POWER_OFF),
            // A pipe must not keep us waiting for its other end.
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV,
        )
        .ok()?;
        let file = File::from(file);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(guard::MAX_NOTE as u64 + 1)
            .read_to_end(&mut bytes)
            .ok()?;
        Note::read(&bytes)
    }

    /// Makes the folder of a new host over the image at `lower`.
    pub(super) fn make(
        &self,
        spec: &HostSpec,
        record: &HostRecord,
        lower: &Path,
    ) -> Result<(), LocalError> {
        let new = self.unfinished();
        remove(&new)?;
        let io = || LocalError::io("make the host's folder");
        make_private(&new)?;
        for folder in ["root", "binds", "sources"] {
            fs_err::create_dir(new.join(folder)).map_err(io())?;
        }
        let entries =
            rootfs::host_entries(&spec.name, record.address, &spec.host_key, &spec.root_key);
        // The overlay wants both on one file system.
        let layer = |folder: &Path| {
            fs_err::create_dir(folder.join("work")).map_err(io())?;
            rootfs::write(&folder.join("upper"), &entries).map_err(io())
        };
        match record.disk {
            Some(bytes) => disk::make(&new, bytes, layer)?,
            None => layer(&new)?,
        }
        // The link spares the mount's options a path, in which `,` and `:` would mean something.
        fs_err::os::unix::fs::symlink(lower, new.join("lower")).map_err(io())?;
        write_json(&new.join("host.json"), record)?;
        fs_err::rename(&new, self.path()).map_err(io())
    }

    /// Removes the host's folder and whatever earlier runs left of it.
    pub(super) fn remove(&self) -> Result<(), LocalError> {
        let condemned = self.condemned();
        remove(&self.unfinished())?;
        remove(&condemned)?;
        disk::wait_until_free(&self.path(), &self.name)?;
        match fs_err::rename(self.path(), &condemned) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(LocalError::io("remove the host's folder")(error)),
            Ok(()) => remove(&condemned),
        }
    }

    /// The host that a rest of a folder once belonged to.
    pub(super) fn host_of(file_name: &str) -> Option<&str> {
        let name = file_name.strip_prefix('.')?;
        name.strip_suffix(".new").or(name.strip_suffix(".gone"))
    }
}

/// The names in a folder; none when there is no such folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, LocalError> {
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(LocalError::io("list a folder"))?,
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// Makes a folder that only its owner may look into: there are private keys in it.
pub(super) fn make_private(folder: &Path) -> Result<(), LocalError> {
    fs_err::create_dir_all(folder)
        .and_then(|()| fs_err::set_permissions(folder, Permissions::from_mode(0o700)))
        .map_err(LocalError::io("make a folder"))
}

/// Removes a folder with all that is in it, unless something is mounted in it: what is mounted
/// there is not ours to empty (the builder's cache).
///
/// What is in it may come from a hostile root. `rm` goes down without following links, however
/// deep it is, and stays on its file system. (That a file is immutable, overlayfs keeps in an
/// attribute of its own, so in the upper layer it is not.)
pub(super) fn remove(folder: &Path) -> Result<(), LocalError> {
    // Without the last step: a link in the place of the folder is removed, not what it points to.
    if fs_err::symlink_metadata(folder).is_err() {
        return Ok(());
    }
    if let Some(mount) = mounts::below(folder)?.pop() {
        return Err(LocalError::Mounted {
            path: folder.to_owned(),
            mount,
        });
    }
    let mut rm = tools::command("rm");
    rm.args(["--recursive", "--force", "--one-file-system", "--"])
        .arg(folder);
    tools::run(rm).map(drop)
}

/// Waits for the lock of a folder, which is made if need be. The lock ends with the value, or with
/// the process.
pub(super) fn lock(folder: &Path) -> Result<File, LocalError> {
    let locking = "lock a folder";
    fs_err::create_dir_all(folder).map_err(LocalError::io(locking))?;
    let file = open(folder)?;
    flock(&file, FlockOperation::LockExclusive)
        .map_err(|errno| LocalError::io(locking)(errno.into()))?;
    Ok(file)
}

/// Like [`lock`], but gives `None` when somebody else has it.
pub(super) fn try_lock(folder: &Path, operation: TryLock) -> Result<Option<File>, LocalError> {
    let file = open(folder)?;
    let operation = match operation {
        TryLock::Shared => FlockOperation::NonBlockingLockShared,
        TryLock::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(&file, operation) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(LocalError::io("lock a folder")(errno.into())),
    }
}

/// How to try for a lock.
#[derive(Clone, Copy)]
pub(super) enum TryLock {
    /// Only to see whether somebody holds it.
    Shared,
    /// To hold it.
    Exclusive,
}

fn open(folder: &Path) -> Result<File, LocalError> {
    // Close-on-exec, as all files that Rust opens: no program that we start inherits the lock.
    let file = fs_err::File::open(folder).map_err(LocalError::io("open a folder"))?;
    Ok(file.into_parts().0)
}

/// Reads a record; `None` when there is none.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, LocalError> {
    let text = match fs_err::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(LocalError::io("read a record"))?,
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| LocalError::Record {
            path: path.to_owned(),
            source,
        })
}

/// Writes a record whole or not at all.
pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), LocalError> {
    let write = || {
        let text = serde_json::to_string_pretty(value)?;
        replace(path, &text)
    };
    write().map_err(LocalError::io("write a record"))
}

/// Puts a file with this content in the place of `path`, readable by its owner only.
pub(super) fn replace(path: &Path, content: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::HostLimits;

    fn spec() -> HostSpec {
        HostSpec {
            name: "able".into(),
            index: 3,
            host_key: "KEY\n".into(),
            root_key: "ssh-ed25519 AAAA".into(),
            limits: HostLimits::default(),
            binds: Vec::new(),
        }
    }

    #[test]
    fn a_record_tells_what_differs_and_holds_no_key() {
        let address = Ipv4Addr::new(10, 231, 1, 13);
        let record = HostRecord::new(&spec(), address);
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("KEY"), "{text}");
        let same: HostRecord = serde_json::from_str(&text).unwrap();
        // A last line end more or less is the same key.
        let wanted = HostRecord::new(
            &HostSpec {
                host_key: "KEY".into(),
                ..spec()
            },
            address,
        );
        assert_eq!(same.difference(&wanted), None);
        let with = |spec| record.difference(&HostRecord::new(&spec, address));
        assert_eq!(with(HostSpec { index: 4, ..spec() }), Some("address"));
        let other = HostSpec {
            host_key: "OTHER".into(),
            ..spec()
        };
        assert_eq!(with(other), Some("host key"));
        let other = HostSpec {
            root_key: "OTHER".into(),
            ..spec()
        };
        assert_eq!(with(other), Some("key for root"));
    }

    #[test]
    fn removing_goes_neither_through_links_nor_into_the_lock() {
        let outside = tempfile::tempdir().unwrap();
        fs_err::write(outside.path().join("precious"), "").unwrap();
        let inside = tempfile::tempdir().unwrap();
        let folder = inside.path().join("host");
        fs_err::create_dir(&folder).unwrap();
        fs_err::os::unix::fs::symlink(outside.path(), folder.join("link")).unwrap();
        remove(&folder).unwrap();
        assert!(!folder.exists());
        assert!(outside.path().join("precious").exists());
        // Nothing there is what was wanted.
        remove(&folder).unwrap();
    }

    #[test]
    fn a_note_is_read_without_following_the_hosts_links() {
        let folder = tempfile::tempdir().unwrap();
        let host = HostFolder {
            workshop: folder.path().to_owned(),
            name: "able".into(),
        };
        let place = host.path().join("upper").join(guard::FOLDER);
        fs_err::create_dir_all(&place).unwrap();
        let text = r#"{"schema":1,"at":"2027-02-20T10:00:00Z","reason":"cpu"}"#;
        let file = place.join(guard::POWER_OFF);
        assert_eq!(host.note(), None);
        fs_err::write(&file, text).unwrap();
        assert_eq!(host.note().unwrap().reason, "cpu");

        // The same content, but outside: by a link in the file's place, and in a folder's.
        let outside = tempfile::tempdir().unwrap();
        fs_err::write(outside.path().join(guard::POWER_OFF), text).unwrap();
        fs_err::remove_file(&file).unwrap();
        fs_err::os::unix::fs::symlink(outside.path().join(guard::POWER_OFF), &file).unwrap();
        assert_eq!(host.note(), None);
        fs_err::remove_dir_all(&place).unwrap();
        fs_err::os::unix::fs::symlink(outside.path(), &place).unwrap();
        assert_eq!(host.note(), None);

        // A pipe that nobody writes to, and a folder.
        fs_err::remove_file(&place).unwrap();
        fs_err::create_dir_all(&place).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &file,
            rustix::fs::FileType::Fifo,
            Mode::RWXU,
            0,
        )
        .unwrap();
        assert_eq!(host.note(), None);
        fs_err::remove_file(&file).unwrap();
        fs_err::create_dir(&file).unwrap();
        assert_eq!(host.note(), None);
    }

    #[test]
    fn a_lock_is_seen_by_others_and_ends_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        assert!(try_lock(folder.path(), TryLock::Shared).unwrap().is_none());
        drop(held);
        let shared = try_lock(folder.path(), TryLock::Shared).unwrap();
        assert!(shared.is_some());
        assert!(
            try_lock(folder.path(), TryLock::Exclusive)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_damaged_record_is_an_error_and_a_missing_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.json");
        assert!(read_json::<HostRecord>(&path).unwrap().is_none());
        fs_err::write(&path, "{").unwrap();
        assert!(matches!(
            read_json::<HostRecord>(&path),
            Err(LocalError::Record { .. })
        ));
    }

    #[test]
    fn rests_of_folders_lead_back_to_their_host() {
        assert_eq!(HostFolder::host_of(".able.new"), Some("able"));
        assert_eq!(HostFolder::host_of(".able.gone"), Some("able"));
        assert_eq!(HostFolder::host_of("able"), None);
    }
}
