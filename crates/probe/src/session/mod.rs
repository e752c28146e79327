//! Traces the tracepoints of a program: attach, count, aggregate, stream.

mod counted;
mod error;
mod event;
mod hooked;
mod kernel;
mod permitted;
mod plan;
mod process;
mod request;
mod running;
mod sys;
mod target;

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use probe_common::{Control, Process};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{ClockId, Timespec, clock_gettime};

pub use self::counted::{
    Bucket, Counted, GroupCounts, GroupKey, Histogram, Lost, Measured, ProbeCounts,
};
pub use self::error::{Error, Problem};
pub use self::event::{Event, Value};
pub use self::hooked::{Hooked, hooked_by};
pub use self::request::{Compare, Condition, Key, Linear, NotACondition, Part, Probe, Scale};
pub use self::running::Running;
pub use self::target::Target;

use self::kernel::{Kernel, Sizes};
use self::plan::{Plan, Signs};
use self::sys::{Hook, Link, Method, Place};
use self::target::{Inode, Program};
use crate::usdt::ProbeId;

/// Bytes of the ring buffer when nothing else is said: a second of a busy node's messages.
const EVENTS_BYTES: u32 = 8 << 20;
/// Keys in all groups together when nothing else is said.
const GROUPS: u32 = 1 << 16;
/// Call sites that a rebuilt program may have more than the first.
const SPARE_SITES: u32 = 64;
/// A program without tracepoints that nobody has written to for so long is no unfinished one.
const SETTLED: Duration = Duration::from_secs(10);

/// Tracepoints that are being traced.
///
/// Everything is attached when [`Session::attach`] returns, and counts from one moment on. Dropping the session
/// detaches it; if the process is killed the kernel does.
///
/// ```no_run
/// use std::time::Duration;
///
/// use probe::{Probe, Session, Target};
///
/// let probe = Probe::new("utxocache:add".parse()?).sum(3).log2_histogram(3);
/// let session = Session::attach(&Target::path("build/bin/test_bitcoin"), [probe])?;
/// std::process::Command::new("build/bin/test_bitcoin")
///     .arg("--run_test=coins_tests_base")
///     .status()?;
/// let counted = session.finish()?;
/// let added = &counted.probes[0];
/// println!("{} coins of {:?} satoshi were added", added.events, added.measures[0].sum);
/// assert!(added.lost.nothing());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    target: Target,
    requests: Vec<Probe>,
    ids: Vec<ProbeId>,
    process: Process,
    /// Readable once the process has ended; for [`Target::Pid`].
    pidfd: Option<OwnedFd>,
    program: Program,
    plan: Plan,
    kernel: Kernel,
    method: Method,
    links: Vec<Link>,
    /// Arguments of each call site by cookie: which are signed, and how many there are. Sites of a program
    /// that was replaced stay, because events of theirs may still be in the ring buffer.
    sites: Vec<(Signs, usize)>,
    start: u64,
}

/// How a session is set up, where the defaults do not fit.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    events_bytes: u32,
    groups: u32,
    perf_events: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            events_bytes: EVENTS_BYTES,
            groups: GROUPS,
            perf_events: false,
        }
    }
}

impl Options {
    /// Bytes of the ring buffer; made a power of two, of at least a page and one event. The default is 8 MiB.
    #[must_use]
    pub fn events_bytes(mut self, bytes: u32) -> Self {
        let page = u32::try_from(rustix::param::page_size()).unwrap_or(4096);
        self.events_bytes = bytes.clamp(page, 1 << 30).next_power_of_two();
        self
    }

    /// How many different keys there may be in all groups together. The default is 65,536.
    #[must_use]
    pub fn groups(mut self, groups: u32) -> Self {
        self.groups = groups.max(1);
        self
    }

    /// Hooks each call site by a perf event of its own, as is done on kernels before 6.10, also where all can be
    /// hooked at once. Slower to detach; the numbers are the same.
    #[must_use]
    pub fn perf_events(mut self, perf_events: bool) -> Self {
        self.perf_events = perf_events;
        self
    }

    /// Attaches, as [`Session::attach`].
    ///
    /// # Errors
    /// As [`Session::attach`].
    pub fn attach(
        self,
        target: &Target,
        probes: impl IntoIterator<Item = Probe>,
    ) -> Result<Session, Error> {
        let requests: Vec<Probe> = probes.into_iter().collect();
        if requests.is_empty() {
            return Err(Error::NoProbes);
        }
        let method = permitted::method(self.perf_events)?;
        // First: while it has not ended, the number is this process's.
        let pidfd = process::pidfd(target)?;
        let program = Program::open(target)?;
        let process = process::process(target)?;
        let plan = plan::plan(&program.tracepoints, process, &requests)
            .map_err(|problems| request_error(&program, problems))?;
        let sites = u32::try_from(plan.sites.len()).unwrap_or(u32::MAX);
        let sizes = Sizes {
            sites: sites.saturating_mul(2).saturating_add(SPARE_SITES),
            events: self.events_bytes,
            groups: self.groups,
        };
        let kernel = Kernel::load(&plan, sizes)?;
        let mut session = Session {
            target: target.clone(),
            ids: requests.iter().map(|one| one.id.clone()).collect(),
            requests,
            process,
            pidfd,
            program,
            plan,
            kernel,
            links: Vec::new(),
            sites: Vec::new(),
            start: 0,
            method,
        };
        session.hook()?;
        if let Target::Pid(pid) = *target
            && session.ended()
        {
            let source = io::Error::from(rustix::io::Errno::SRCH);
            return Err(Error::NoProcess { pid, source });
        }
        session.start = monotonic();
        session.set_running(true)?;
        Ok(session)
    }
}

