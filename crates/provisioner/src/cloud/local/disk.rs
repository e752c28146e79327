//! A host's own disk: an ext4 of a fixed size in a sparse file, under the overlay's upper layer.
//!
//! Where the inventory limits the disk, `launch.sh` mounts the file in the host's own mount
//! namespace. Mount and loop device so end with the host's last process, and what is written
//! stays in the file. Nothing of ours ever follows a path that the host's root could have made:
//! the file system is filled before it exists ([`make`]) and read without being mounted ([`read`]).

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::error::LocalError;
use super::folder::{self, TryLock};
use super::{mounts, tools};
use crate::inventory::Size;

/// The file, in the host's folder. `launch.sh` knows both names.
const IMAGE: &str = "disk.img";
/// Where it is mounted.
const MOUNT: &str = "disk";

/// MiB of the file system's journal. It is written over and over, so all of it is soon taken from
/// the machine; by itself mke2fs takes 64 MiB of 8 GiB, and a host writes little at once.
const JOURNAL: &str = "size=16";

/// How long the kernel may take to let go of a host's file system: it writes what is unwritten.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a host has a disk of its own.
pub(super) fn is_in(host: &Path) -> bool {
    host.join(IMAGE).exists()
}

/// Makes the disk in the folder of a host that is being made. `fill` writes what is on it from the
/// beginning into the folder it is given.
pub(super) fn make(
    host: &Path,
    bytes: u64,
    fill: impl FnOnce(&Path) -> Result<(), LocalError>,
) -> Result<(), LocalError> {
    let making = || LocalError::io("make the host's disk");
    let (image, mount) = (host.join(IMAGE), host.join(MOUNT));
    fs_err::create_dir(&mount).map_err(making())?;
    fill(&mount)?;
    let file = fs_err::File::create(&image).map_err(making())?;
    file.set_len(bytes).map_err(making())?;
    let mut mkfs = tools::command("mkfs.ext4");
    // What is given is the host's, with nothing kept back for root.
    mkfs.args(["-q", "-F", "-m", "0", "-J", JOURNAL, "-d"])
        .arg(&mount)
        .arg(&image);
    tools::run(mkfs)?;
    // The name of the whole folder will say that it is complete.
    file.sync_all().map_err(making())?;
    // The host's key was in it: it is on the disk now, and nowhere else.
    folder::remove(&mount)?;
    fs_err::create_dir(&mount).map_err(making())
}

/// What has to happen to a host's disk: the size it grows to, or nothing.
pub(super) fn change(
    name: &str,
    is: Option<u64>,
    wanted: Option<u64>,
) -> Result<Option<u64>, LocalError> {
    let name = || name.to_owned();
    match (is, wanted) {
        (None, None) => Ok(None),
        (Some(is), Some(wanted)) if wanted < is => Err(LocalError::DiskShrinks {
            name: name(),
            is: Size::from_bytes(is),
            wanted: Size::from_bytes(wanted),
        }),
        (Some(is), Some(wanted)) => Ok((wanted > is).then_some(wanted)),
        (None, Some(wanted)) => Err(LocalError::NoDiskYet {
            name: name(),
            wanted: Size::from_bytes(wanted),
        }),
        (Some(is), None) => Err(LocalError::DiskStays {
            name: name(),
            is: Size::from_bytes(is),
        }),
    }
}

/// Makes the disk larger. Running it again completes what was cut off.
pub(super) fn grow(
    host: &Path,
    name: &str,
    bytes: u64,
    stop_rests: impl FnOnce() -> Result<(), LocalError>,
) -> Result<(), LocalError> {
    // Held, so that no loop starts the host in the middle.
    let off = folder::try_lock(host, TryLock::Exclusive)?;
    let image = host.join(IMAGE);
    let file = fs_err::OpenOptions::new().write(true).open(&image);
    let file = file.map_err(LocalError::io("open the host's disk"))?;
    if file
        .metadata()
        .map_err(LocalError::io("look at the host's disk"))?
        .len()
        < bytes
    {
        file.set_len(bytes)
            .map_err(LocalError::io("make the host's disk larger"))?;
    }
    if off.is_some() {
        stop_rests()?;
        wait_until_free(host, name)?;
        let mut resize = tools::command("sh");
        // e2fsck's 1 is "mended", and without a look resize2fs does nothing.
        resize.args([
            "-euc",
            "e2fsck -f -p \"$0\" >&2 || [ $? -eq 1 ]; resize2fs \"$0\" >&2",
        ]);
        resize.arg(&image);
        return tools::run(resize).map(drop);
    }
    // It is mounted in the host's namespace. Mounted here too it is the same file system on the
    // same device, which then has a name for resize2fs.
    let mut resize = in_a_namespace(
        "mount -t ext4 -o loop \"$0\" \"$1\"\n\
         device=$(losetup --noheadings --output NAME --associated \"$0\")\n\
         losetup --set-capacity \"$device\"\n\
         resize2fs \"$device\" >&2",
    );
    resize.arg(&image).arg(host.join(MOUNT));
    tools::run(resize)
        .map(drop)
        .map_err(|error| LocalError::DiskBusy {
            name: name.to_owned(),
            source: Box::new(error),
        })
}

