//! The machine's mounts, as /proc/self/mountinfo lists them (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::error::LocalError;

/// One mount in our own mount namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// What is mounted: of a file system on a device, the device.
    pub(super) what: PathBuf,
    /// Where it is mounted.
    pub(super) point: PathBuf,
    /// The file system's type.
    pub(super) filesystem: String,
    /// The options of the file system, not of this mount: for version 1 cgroups its controllers.
    pub(super) options: String,
}

/// All mounts.
pub(super) fn all() -> Result<Vec<Mount>, LocalError> {
    fs_err::read_to_string("/proc/self/mountinfo")
        .map(|text| parse(&text))
        .map_err(LocalError::io("list the mounts"))
}

/// The mounts at `folder` and below it.
pub(super) fn below(folder: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let points = all()?.into_iter().map(|mount| mount.point);
    Ok(points.filter(|point| point.starts_with(folder)).collect())
}

/// Where the device of this name is mounted.
pub(super) fn of_device(name: &str) -> Result<Option<PathBuf>, LocalError> {
    let device = Path::new("/dev").join(name);
    let mount = all()?.into_iter().find(|mount| mount.what == device);
    Ok(mount.map(|mount| mount.point))
}

fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    // Optional fields come between the two halves, as many as the kernel likes.
    let (mount, filesystem) = line.split_once(" - ")?;
    let point = mount.split(' ').nth(4)?;
    let mut filesystem = filesystem.splitn(3, ' ');
    Some(Mount {
        point: PathBuf::from(OsString::from_vec(unescape(point))),
        filesystem: filesystem.next()?.to_owned(),
        what: PathBuf::from(OsString::from_vec(unescape(filesystem.next()?))),
        options: filesystem.next()?.to_owned(),
    })
}

/// The kernel writes blanks, tabs, line ends and backslashes as `\` and three octal digits.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let octal = text
            .get(at + 1..at + 4)
            .filter(|_| byte == b'\\')
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(octal.unwrap_or(byte));
        at += if octal.is_some() { 4 } else { 1 };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_with_any_number_of_optional_ones() {
        let text = "\
36 35 98:0 /mnt1 /var/lib/a\\040b\\134 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue
31 23 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
nonsense
";
        let mounts = parse(text);
        assert_eq!(
            mounts,
            [
                Mount {
                    what: "/dev/root".into(),
                    point: "/var/lib/a b\\".into(),
                    filesystem: "ext3".into(),
                    options: "rw,errors=continue".into(),
                },
                Mount {
                    what: "cgroup".into(),
                    point: "/sys/fs/cgroup/memory".into(),
                    filesystem: "cgroup".into(),
                    options: "rw,memory".into(),
                },
            ]
        );
    }

    #[test]
    fn the_root_is_mounted_here_too() {
        assert!(
            all()
                .unwrap()
                .iter()
                .any(|mount| mount.point == Path::new("/"))
        );
    }
}
