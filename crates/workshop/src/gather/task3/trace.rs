//! As root: the script under bpftrace and our own probes on one run of the unit test.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use exercises::answers::shorten;
use exercises::bpftrace::Reader;
use exercises::tasks::task3::{Ended, Hooked, Run, Traced};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::hooked;
use super::truth::Probes;
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::process::Process;
use crate::live::root::Observation;
use crate::live::scratch::Scratch;

/// bpftrace attaches two probes in half a second; a busy small server, and a script with hundreds, take longer.
const ATTACH: Duration = Duration::from_secs(30);
/// The test takes a second or two, and on a slow server ten times that.
const TEST: Duration = Duration::from_secs(120);
/// After an interrupt bpftrace prints its maps; older ones take two seconds to begin.
const END: Duration = Duration::from_secs(10);
/// When it has not ended then, the interrupt is repeated.
const AGAIN: Duration = Duration::from_secs(4);

/// Boost's status when no test is called so.
const NO_SUCH_TEST: i32 = 200;

/// What is observed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trace {
    /// The script's text; none: only our own probes.
    pub(super) script: Option<String>,
    /// What the participant calls it.
    pub(super) name: String,
    /// The source tree: where the script is run.
    pub(super) tree: PathBuf,
    /// The unit tests.
    pub(super) binary: PathBuf,
    /// What the test may be called, the likeliest first.
    pub(super) tests: Vec<String>,
    /// The test's seed; none: a fresh one.
    pub(super) seed: Option<String>,
}

impl Observation for Trace {
    const NAME: &'static str = "task3";
    type Seen = Run;

    fn look(&self, cancel: &Cancel) -> Result<Run, CouldNot> {
        let scratch = Scratch::new()?;
        let mut tracer = match &self.script {
            Some(text) => Some(Tracer::start(text, &scratch, self)?),
            None => None,
        };
        // While bpftrace compiles the script.
        let mut probes = Probes::attach(&self.binary)?;
        if let Some(tracer) = &mut tracer {
            tracer.until_attached(self, cancel)?;
        }
        let test = self.run_test(&scratch, &mut probes, tracer.as_mut(), cancel)?;
        if let Some(tracer) = &mut tracer {
            tracer.look_again(self);
            tracer.interrupt();
        }
        let truth = probes.finish()?;
        let traced = match tracer {
            Some(tracer) => Some(tracer.finish(cancel)?),
            None => None,
        };
        Ok(Run {
            command: test.command,
            seed: test.seed,
            truth,
            traced,
        })
    }
}

/// A run of the test that ended well.
struct Test {
    command: String,
    seed: String,
}

impl Trace {
    fn run_test(
        &self,
        scratch: &Scratch,
        probes: &mut Probes,
        mut tracer: Option<&mut Tracer>,
        cancel: &Cancel,
    ) -> Result<Test, CouldNot> {
        let seed = match &self.seed {
            Some(seed) => seed.clone(),
            None => seed()?,
        };
        let owner = Owner::of(&self.tree);
        let folder = owner.folder(scratch)?;
        for name in &self.tests {
            let argument = format!("--run_test={name}");
            let mut command = Command::new(&self.binary);
            command
                .arg(&argument)
                .current_dir(&self.tree)
                .env_remove("RANDOM_CTX_SEED")
                .env("RANDOM_CTX_SEED", &seed)
                // Where it makes its data directory: whatever becomes of it, it goes with the folder.
                .env("TMPDIR", &folder);
            owner.runs(&mut command);
            let mut test = Process::spawn(&mut command)?;
            let shown = format!("{} {argument}", self.shown());
            let ended = test.until(TEST, cancel, |test| {
                probes.drain();
                let ended = test.ended().is_some();
                if !ended && let Some(tracer) = tracer.as_deref_mut() {
                    tracer.look();
                }
                ended
            })?;
            if !ended {
                return Err(CouldNot::new(
                    format!("the unit test did not end within {} s", TEST.as_secs()),
                    format!("run it yourself: {shown}"),
                ));
            }
            let ended = test.wait(TEST, cancel)?;
            match ended.status.code() {
                Some(0) if probes.counted_anything()? => {
                    return Ok(Test {
                        command: shown,
                        seed,
                    });
                }
                Some(0) => {
                    return Err(CouldNot::new(
                        format!("{shown} passed neither utxocache:add nor utxocache:spent"),
                        "is the tree Bitcoin Core's, and unchanged there?",
                    ));
                }
                Some(NO_SUCH_TEST) => {}
                _ => {
                    let said = format!("{}\n{}", ended.stdout, ended.stderr);
                    let said = said.lines().rfind(|line| line.contains("error"));
                    return Err(CouldNot::new(
                        format!(
                            "the unit test failed ({}): {}",
                            ended.status,
                            shorten(said.unwrap_or("it said nothing of an error"), 200)
                        ),
                        format!("run it yourself: {shown}"),
                    ));
                }
            }
        }
        Err(CouldNot::new(
            format!("{} has no test {}", self.shown(), self.tests.join(" or ")),
            "is the tree Bitcoin Core's?",
        ))
    }

