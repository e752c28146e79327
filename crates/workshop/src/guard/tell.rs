//! Tells people: on every terminal, in the journal, and in a note that outlives the power.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use provisioner::guard::{BEFORE, FOLDER, Note, POWER_OFF};
use rustix::fs::OFlags;

use super::census::Culprit;
use super::escalation::{Capacity, Finding, Resource};

/// Writes on every terminal that somebody has open, and on the console. One that takes nothing, gets nothing.
pub(super) fn everybody(lines: &[String]) {
    // Whatever draws there has put the terminal into a mode of its own: lines end with a return, too.
    let text = format!("\r\n\x07{}\r\n", lines.join("\r\n"));
    let terminals = std::fs::read_dir("/dev/pts").into_iter().flatten();
    let terminals = terminals.flatten().map(|entry| entry.path());
    let is_terminal = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.bytes().all(|c| c.is_ascii_digit()))
    };
    for path in terminals.filter(is_terminal).chain(["/dev/console".into()]) {
        let file = OpenOptions::new()
            .write(true)
            // Not to become our terminal, and not to wait for one that nobody reads.
            .custom_flags((OFlags::NOCTTY | OFlags::NONBLOCK).bits().cast_signed())
            .open(path);
        if let Ok(mut file) = file {
            let _ = file.write_all(text.as_bytes());
        }
    }
}

/// The finding in words, with its numbers.
pub(super) fn finding(finding: &Finding, capacity: Capacity) -> String {
    let over = |text: &mut String| {
        if let Some(window) = finding.window {
            text.push_str(&format!(" over the last {}", long(window)));
        }
    };
    let share = |whole: f64| (finding.seen / whole * 100.0, finding.limit / whole * 100.0);
    let mut text;
    match finding.resource {
        Resource::Cpu => {
            let (seen, limit) = share(capacity.cpus);
            text = format!("processors {seen:.0} % busy");
            over(&mut text);
            text.push_str(&format!(" (limit {limit:.0} %)"));
        }
        Resource::Memory => {
            let (seen, limit) = share(capacity.memory as f64);
            text = format!("processes hold {seen:.0} % of the memory");
            over(&mut text);
            text.push_str(&format!(" (limit {limit:.0} %)"));
        }
        Resource::Disk => {
            text = format!(
                "files take {} (limit {})",
                size(finding.seen),
                size(finding.limit)
            );
        }
        Resource::Egress => {
            text = format!("sent {} a second", size(finding.seen));
            over(&mut text);
            text.push_str(&format!(" (limit {} a second)", size(finding.limit)));
        }
    }
    text
}

/// Who it is, for people.
pub(super) fn culprit(culprit: &Culprit) -> String {
    let name: String = (culprit.name.chars()).filter(|c| !c.is_control()).collect();
    let pid = culprit.pids.first().copied().unwrap_or(culprit.group);
    match culprit.pids.len() {
        1 => format!("`{name}` (process {pid})"),
        n => format!("`{name}` (process {pid}, with {} more of its group)", n - 1),
    }
}

/// A length of time as people write it.
pub(super) fn long(duration: Duration) -> String {
    let duration = Duration::from_secs_f64(duration.as_secs_f64().round());
    SignedDuration::try_from(duration).map_or_else(|_| String::new(), |it| format!("{it:#}"))
}

fn size(bytes: f64) -> String {
    const UNITS: [(&str, f64); 3] = [
        ("GiB", 1_073_741_824.0),
        ("MiB", 1_048_576.0),
        ("KiB", 1024.0),
    ];
    let unit = UNITS.iter().find(|(_, factor)| bytes >= *factor);
    match unit {
        Some((unit, factor)) => format!("{:.1} {unit}", bytes / factor),
        None => format!("{bytes:.0} B"),
    }
}

/// The folder of the guard.
#[derive(Debug)]
pub(super) struct Notes {
    folder: PathBuf,
    boot: String,
}

/// The file that is given up when the disk is too full for a note.
const RESERVE: &str = "reserve";
/// Says which boot the notes are of.
const BOOT: &str = "boot";

