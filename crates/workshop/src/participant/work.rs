//! ~/workshop: the files that a participant works on. What somebody wrote is never lost.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic as _, WrapErr as _};

use super::lock::Lock;
use super::shown;

/// What became of a starter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there now.
    Written,
    /// It was there, as it is.
    Unchanged,
    /// Somebody's work is there, and stays.
    Kept,
    /// It is there now, and the work that was there is beside it.
    Replaced { copy: PathBuf },
}

/// Puts a starter in its place; over work only with `again`, which copies that first.
pub(crate) fn put(path: &Path, text: &str, again: bool, lock: &Lock) -> miette::Result<Put> {
    let in_the_way = |path: &Path, what: &str| {
        miette::miette!(help = "move it away", "{} is no {what}", shown(path))
    };
    if let Some(folder) = path.parent()
        && folder.exists()
        && !folder.is_dir()
    {
        return Err(in_the_way(folder, "folder"));
    }
    if fs_err::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        lock.write_work(path, text, false)?;
        return Ok(Put::Written);
    }
    // A link that leads nowhere is no file either.
    if !path.is_file() {
        return Err(in_the_way(path, "plain file"));
    }
    let file = fs_err::metadata(path).into_diagnostic()?;
    // Work may be large, and what has another length is no starter.
    if file.len() == text.len() as u64 && fs_err::read(path).into_diagnostic()? == text.as_bytes() {
        return Ok(Put::Unchanged);
    }
    if !again {
        return Ok(Put::Kept);
    }
    let copy = copy_beside(path)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot copy {}, which is as it was", path.display()))?;
    lock.write_work(path, text, true)?;
    Ok(Put::Replaced { copy })
}

/// Copies `task3.bt` to `task3.1.bt`, or the next number that is free.
fn copy_beside(path: &Path) -> io::Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let end = path
        .extension()
        .map(|end| format!(".{}", end.to_string_lossy()));
    let end = end.unwrap_or_default();
    let mut number = 1_u32;
    loop {
        let copy = path.with_file_name(format!("{stem}.{number}{end}"));
        match File::create_new(&copy) {
            Ok(mut to) => {
                let copied = File::open(path)
                    .and_then(|mut from| io::copy(&mut from, &mut to))
                    .and_then(|_| to.sync_all());
                if let Err(error) = copied {
                    // Half a copy is none; that it cannot be removed changes nothing.
                    let _ = std::fs::remove_file(&copy);
                    return Err(error);
                }
                return Ok(copy);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Makes a folder of its own for what is taken out of use: `kept/task3.1`, or the next number that is free.
pub(crate) fn new_folder(kept: &Path, name: &str) -> miette::Result<PathBuf> {
    fs_err::create_dir_all(kept).into_diagnostic()?;
    let mut number = 1_u32;
    loop {
        let folder = kept.join(format!("{name}.{number}"));
        match fs_err::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error).into_diagnostic(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::at(&folder.path().join("state")).unwrap();
        let path = folder.path().join("workshop/task3.bt");
        let read = |path: &Path| fs_err::read_to_string(path).unwrap();
        let put = |text, again| super::put(&path, text, again, &lock).unwrap();
        assert_eq!(put("#!a\n", false), Put::Written);
        assert_eq!(put("#!a\n", true), Put::Unchanged);
        for (number, work) in [(1, "mine\n"), (2, "#!b\n")] {
            fs_err::write(&path, work).unwrap();
            assert_eq!(put("#!a\n", false), Put::Kept);
            assert_eq!(read(&path), work);
            let copy = path.with_file_name(format!("task3.{number}.bt"));
            assert_eq!(put("#!a\n", true), Put::Replaced { copy: copy.clone() });
            assert_eq!((read(&path), read(&copy)), ("#!a\n".into(), work.into()));
        }
        let mut names: Vec<_> = std::fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["task3.1.bt", "task3.2.bt", "task3.bt"]);
    }

    #[test]
    fn what_is_no_plain_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::at(&folder.path().join("state")).unwrap();
        let error = put(folder.path(), "x", true, &lock).unwrap_err();
        assert!(error.to_string().ends_with("is no plain file"), "{error}");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        assert!(put(&link, "x", true, &lock).is_err());
        assert!(link.is_symlink());
    }
}
