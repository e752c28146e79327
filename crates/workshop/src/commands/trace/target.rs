//! What is traced: a file, the program of that name in PATH, or a process.

use std::path::{Path, PathBuf};

use probe::Target;

/// Understands `BINARY|PID`.
pub(crate) fn target(text: &Path) -> Target {
    // A file of digits is ./123.
    if let Some(pid) = text.to_str().and_then(|text| text.parse().ok()) {
        return Target::Pid(pid);
    }
    if is_bare(text)
        && !text.exists()
        && let Some(found) = in_path(text)
    {
        return Target::Path(found);
    }
    Target::Path(text.to_owned())
}

/// Where the target's notes are read.
pub(crate) fn file(target: &Target) -> PathBuf {
    match target {
        Target::Path(path) => path.clone(),
        Target::Pid(pid) => PathBuf::from(format!("/proc/{pid}/exe")),
    }
}

/// Whether a name has no folder in it, so that PATH says where it is.
pub(super) fn is_bare(name: &Path) -> bool {
    !name.as_os_str().as_encoded_bytes().contains(&b'/')
}

/// The program of that name that a shell would run.
pub(crate) fn in_path(name: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

/// Whether it is a file that we may run.
pub(super) fn is_program(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_process_and_a_name_a_file() {
        assert_eq!(target(Path::new("123")), Target::Pid(123));
        assert_eq!(target(Path::new("./123")), Target::path("./123"));
        assert_eq!(
            target(Path::new("no-such-program")),
            Target::path("no-such-program")
        );
        let Target::Path(shell) = target(Path::new("sh")) else {
            panic!("a name is no process");
        };
        assert!(shell.is_absolute() && shell.ends_with("sh"));
    }
}