impl Session {
    /// Traces these tracepoints of the target. When it returns, every one is hooked at every call site; all
    /// start to count at one moment.
    ///
    /// # Errors
    /// When the machine, the user, the program or the request does not allow it; says which.
    pub fn attach(target: &Target, probes: impl IntoIterator<Item = Probe>) -> Result<Self, Error> {
        Options::default().attach(target, probes)
    }

    /// What was counted so far. While events go on, the numbers are of slightly different moments.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn counted(&self) -> Result<Counted, Error> {
        counted::read(&self.plan, &self.ids, &self.kernel)
    }

    /// Detaches and returns the final, exact numbers. Events that are still in the ring buffer are lost:
    /// [`Session::stop`] first and [`Session::drain`] them where they matter.
    ///
    /// # Errors
    /// When a map cannot be read.
    pub fn finish(mut self) -> Result<Counted, Error> {
        self.stop()?;
        self.counted()
    }

    /// Detaches. Afterwards the numbers stand, and the ring buffer holds what has not been taken.
    ///
    /// # Errors
    /// When a map cannot be written.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.set_running(false)?;
        sys::detach(std::mem::take(&mut self.links));
        Ok(())
    }

    /// Gives every event that has arrived to `each`, in order, and returns how many there were. Events that
    /// arrive meanwhile are taken too: while they come faster than `each` takes them it does not return.
    pub fn drain(&mut self, each: impl FnMut(&Event<'_>)) -> usize {
        self.drain_up_to(usize::MAX, each)
    }

    /// As [`Session::drain`], but returns after `most` events, so that a flood leaves room for other work.
    pub fn drain_up_to(&mut self, most: usize, mut each: impl FnMut(&Event<'_>)) -> usize {
        let mut count = 0;
        while count < most
            && let Some(record) = self.kernel.events.next()
        {
            let sites = &self.sites;
            let signs = |site: u32| sites.get(usize::try_from(site).ok()?).copied();
            if let Some(event) =
                Event::decode(&record, self.start, &self.ids, &self.plan.probes, signs)
            {
                each(&event);
                count += 1;
            }
        }
        count
    }

    /// Waits until there are events, the traced process has ended, or the time is over.
    ///
    /// # Errors
    /// When the kernel cannot wait.
    pub fn wait(&self, timeout: Duration) -> Result<(), Error> {
        let mut fds = vec![PollFd::new(&self.kernel.events, PollFlags::IN)];
        fds.extend(self.pidfd.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let timeout = Timespec::try_from(timeout).ok();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(Error::Wait(io::Error::from(error))),
        }
    }

    /// Whether the traced process has ended. Never for [`Target::Path`].
    pub fn ended(&self) -> bool {
        let Some(fd) = &self.pidfd else { return false };
        let zero = Timespec::default();
        matches!(poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&zero)), Ok(ready) if ready > 0)
    }

    /// Becomes readable when the traced process ends: for an event loop of your own. None for
    /// [`Target::Path`].
    pub fn process_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(OwnedFd::as_fd)
    }

    /// How long the session has been attached.
    pub fn since_start(&self) -> Duration {
        Duration::from_nanos(monotonic().saturating_sub(self.start))
    }

    /// The traced program's path; for a process where its file was.
    pub fn path(&self) -> &Path {
        &self.program.path
    }

    /// How many call sites are hooked.
    pub fn call_sites(&self) -> usize {
        self.plan.sites.len()
    }

    /// Processes that run the traced file, and those that run another file of that name, whose events are
    /// not seen.
    pub fn running(&self) -> Running {
        Running::find(&self.program)
    }

    /// Looks whether the file was replaced or rebuilt, and hooks the new one; counting goes on where it was.
    /// Returns whether it did. A file that is being written is left for the next look.
    ///
    /// A program that was rewritten in place, as `cp` does it, must not be run before this has returned: the kernel goes
    /// on to put breakpoints where call sites were. Linkers make a new file.
    ///
    /// # Errors
    /// When the new file no longer has what is traced, has it with another sign, or cannot be hooked. The next look
    /// tries again.
    pub fn follow(&mut self) -> Result<bool, Error> {
        let Target::Path(path) = &self.target else {
            return Ok(false);
        };
        let Ok(metadata) = std::fs::metadata(path) else {
            return Ok(false);
        };
        if Inode::of(&metadata) == self.program.inode {
            return Ok(false);
        }
        let program = match Program::open(&self.target) {
            Ok(program) => program,
            // A linker writes the notes last: until then it is no program, or one without tracepoints.
            Err(Error::File(_)) => return Ok(false),
            Err(Error::NoTracepoints { .. }) if !settled(&metadata) => return Ok(false),
            Err(error) => return Err(error),
        };
        let plan = plan::plan(&program.tracepoints, self.process, &self.requests)
            .map_err(|problems| request_error(&program, problems))?;
        let problems = self.plan.changed_signs(&plan, &self.ids);
        if !problems.is_empty() {
            return Err(request_error(&program, problems));
        }
        self.kernel.adapt(&plan)?;
        sys::detach(std::mem::take(&mut self.links));
        let program = std::mem::replace(&mut self.program, program);
        let plan = std::mem::replace(&mut self.plan, plan);
        let hooked = self.hook();
        if hooked.is_err() {
            // So that the next look tries again.
            sys::detach(std::mem::take(&mut self.links));
            (self.program, self.plan) = (program, plan);
        }
        hooked.map(|()| true)
    }

    /// Describes the plan's call sites to the kernel side and hooks them.
    fn hook(&mut self) -> Result<(), Error> {
        let hooks = self.describe()?;
        let path = self.program.kernel_path();
        // A path of ours has no NUL in it.
        let path = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
        let place = Place {
            path: &path,
            pid: match self.target {
                Target::Pid(pid) => Some(pid),
                Target::Path(_) => None,
            },
        };
        for name in plan::PROGRAMS {
            let hooks: Vec<Hook> = hooks
                .iter()
                .zip(&self.plan.sites)
                .filter(|(_, site)| self.plan.probes[site.probe].runs(name))
                .map(|(hook, _)| *hook)
                .collect();
            if hooks.is_empty() {
                continue;
            }
            let program = self.kernel.program(name, self.method)?;
            let links = sys::attach(program, self.method, &place, &hooks);
            self.links
                .extend(links.map_err(|(hook, source)| self.attach_error(hook, source))?);
        }
        Ok(())
    }

    /// Writes the plan's call sites where the kernel side finds them, by cookie.
    fn describe(&mut self) -> Result<Vec<Hook>, Error> {
        // Cookies of a program that was replaced are not used again until they have to be.
        let room = usize::try_from(self.kernel.sites.len()).unwrap_or(usize::MAX);
        if self.sites.len() + self.plan.sites.len() > room {
            self.sites.clear();
        }
        let mut hooks = Vec::new();
        for site in &self.plan.sites {
            let cookie = u32::try_from(self.sites.len()).unwrap_or(u32::MAX);
            self.kernel
                .sites
                .set(cookie, site.record, 0)
                .map_err(|source| Error::Map {
                    what: "describe the call sites to the kernel",
                    source,
                })?;
            let argc = usize::try_from(site.record.argc).unwrap_or(0);
            self.sites.push((site.signed, argc));
            hooks.push(Hook {
                offset: site.offset,
                semaphore: site.semaphore,
                cookie: cookie.into(),
            });
        }
        Ok(hooks)
    }

    fn attach_error(&self, hook: Option<Hook>, source: io::Error) -> Error {
        let site = hook.and_then(|hook| {
            let mut sites = self.plan.sites.iter();
            sites.find(|site| site.offset == hook.offset)
        });
        Error::Attach {
            what: match site {
                Some(site) => format!("{} at offset {:#x}", self.ids[site.probe], site.offset),
                None => format!("{} call sites", self.plan.sites.len()),
            },
            path: self.program.path.clone(),
            source,
        }
    }

    fn set_running(&mut self, running: bool) -> Result<(), Error> {
        let control = Control {
            running: running.into(),
            reserved: 0,
        };
        self.kernel
            .control
            .set(0, control, 0)
            .map_err(|source| Error::Map {
                what: "start or stop counting",
                source,
            })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Side by side, which dropping them one after the other is not.
        sys::detach(std::mem::take(&mut self.links));
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // aya's maps have no Debug.
        f.debug_struct("Session")
            .field("target", &self.target)
            .field("requests", &self.requests)
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}

impl AsFd for Session {
    /// Readable when there are events: for an event loop of your own.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kernel.events.as_fd()
    }
}

fn request_error(program: &Program, problems: Vec<Problem>) -> Error {
    Error::Request {
        path: program.path.clone(),
        problems,
    }
}

/// Whether a file has been written, as far as one can tell.
fn settled(metadata: &std::fs::Metadata) -> bool {
    let age = metadata.modified().ok().and_then(|at| at.elapsed().ok());
    age.is_some_and(|age| age >= SETTLED)
}

/// Nanoseconds of the clock that the kernel side stamps events with.
fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}
