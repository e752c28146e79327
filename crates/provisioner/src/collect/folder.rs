//! `collected/`: a folder for each word. A host's folder is replaced as a whole, or stays as it was.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Deserialize, Serialize};

use super::unpack::Unpacked;
use super::{CollectError, LeftOut, Work};
use crate::room::Seat;
use crate::state::Locked;

/// Ours, in each host's folder.
const ABOUT: &str = "collected.json";

/// Folders end so until they are whole. Only who holds the lock makes any.
const UNFINISHED: &str = ".unfinished";

/// What we write about a host's folder.
#[derive(Serialize, Deserialize)]
struct About {
    schema: u32,
    word: String,
    participant: String,
    /// How often a host of this word was taken down before.
    life: u32,
    at: jiff::Timestamp,
    files: Vec<String>,
    left_out: Vec<LeftOut>,
}

/// One host's folder cannot be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(super) enum PutError {
    /// The file system says no.
    #[error("{word}: its work cannot be written to {}", path.display())]
    #[diagnostic(help("Is the disk full? What was collected before is still there."))]
    Io {
        word: String,
        path: PathBuf,
        source: io::Error,
    },
    /// Something that we did not make.
    #[error("{word}: {} is there, and was not made by `workshop collect`", path.display())]
    #[diagnostic(help("Move it away, or collect --into another folder."))]
    Foreign { word: String, path: PathBuf },
}

/// Makes the folder for all, alone, and takes away what a killed run left.
pub(super) fn prepare(into: &Path) -> Result<Locked, CollectError> {
    let failed = |source| CollectError::Folder {
        path: into.to_owned(),
        source,
    };
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true).mode(0o700);
    folder.create(into).map_err(failed)?;
    let lock = Locked::take(&into.join(".lock"), "collect")?;
    for entry in std::fs::read_dir(into).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(UNFINISHED) {
            std::fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(lock)
}

/// Puts one host's work in its place.
pub(super) fn put(
    into: &Path,
    seat: &Seat,
    life: u32,
    unpacked: Unpacked,
) -> Result<Work, PutError> {
    let word = &seat.word;
    let target = into.join(word);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PutError::Io {
            word: word.clone(),
            path,
            source,
        }
    };
    let before = about(&target).map_err(|source| match source {
        None => PutError::Foreign {
            word: word.clone(),
            path: target.clone(),
        },
        Some(source) => failed(&target)(source),
    })?;
    let unfinished = into.join(format!(".{word}{UNFINISHED}"));
    let mut left_out = unpacked.left_out;
    let mut bytes = 0;
    let mut files = vec![];
    make(&unfinished).map_err(failed(&unfinished))?;
    for (path, content) in &unpacked.files {
        match write(&unfinished.join(path), content) {
            Ok(()) => {
                files.push(path.display().to_string());
                bytes += content.len() as u64;
            }
            // A host may call one thing a file and a folder.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotADirectory
                        | io::ErrorKind::AlreadyExists
                        | io::ErrorKind::IsADirectory
                        | io::ErrorKind::InvalidFilename
                ) =>
            {
                left_out.push(LeftOut {
                    path: path.display().to_string(),
                    why: error.kind().to_string(),
                });
            }
            Err(error) => return Err(failed(&unfinished.join(path))(error)),
        }
    }
    let count = files.len();
    let about = About {
        schema: 1,
        word: word.clone(),
        participant: seat.identity.clone(),
        life,
        at: jiff::Timestamp::now(),
        files,
        left_out: left_out.clone(),
    };
    let text = serde_json::to_vec_pretty(&about)
        .map_err(|error| failed(&unfinished)(io::Error::from(error)))?;
    write(&unfinished.join(ABOUT), &text).map_err(failed(&unfinished))?;

    // Of another host that had this word before, nothing is written over.
    let mut earlier = None;
    if before.as_ref().is_some_and(|before| before.life != life) {
        let aside = free(into, word);
        std::fs::rename(&target, &aside).map_err(failed(&aside))?;
        earlier = Some(aside);
    }
    replace(&unfinished, &target).map_err(failed(&target))?;
    Ok(Work {
        folder: target,
        files: count,
        bytes,
        left_out,
        earlier,
    })
}

/// What a folder says of itself; none where there is nothing. Without an error: it is not ours.
fn about(target: &Path) -> Result<Option<About>, Option<io::Error>> {
    match std::fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Some(error)),
        // A link of somebody's leads elsewhere.
        Ok(found) if !found.is_dir() => return Err(None),
        Ok(_) => {}
    }
    let text = std::fs::read(target.join(ABOUT))
        .map_err(|error| (error.kind() != io::ErrorKind::NotFound).then_some(error))?;
    serde_json::from_slice(&text).map(Some).map_err(|_| None)
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder)
}

