//! Reads the archives that a host sent. The host is hostile: nothing here touches the disk, and what is taken is
//! plain files with plain names at places that we know.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::{LeftOut, MOST_FILES, line};

/// What is taken from a host.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    /// Where each file belongs in the host's folder, and what it has.
    pub(super) files: Vec<(PathBuf, Vec<u8>)>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Files are taken in these folders.
const FOLDERS: &[&str] = &["workshop", "home"];

/// And these alone.
const FILES: &[&str] = &["bitcoin.patch", "progress.json"];

/// What the script could not take, line by line.
const NOTES: &str = "left-out.txt";

/// Folders in folders.
const DEEPEST: usize = 16;

/// More notes say no more.
const MOST_NOTES: usize = 200;

/// Reads `archives`; `cut` when the host sent more than that.
pub(super) fn unpack(archives: &[u8], cut: bool) -> Unpacked {
    let mut unpacked = Unpacked::default();
    let mut seen = BTreeSet::new();
    if let Err(why) = read(archives, &mut unpacked, &mut seen) {
        unpacked.note("the rest", &why.to_string());
    }
    if cut {
        unpacked.note("the rest", "the host sent more than is taken from one");
    }
    unpacked
}

fn read(
    archives: &[u8],
    unpacked: &mut Unpacked,
    seen: &mut BTreeSet<PathBuf>,
) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(archives);
    // Two archives stand one after the other.
    archive.set_ignore_zeros(true);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            continue;
        }
        if !kind.is_file() {
            unpacked.note(&line(&name), "no plain file, not followed");
            continue;
        }
        if entry.size() > archives.len() as u64 {
            // A sparse file may say that it is huge.
            unpacked.note(&line(&name), "larger than what was sent");
            continue;
        }
        let is_notes = name == NOTES.as_bytes() || name == format!("./{NOTES}").as_bytes();
        let path = if is_notes {
            Some(PathBuf::from(NOTES))
        } else {
            place(&name)
        };
        let Some(path) = path else {
            unpacked.note(&line(&name), "its name is not one that is taken");
            continue;
        };
        if !seen.insert(path.clone()) {
            unpacked.note(&line(&name), "came twice: the first was taken");
            continue;
        }
        if unpacked.files.len() >= 2 * MOST_FILES + FILES.len() {
            unpacked.note("the rest", "more files than are taken from a host");
            break;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        if is_notes {
            unpacked.notes(&content);
        } else {
            unpacked.files.push((path, content));
        }
    }
    Ok(())
}

/// Where a file of that name belongs: no `..`, no root, nothing that cannot be shown, and only where we look.
fn place(name: &[u8]) -> Option<PathBuf> {
    let name = std::str::from_utf8(name).ok()?;
    if crate::host::printable(name.as_bytes()) != name || name.contains(['\n', '\t']) {
        return None;
    }
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) if part.len() <= 255 => path.push(part),
            _ => return None,
        }
    }
    let top = path.components().next().map(Component::as_os_str)?;
    let is = |names: &[&str]| names.iter().any(|name| top == OsStr::new(name));
    let depth = path.components().count();
    let taken = if depth == 1 {
        is(FILES)
    } else {
        is(FOLDERS) && depth <= DEEPEST
    };
    taken.then_some(path)
}

impl Unpacked {
    fn note(&mut self, path: &str, why: &str) {
        if self.left_out.len() < MOST_NOTES {
            self.left_out.push(LeftOut {
                path: path.to_owned(),
                why: why.to_owned(),
            });
        }
    }

