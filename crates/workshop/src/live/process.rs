//! A child in a process group of its own, bounded in time and output, that ends when we do.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use super::CouldNot;
use super::cancel::Cancel;

/// What is kept of a stream; the rest is read and dropped, so that no child waits for a full pipe.
const KEPT: usize = 1 << 20;

/// A running child. Dropping it kills its whole process group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    name: String,
    stdout: Arc<Mutex<Kept>>,
    stderr: Arc<Mutex<Kept>>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    cut: bool,
}

/// How a child ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Whether it printed more than was kept.
    pub(crate) cut: bool,
}

impl Process {
    /// Starts it. Call it from a thread that outlives the child: the kernel kills the child when the *thread* ends
    /// that started it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self, CouldNot> {
        let stdout = Arc::<Mutex<Kept>>::default();
        let keep = Arc::clone(&stdout);
        Self::start(command, stdout, move |bytes| keep_some(&keep, bytes))
    }

    /// As [`Process::spawn`], and gives all of its standard output to `read`, in pieces. Nothing is kept of it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn spawn_reading(
        command: &mut Command,
        read: impl FnMut(&[u8]) + Send + 'static,
    ) -> Result<Self, CouldNot> {
        Self::start(command, Arc::default(), read)
    }

    fn start(
        command: &mut Command,
        stdout: Arc<Mutex<Kept>>,
        read: impl FnMut(&[u8]) + Send + 'static,
    ) -> Result<Self, CouldNot> {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal is for us to pass on, in the order that we choose.
            .process_group(0);
        #[expect(unsafe_code, reason = "nothing in the standard library sets it")]
        // SAFETY: one system call, which is safe between fork and exec.
        unsafe {
            command.pre_exec(|| {
                set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)
            });
        }
        let mut child = command.spawn().map_err(|error| {
            CouldNot::new(
                format!("{name} cannot be run: {error}"),
                "is it installed and built?",
            )
        })?;
        let stderr = Arc::<Mutex<Kept>>::default();
        let keep = Arc::clone(&stderr);
        let keep = move |bytes: &[u8]| keep_some(&keep, bytes);
        let mut readers = Vec::new();
        readers.extend(child.stdout.take().map(|from| read_all(from, read)));
        readers.extend(child.stderr.take().map(|from| read_all(from, keep)));
        Ok(Self {
            child,
            name,
            stdout,
            stderr,
            readers,
        })
    }

    /// What it has printed on standard output so far.
    pub(crate) fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it has printed on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        text(&self.stderr)
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to it and all that it started.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until something holds (asked again and again), the child ends, or the time is over; whether it held.
    ///
    /// # Errors
    /// When the check was cancelled.
    pub(crate) fn until(
        &mut self,
        deadline: Duration,
        cancel: &Cancel,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) -> Result<bool, CouldNot> {
        let end = Instant::now() + deadline;
        // Things happen after milliseconds or seconds: look often at first, then less.
        let mut pause = Duration::from_millis(1);
        loop {
            if holds(self) {
                return Ok(true);
            }
            if self.ended().is_some() || Instant::now() >= end {
                return Ok(holds(self));
            }
            if cancel.sleep(pause) {
                return Err(CouldNot::cancelled());
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Reads all that it printed, once it has ended.
    pub(crate) fn read_to_the_end(&mut self) {
        // What it started may hold the pipes open.
        self.signal(Signal::KILL);
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end in time, or the check was cancelled; it is killed then.
    pub(crate) fn wait(mut self, deadline: Duration, cancel: &Cancel) -> Result<Ended, CouldNot> {
        self.until(deadline, cancel, |one| one.ended().is_some())?;
        let Some(status) = self.ended() else {
            return Err(CouldNot::new(
                format!("{} did not end within {} s", self.name, deadline.as_secs()),
                "try it by hand to see what it waits for",
            ));
        };
        self.read_to_the_end();
        let cut = [&self.stdout, &self.stderr].into_iter().any(|kept| {
            let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.cut
        });
        Ok(Ended {
            status,
            stdout: self.stdout(),
            stderr: self.stderr(),
            cut,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

fn read_all(
    mut from: impl Read + Send + 'static,
    mut read: impl FnMut(&[u8]) + Send + 'static,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            read(&buffer[..count]);
        }
    })
}

fn keep_some(to: &Mutex<Kept>, bytes: &[u8]) {
    let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
    let room = KEPT - to.bytes.len();
    to.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    to.cut |= bytes.len() > room;
}

fn text(kept: &Mutex<Kept>) -> String {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&kept.bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Process {
        Process::spawn(Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn its_end_and_its_output_are_told() {
        let cancel = Cancel::on_signals().unwrap();
        let ended = sh("echo out; echo err >&2; exit 3")
            .wait(Duration::from_secs(20), &cancel)
            .unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str()),
            ("out\n", "err\n")
        );
        assert!(!ended.cut);
    }

    #[test]
    fn what_it_started_ends_with_it_and_output_is_bounded() {
        let cancel = Cancel::on_signals().unwrap();
        let ended = sh("sleep 600 & head -c 3000000 /dev/zero")
            .wait(Duration::from_secs(20), &cancel)
            .unwrap();
        assert_eq!((ended.stdout.len(), ended.cut), (KEPT, true));
    }

    #[test]
    fn a_reader_gets_all_of_it() {
        let cancel = Cancel::on_signals().unwrap();
        let count = Arc::new(Mutex::new(0));
        let add = Arc::clone(&count);
        let mut command = Command::new("sh");
        command.args(["-c", "head -c 3000000 /dev/zero"]);
        let child = Process::spawn_reading(&mut command, move |bytes| {
            *add.lock().unwrap() += bytes.len();
        });
        child
            .unwrap()
            .wait(Duration::from_secs(20), &cancel)
            .unwrap();
        assert_eq!(*count.lock().unwrap(), 3_000_000);
    }

    #[test]
    fn one_that_does_not_end_is_killed() {
        let cancel = Cancel::on_signals().unwrap();
        let child = sh("echo $$; exec sleep 600");
        let pid = child.pid();
        let why = child.wait(Duration::from_millis(100), &cancel).unwrap_err();
        assert_eq!(why.why, "sh did not end within 0 s");
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn waiting_for_a_line_ends_with_the_line() {
        let cancel = Cancel::on_signals().unwrap();
        let mut child = sh("sleep 0.05; echo ready; exec sleep 600");
        let ready = child.until(Duration::from_secs(20), &cancel, |one| {
            one.stdout().contains("ready")
        });
        assert_eq!(ready, Ok(true));
        assert!(child.ended().is_none());
    }
}