    fn shown(&self) -> String {
        let path = self.binary.strip_prefix(&self.tree).unwrap_or(&self.binary);
        path.display().to_string()
    }
}

/// 32 random bytes, as the test wants them.
fn seed() -> Result<String, CouldNot> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        CouldNot::new(
            format!("there are no random numbers: {error}"),
            "run the check again",
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whom the test runs as: the participant and not root.
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    /// Who called sudo; else whose tree it is.
    fn of(tree: &Path) -> Self {
        let number = |name: &str| std::env::var(name).ok()?.parse().ok();
        if let (Some(uid), Some(gid)) = (number("SUDO_UID"), number("SUDO_GID")) {
            return Self { uid, gid };
        }
        std::fs::metadata(tree).map_or(Self { uid: 0, gid: 0 }, |data| Self {
            uid: data.uid(),
            gid: data.gid(),
        })
    }

    /// A folder that is theirs.
    fn folder(self, scratch: &Scratch) -> Result<PathBuf, CouldNot> {
        let folder = scratch.path().join("test");
        let made = std::fs::create_dir(&folder)
            .and_then(|()| std::os::unix::fs::chown(&folder, Some(self.uid), Some(self.gid)))
            // They have to get into it, and need not list what else is there.
            .and_then(|()| {
                let mode = std::fs::Permissions::from_mode(0o711);
                std::fs::set_permissions(scratch.path(), mode)
            });
        made.map(|()| folder).map_err(|error| {
            CouldNot::new(
                format!("no folder for the test: {error}"),
                "is the disk full? `df -h /tmp`",
            )
        })
    }

    fn runs(self, command: &mut Command) {
        if self.uid != 0 {
            command.uid(self.uid).gid(self.gid);
        }
    }
}

/// The participant's script under bpftrace.
struct Tracer {
    process: Process,
    printed: Arc<Mutex<Reader>>,
    /// The script's path, which bpftrace puts into its messages, and what the participant calls it.
    names: (String, String),
    ended: Option<Ended>,
    hooked: Option<Vec<Hooked>>,
    interrupted: Option<Instant>,
}

impl Tracer {
    fn start(text: &str, scratch: &Scratch, trace: &Trace) -> Result<Self, CouldNot> {
        let script = scratch.path().join("script.bt");
        std::fs::write(&script, text).map_err(|error| {
            CouldNot::new(
                format!("the script cannot be copied: {error}"),
                "is the disk full? `df -h /tmp`",
            )
        })?;
        let printed = Arc::<Mutex<Reader>>::default();
        let reader = Arc::clone(&printed);
        let mut command = Command::new("bpftrace");
        command
            .args(["-f", "json"])
            .arg(&script)
            // Programs are named from there.
            .current_dir(&trace.tree)
            .env("LC_ALL", "C");
        let process = Process::spawn_reading(&mut command, move |bytes| {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            reader.read(bytes);
        })?;
        Ok(Self {
            process,
            printed,
            names: (script.display().to_string(), trace.name.clone()),
            ended: None,
            hooked: None,
            interrupted: None,
        })
    }