    fn notes(&mut self, text: &[u8]) {
        for note in text
            .split(|&byte| byte == b'\n')
            .filter(|note| !note.is_empty())
        {
            let mut parts = note.splitn(2, |&byte| byte == b'\t');
            let path = line(parts.next().unwrap_or_default());
            let why = line(parts.next().unwrap_or_default());
            self.note(&path, &why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive with entries of any kind and name, as no honest tar writes it.
    struct Archive(tar::Builder<Vec<u8>>);

    impl Archive {
        fn new() -> Self {
            Self(tar::Builder::new(vec![]))
        }

        fn add(mut self, name: &str, kind: tar::EntryType, content: &[u8]) -> Self {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            // Past the library's own checks of names.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            if !matches!(kind, tar::EntryType::Regular) {
                header.as_mut_bytes()[157..157 + 11].copy_from_slice(b"/etc/shadow");
            }
            header.set_cksum();
            self.0.append(&header, content).unwrap();
            self
        }

        fn file(self, name: &str, content: &str) -> Self {
            self.add(name, tar::EntryType::Regular, content.as_bytes())
        }

        fn bytes(self) -> Vec<u8> {
            self.0.into_inner().unwrap()
        }
    }

    fn names(unpacked: &Unpacked) -> Vec<&str> {
        let files = unpacked.files.iter();
        files.map(|(path, _)| path.to_str().unwrap()).collect()
    }

    #[test]
    fn work_is_taken_from_both_archives() {
        let mut bytes = Archive::new()
            .file("./progress.json", "{}")
            .file("./left-out.txt", "workshop/big\tlarger than 1024 KiB\n")
            .file("./bitcoin.patch", "--- a\n")
            .bytes();
        bytes.extend(
            Archive::new()
                .file("workshop/task3.bt", "BEGIN {}")
                .file("home/my script.bt", "")
                .bytes(),
        );
        let unpacked = unpack(&bytes, false);
        assert_eq!(
            names(&unpacked),
            [
                "progress.json",
                "bitcoin.patch",
                "workshop/task3.bt",
                "home/my script.bt"
            ]
        );
        let big = LeftOut {
            path: "workshop/big".into(),
            why: "larger than 1024 KiB".into(),
        };
        assert_eq!(unpacked.left_out, [big]);
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let mut archive = Archive::new();
        for name in [
            "/etc/passwd",
            "../x",
            "workshop/../../x",
            "workshop/..",
            "workshop",
            "home/\u{1b}[2J",
            "home/a\nb",
            "home/\u{202e}txt",
            "collected.json",
            "left-out.txt/x",
            "elsewhere/x",
            &format!("workshop/{}x", "d/".repeat(20)),
        ] {
            archive = archive.file(name, "x");
        }
        for kind in [
            tar::EntryType::Symlink,
            tar::EntryType::Link,
            tar::EntryType::Char,
            tar::EntryType::Block,
            tar::EntryType::Fifo,
        ] {
            archive = archive.add("workshop/link", kind, b"");
        }
        let unpacked = unpack(&archive.file("workshop/good", "x").bytes(), false);
        assert_eq!(names(&unpacked), ["workshop/good"]);
        assert_eq!(unpacked.left_out.len(), 12 + 5);
    }

    #[test]
    fn what_comes_twice_counts_once() {
        let bytes = Archive::new()
            .file("workshop/a", "first")
            .file("workshop/./a", "second")
            .bytes();
        let unpacked = unpack(&bytes, false);
        assert_eq!(
            unpacked.files,
            [(PathBuf::from("workshop/a"), b"first".to_vec())]
        );
        assert_eq!(unpacked.left_out.len(), 1);
    }

    #[test]
    fn of_an_archive_that_was_cut_the_whole_files_are_taken() {
        let bytes = Archive::new()
            .file("workshop/a", "whole")
            .file("workshop/b", &"x".repeat(5000))
            .bytes();
        let unpacked = unpack(&bytes[..3000], true);
        assert_eq!(names(&unpacked), ["workshop/a"]);
        assert!(!unpacked.left_out.is_empty());
        for garbage in [&b""[..], b"not an archive", &[0xff; 2000]] {
            assert!(unpack(garbage, false).files.is_empty());
        }
    }

    #[test]
    fn a_header_that_promises_gigabytes_costs_nothing() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_path("workshop/a").unwrap();
        header.set_size(1 << 40);
        header.set_cksum();
        let unpacked = unpack(header.as_bytes(), false);
        assert!(unpacked.files.is_empty());
        assert!(!unpacked.left_out.is_empty());
    }
}