impl Notes {
    /// Puts the note of the last power-off, if there is one, where it is about the past, and returns it.
    pub(super) fn open() -> io::Result<(Self, Option<Note>)> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        Self::open_in(&Path::new("/").join(FOLDER), boot.trim())
    }

    fn open_in(folder: &Path, boot: &str) -> io::Result<(Self, Option<Note>)> {
        std::fs::create_dir_all(folder)?;
        let notes = Self {
            folder: folder.to_owned(),
            boot: boot.to_owned(),
        };
        let known = std::fs::read_to_string(folder.join(BOOT)).unwrap_or_default();
        if known.trim() != notes.boot {
            let before = folder.join(BEFORE);
            let gone = |result: io::Result<()>| match result {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result,
            };
            gone(std::fs::remove_file(&before))?;
            gone(std::fs::rename(folder.join(POWER_OFF), &before))?;
            // Last: a guard that was killed before this does it again. On a full disk it is not said, and
            // the note of this boot would go with the next start: better than none.
            let _ = notes.put(BOOT, notes.boot.as_bytes());
        }
        let _ = notes.put(RESERVE, &[b'.'; provisioner::guard::MAX_NOTE]);
        let before = std::fs::read(folder.join(BEFORE)).ok();
        let note = before.and_then(|bytes| Note::read(&bytes));
        Ok((notes, note))
    }

    /// Writes down why the host is about to be powered off; on the disk when this returns.
    pub(super) fn power_off(&self, reason: &str) -> io::Result<()> {
        let note = Note {
            schema: 1,
            at: jiff::Timestamp::now(),
            reason: reason.to_owned(),
        };
        let text = serde_json::to_vec(&note)?;
        self.put(POWER_OFF, &text).or_else(|_| {
            std::fs::remove_file(self.folder.join(RESERVE))?;
            self.put(POWER_OFF, &text)
        })
    }

    /// A whole file, or the one that was there.
    fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(content)?;
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(name))?;
        Ok(())
    }
}

/// Tells whoever logs in why the host was off.
pub(super) fn motd(note: Option<&Note>) {
    const PATH: &str = "/run/motd.d/workshop-guard";
    let Some(note) = note else {
        let _ = std::fs::remove_file(PATH);
        return;
    };
    let at = note
        .at
        .to_zoned_datetime(jiff::tz::TimeZone::system())
        .strftime("%-d %B, %H:%M")
        .to_string();
    let text = format!(
        "  This server's guard powered it off ({at}): {}\n  If that goes on, it will again.\n\n",
        note.reason
    );
    if std::fs::write(PATH, text).is_ok() {
        let _ = std::fs::set_permissions(PATH, std::fs::Permissions::from_mode(0o644));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_of_the_boot_before_and_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let open = |boot: &str| Notes::open_in(folder.path(), boot).unwrap();
        let (notes, before) = open("1");
        assert_eq!(before, None);
        notes.power_off("cpu").unwrap();
        // Asked to power off, and started anew before it was done.
        assert_eq!(open("1").1, None);
        assert!(folder.path().join(POWER_OFF).exists());

        let told = |boot: &str| open(boot).1.map(|note| note.reason);
        assert_eq!(told("2").as_deref(), Some("cpu"));
        // The guard of that boot is started again.
        assert_eq!(told("2").as_deref(), Some("cpu"));
        assert!(!folder.path().join(POWER_OFF).exists());
        // Turned off by somebody, and on again.
        assert_eq!(told("3"), None);
    }

    #[test]
    fn findings_have_numbers_and_units() {
        let capacity = Capacity {
            cpus: 2.0,
            memory: 4 << 30,
        };
        let text = |resource, seen: f64, limit: f64, window| {
            let window = (window > 0).then(|| Duration::from_secs(window));
            finding(
                &Finding {
                    resource,
                    seen,
                    limit,
                    window,
                },
                capacity,
            )
        };
        insta::assert_snapshot!([
            text(Resource::Cpu, 1.94, 1.8, 7200),
            text(Resource::Memory, 4.1e9, 4.08e9, 1800),
            text(Resource::Disk, 13e9, 12e9, 0),
            text(Resource::Egress, 5.5e6, 3e6, 3600),
        ].join("\n"), @"
        processors 97 % busy over the last 2h (limit 90 %)
        processes hold 95 % of the memory over the last 30m (limit 95 %)
        files take 12.1 GiB (limit 11.2 GiB)
        sent 5.2 MiB a second over the last 1h (limit 2.9 MiB a second)
        ");
    }
}