/// In a folder that this run made and where nothing is a link.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make(folder)?;
    }
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()
}

/// `zoo.1`, or the next number that is free.
fn free(into: &Path, word: &str) -> PathBuf {
    (1_u32..)
        .map(|number| into.join(format!("{word}.{number}")))
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| into.join(format!("{word}.old")))
}

/// Puts `new` where `target` is, in one step where the file system can.
fn replace(new: &Path, target: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE) {
        Ok(()) => std::fs::remove_dir_all(new),
        Err(rustix::io::Errno::NOENT) => std::fs::rename(new, target),
        Err(_) => {
            // Not every file system exchanges. Killed in between, the next run finds no folder and makes one.
            let old = new.with_extension(format!("old{UNFINISHED}"));
            std::fs::rename(target, &old)?;
            std::fs::rename(new, target)?;
            std::fs::remove_dir_all(old)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Condition;
    use crate::state::Role;

    fn seat() -> Seat {
        Seat {
            word: "zoo".into(),
            role: Role::Participant,
            identity: "Ada".into(),
            address: None,
            condition: Condition::Verified,
            unfinished: None,
            failure: None,
            powered_off: None,
            billed: false,
            spent: None,
        }
    }

    fn work(files: &[(&str, &str)]) -> Unpacked {
        Unpacked {
            files: files
                .iter()
                .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()))
                .collect(),
            left_out: vec![],
        }
    }

    fn read(path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    #[test]
    fn a_second_run_updates_and_another_host_of_the_word_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("collected");
        let _lock = prepare(&into).unwrap();
        let at = |path: &str| read(&into.join(path));
        put(
            &into,
            &seat(),
            0,
            work(&[("workshop/a", "1"), ("workshop/b", "1")]),
        )
        .unwrap();
        let second = put(&into, &seat(), 0, work(&[("workshop/a", "2")])).unwrap();
        assert_eq!((second.files, second.bytes, second.earlier), (1, 1, None));
        assert_eq!(
            (at("zoo/workshop/a"), at("zoo/workshop/b")),
            (Some("2".into()), None)
        );
        // The host was rebuilt: what the first had is kept.
        for (life, earlier) in [(1, "zoo.1"), (2, "zoo.2")] {
            let third = put(&into, &seat(), life, work(&[])).unwrap();
            assert_eq!(third.earlier, Some(into.join(earlier)));
        }
        assert_eq!(
            (at("zoo/workshop/a"), at("zoo.1/workshop/a")),
            (None, Some("2".into()))
        );
        let mut names: Vec<_> = std::fs::read_dir(&into)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, [".lock", "zoo", "zoo.1", "zoo.2"]);
    }

    #[test]
    fn what_is_no_folder_of_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path();
        let elsewhere = into.join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join(ABOUT), "{}").unwrap();
        std::os::unix::fs::symlink(&elsewhere, into.join("zoo")).unwrap();
        let error = put(into, &seat(), 0, work(&[("workshop/a", "1")])).unwrap_err();
        assert!(matches!(error, PutError::Foreign { .. }), "{error}");
        std::fs::remove_file(into.join("zoo")).unwrap();
        std::fs::create_dir(into.join("zoo")).unwrap();
        std::fs::write(into.join("zoo/mine"), "mine").unwrap();
        assert!(put(into, &seat(), 0, work(&[])).is_err());
        assert_eq!(read(&into.join("zoo/mine")).as_deref(), Some("mine"));
    }

    #[test]
    fn a_name_that_is_file_and_folder_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("workshop/a", "1"),
            ("workshop/a/b", "2"),
            ("workshop/c", "3"),
        ];
        let work = put(folder.path(), &seat(), 0, work(&files)).unwrap();
        assert_eq!((work.files, work.left_out.len()), (2, 1));
        assert_eq!(
            read(&folder.path().join("zoo/workshop/c")).as_deref(),
            Some("3")
        );
    }

    #[test]
    fn a_killed_runs_folder_goes_and_two_runs_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(".zoo.unfinished/workshop")).unwrap();
        let lock = prepare(folder.path()).unwrap();
        assert!(!folder.path().join(".zoo.unfinished").exists());
        assert!(matches!(prepare(folder.path()), Err(CollectError::Lock(_))));
        drop(lock);
        prepare(folder.path()).unwrap();
    }
}
