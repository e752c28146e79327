//! The command that runs while it is traced.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::target;

/// Why the command does not run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(super) enum Error {
    #[error("there is no program {} to run", name.display())]
    #[diagnostic(help(
        "what stands behind -- is run: a program in PATH or a file, then its arguments"
    ))]
    Missing { name: PathBuf },

    #[error("{} cannot be run: it is not an executable file", name.display())]
    #[diagnostic(help(
        "what stands behind -- is run: a program in PATH or a file, then its arguments"
    ))]
    NotExecutable { name: PathBuf },

    #[error("cannot run {}", name.display())]
    Start { name: PathBuf, source: io::Error },

    #[error("cannot wait for {}", name.display())]
    Wait { name: PathBuf, source: io::Error },
}

/// A command that was found and has not been started.
pub(super) struct Found<'a> {
    words: &'a [OsString],
    name: &'a Path,
}

/// Finds the program, so that a slip is said before anything is attached.
pub(super) fn find(words: &[OsString]) -> Result<Option<Found<'_>>, Error> {
    let Some(first) = words.first() else {
        return Ok(None);
    };
    let name = Path::new(first);
    let missing = || Error::Missing {
        name: name.to_owned(),
    };
    if target::is_bare(name) {
        target::in_path(name).ok_or_else(missing)?;
    } else if !name.exists() {
        return Err(missing());
    } else if !target::is_program(name) {
        return Err(Error::NotExecutable {
            name: name.to_owned(),
        });
    }
    Ok(Some(Found { words, name }))
}

impl Found<'_> {
    /// Starts it with our own standard streams; with `aside` its standard output is our standard error.
    pub(super) fn start(&self, aside: bool) -> Result<Running, Error> {
        let failed = |source| Error::Start {
            name: self.name.to_owned(),
            source,
        };
        let mut command = std::process::Command::new(self.name);
        command.args(self.words.iter().skip(1));
        if aside {
            let stderr = io::stderr().as_fd().try_clone_to_owned().map_err(failed)?;
            command.stdout(Stdio::from(stderr));
        }
        let child = command.spawn().map_err(failed)?;
        let mut running = Running {
            name: self.name.to_owned(),
            child,
            pidfd: None,
            status: None,
        };
        let pidfd = running
            .pid()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
            .and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::empty())?));
        running.pidfd = Some(pidfd.map_err(failed)?);
        Ok(running)
    }
}

/// A command that was started. It does not outlive this: dropped, it is asked to end, and waited for.
pub(super) struct Running {
    name: PathBuf,
    child: Child,
    pidfd: Option<OwnedFd>,
    status: Option<ExitStatus>,
}

impl Running {
    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Readable when it has ended.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(|fd| fd.as_fd())
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        if self.status.is_none() {
            self.status = self.child.try_wait().map_err(|source| Error::Wait {
                name: self.name.clone(),
                source,
            })?;
        }
        Ok(self.status)
    }

    /// Sends it a signal, unless it has ended.
    pub(super) fn signal(&self, signal: Signal) {
        if self.status.is_none()
            && let Some(pid) = self.pid()
        {
            // It may be ending right now; until we wait for it its number is its own.
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks it to end and waits until it has.
    pub(super) fn end(&mut self) -> Result<ExitStatus, Error> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.signal(Signal::TERM);
        let status = self.child.wait().map_err(|source| Error::Wait {
            name: self.name.clone(),
            source,
        })?;
        self.status = Some(status);
        Ok(status)
    }

    /// How it ended, for people.
    pub(super) fn told(&self, status: ExitStatus) -> String {
        let name = self.name.display();
        match (status.code(), status.signal()) {
            (Some(code), _) => format!("{name} ended with exit status {code}"),
            (None, Some(signal)) => format!("{name} was ended by signal {signal}"),
            (None, None) => format!("{name} ended: {status}"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody is left to be told that it failed.
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_error(words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        let found = find(&words).map(|found| found.is_some());
        found.map_or_else(|error| error.to_string(), |found| found.to_string())
    }

    #[test]
    fn a_command_is_looked_for_before_it_is_run() {
        assert_eq!(find_error(&[]), "false");
        assert_eq!(find_error(&["sh", "-c", "exit 3"]), "true");
        assert_eq!(
            find_error(&["no-such"]),
            "there is no program no-such to run"
        );
        assert_eq!(
            find_error(&["./no-such"]),
            "there is no program ./no-such to run"
        );
        assert_eq!(
            find_error(&["./Cargo.toml"]),
            "./Cargo.toml cannot be run: it is not an executable file"
        );
        assert_eq!(
            find_error(&["/"]),
            "/ cannot be run: it is not an executable file"
        );
    }

    #[test]
    fn a_command_is_ended_and_its_status_told() {
        let words = ["sh", "-c", "exit 3"].map(OsString::from);
        let mut failing = find(&words).unwrap().unwrap().start(true).unwrap();
        let status = failing.child.wait().unwrap();
        assert_eq!(failing.told(status), "sh ended with exit status 3");
        let words = ["sleep", "1000"].map(OsString::from);
        let mut sleeping = find(&words).unwrap().unwrap().start(true).unwrap();
        assert_eq!(sleeping.ended().unwrap(), None);
        let status = sleeping.end().unwrap();
        assert_eq!(sleeping.told(status), "sleep was ended by signal 15");
    }
}