/// Tries whether hosts of this machine can have disks of their own, by what it takes and nothing
/// that stays.
pub(super) fn trial() -> Result<(), LocalError> {
    let trying = || LocalError::io("try a disk");
    let folder = tempfile::tempdir().map_err(trying())?;
    // As much as the journal asks for, none of it on the machine.
    make(folder.path(), 64 << 20, |_| Ok(()))?;
    let mut mount = in_a_namespace("mount -t ext4 -o loop \"$0\" \"$1\"");
    mount
        .arg(folder.path().join(IMAGE))
        .arg(folder.path().join(MOUNT));
    tools::run(mount).map(drop)
}

/// A command whose mounts nobody else sees and which end with it.
fn in_a_namespace(script: &str) -> std::process::Command {
    let mut command = tools::command("unshare");
    command.args(["--mount", "--propagation", "slave", "sh", "-euc", script]);
    command
}

/// Reads a file on the disk of a host that may be off, at most `most` bytes: by debugfs, for which
/// a link leads nowhere but to other files of that disk. `path` is ours and begins at the host's root.
pub(super) fn read(host: &Path, path: &str, most: usize) -> Option<Vec<u8>> {
    let mut debugfs = tools::command("debugfs")
        // Without looking at the bitmaps: it is quicker and only reads.
        .args(["-c", "-R", &format!("cat /upper/{path}")])
        .arg(host.join(IMAGE))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut bytes = Vec::new();
    let read = debugfs
        .stdout
        .take()?
        .take(most as u64)
        .read_to_end(&mut bytes);
    // A larger file is cut off here.
    let _ = debugfs.kill();
    let _ = debugfs.wait();
    read.is_ok().then_some(bytes)
}

/// The loop devices whose file lies in the folder, and those files.
pub(super) fn devices_below(folder: &Path) -> Result<Vec<(String, PathBuf)>, LocalError> {
    let mut found = Vec::new();
    for name in folder::names(Path::new("/sys/block"))? {
        let file = Path::new("/sys/block")
            .join(&name)
            .join("loop/backing_file");
        // One that is no loop device, or a free one, has no such file.
        let Ok(text) = std::fs::read_to_string(file) else {
            continue;
        };
        let text = text.trim_end_matches('\n');
        let path = PathBuf::from(text.strip_suffix(" (deleted)").unwrap_or(text));
        if path.starts_with(folder) {
            found.push((name, path));
        }
    }
    Ok(found)
}

/// Waits until no loop device holds the host's disk: the kernel takes a namespace down a moment
/// after its last process.
pub(super) fn wait_until_free(host: &Path, name: &str) -> Result<(), LocalError> {
    let start = Instant::now();
    loop {
        let Some((device, _)) = devices_below(host)?.pop() else {
            return Ok(());
        };
        // A mount in our own namespace does not go away by itself.
        if let Some(mount) = mounts::of_device(&device)? {
            return Err(LocalError::Mounted {
                path: host.to_owned(),
                mount,
            });
        }
        if start.elapsed() > PATIENCE {
            return Err(LocalError::DeviceHeld {
                name: name.to_owned(),
                device,
            });
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use miette::Diagnostic as _;

    use super::*;

    #[test]
    fn a_disk_grows_and_does_nothing_else() {
        const GIB: u64 = 1 << 30;
        let change = |is, wanted| change("able", is, wanted);
        assert_eq!(change(None, None).unwrap(), None);
        assert_eq!(change(Some(GIB), Some(GIB)).unwrap(), None);
        assert_eq!(change(Some(GIB), Some(2 * GIB)).unwrap(), Some(2 * GIB));
        let refused: Vec<_> = [
            (Some(2 * GIB), Some(GIB)),
            (None, Some(GIB)),
            (Some(GIB), None),
        ]
        .into_iter()
        .map(|(is, wanted)| {
            let error = change(is, wanted).unwrap_err();
            format!("{error}\n  {}", error.help().unwrap())
        })
        .collect();
        insta::assert_snapshot!(refused.join("\n"), @r"
        the disk of the host `able` has 2GiB and cannot shrink to 1GiB
          write `disk: 2GiB` or more, or take a fresh host of the new size: `workshop rebuild able`
        the host `able` was made without a disk of its own, and the inventory now says 1GiB (`hosts.limits.disk`)
          take a fresh host that has one: `workshop rebuild able`; or remove that line
        the host `able` has a disk of its own of 1GiB, and the inventory no longer says so
          write `disk: 1GiB` under `hosts.limits` again, or take a fresh host without: `workshop rebuild able`
        ");
    }
}