    /// Waits until all its probes are attached, or it has ended.
    fn until_attached(&mut self, trace: &Trace, cancel: &Cancel) -> Result<(), CouldNot> {
        let printed = Arc::clone(&self.printed);
        let attached = self.process.until(ATTACH, cancel, |process| {
            let said = || {
                let printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
                printed.attached()
            };
            let pid = process.pid();
            waits_for_events(pid) && (said() || hooked::anything(pid))
        })?;
        if self.process.ended().is_some() {
            self.ended = Some(Ended::Starting);
        } else if attached {
            self.hooked = hooked::by(self.process.pid(), &trace.binary, &trace.tree);
        } else {
            self.ended = Some(Ended::Late(ATTACH.as_secs()));
        }
        Ok(())
    }

    /// Looks whether it has ended, while the test runs.
    fn look(&mut self) {
        if self.ended.is_none() && self.process.ended().is_some() {
            self.ended = Some(Ended::Testing);
        }
    }

    /// Looks whether it is about to end: after exit() bpftrace unhooks everything, and may take two seconds more.
    fn look_again(&mut self, trace: &Trace) {
        let had = self
            .hooked
            .as_ref()
            .is_some_and(|hooked| !hooked.is_empty());
        let now = || hooked::by(self.process.pid(), &trace.binary, &trace.tree);
        if self.ended.is_none() && had && now().is_some_and(|hooked| hooked.is_empty()) {
            self.ended = Some(Ended::Testing);
        }
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(&mut self) {
        self.process.signal(Signal::INT);
        self.interrupted = Some(Instant::now());
    }

    /// Waits for its end and for what it prints then.
    fn finish(mut self, cancel: &Cancel) -> Result<Traced, CouldNot> {
        let ended = |process: &mut Process| process.ended().is_some();
        if !self.process.until(AGAIN, cancel, ended)? {
            self.process.signal(Signal::INT);
            self.process.until(END - AGAIN, cancel, ended)?;
        }
        let status = self.process.ended();
        let killed = Ended::Killed(END.as_secs());
        let when = match (status, self.ended) {
            (_, Some(before)) => before,
            (Some(_), None) => Ended::Asked,
            (None, None) => killed,
        };
        let stderr = match status {
            Some(_) => self.process.wait(END, cancel)?.stderr,
            None => self.process.stderr(),
        };
        let reader =
            std::mem::take(&mut *self.printed.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Traced {
            version: None,
            ended: when,
            status: status.and_then(|status| status.code()),
            hooked: self.hooked,
            messages: messages(&stderr, &self.names),
            printed: reader.finish(),
        })
    }
}

/// Whether its main thread waits for events, which it does once everything is attached, and not before. What it
/// prints is no sign of that: 0.17 says so before it attaches anything, and 0.23 afterwards.
fn waits_for_events(pid: u32) -> bool {
    let calls = [
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
    ];
    std::fs::read_to_string(format!("/proc/{pid}/syscall"))
        .ok()
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .is_some_and(|number: libc::c_long| calls.contains(&number))
}

/// What bpftrace said of the script, in the participant's words for it: bounded, and nothing that a terminal
/// would obey.
fn messages(stderr: &str, (path, name): &(String, String)) -> String {
    /// Of every error three lines are printed; the first errors matter.
    const LINES: usize = 12;
    const WIDTH: usize = 200;
    stderr
        .lines()
        // Said on every start of kernels that need no such limit.
        .filter(|line| !line.contains("RLIMIT_MEMLOCK") && !line.trim().is_empty())
        .take(LINES)
        .map(|line| {
            let line = line.replace(path, name);
            let clean: String = line
                .chars()
                .map(|letter| if letter.is_control() { ' ' } else { letter })
                .take(WIDTH)
                .collect();
            clean.trim_end().to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}
