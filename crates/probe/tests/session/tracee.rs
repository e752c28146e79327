//! The programs that are traced: compiled once, copied for each test, started and told when to fire.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use probe::usdt::ProbeId;

use crate::mode::needs_root;
use crate::programs::{FOLDER, compile, run};
use crate::sdt;

/// The generated program's source, as a file.
static SDT: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = FOLDER.join("sdt.c");
    fs::write(&source, sdt::fixture().source).unwrap();
    source
});

/// A tracepoint by its name.
pub(crate) fn id(name: &str) -> ProbeId {
    name.parse().unwrap()
}

/// A program of this folder, or `sdt`; compiled when it is first asked for.
pub(crate) fn compiled(name: &str, flags: &[&str]) -> PathBuf {
    static MADE: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    needs_root();
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let key = format!("{name}{}", flags.concat());
    let program = made.entry(key).or_insert_with_key(|key| {
        let source = match name {
            "sdt" => SDT.clone(),
            _ => Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/session/{name}.c")),
        };
        // What a test says itself comes last, and wins.
        let flags = [&["-O2", "-pthread"], flags].concat();
        make_folder(&FOLDER.join(key));
        compile("cc", &format!("{key}/{name}"), &source, &flags)
    });
    program.clone()
}

/// A program in a file that no other test knows, not even its name.
pub(crate) fn own(program: &Path) -> PathBuf {
    let (folder, number) = numbered_folder();
    let name = program.file_name().unwrap().to_str().unwrap();
    let own = folder.join(format!("{name}-{number}"));
    overwrite(program, &own);
    own
}

/// A copy of that name in another folder.
pub(crate) fn copy(program: &Path) -> PathBuf {
    let copy = folder().join(program.file_name().unwrap());
    overwrite(program, &copy);
    copy
}

/// A new folder.
pub(crate) fn folder() -> PathBuf {
    numbered_folder().0
}

fn numbered_folder() -> (PathBuf, u32) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = FOLDER.join("copies").join(number.to_string());
    make_folder(&folder);
    (folder, number)
}

/// Makes a folder for those who own the target folder: we are root, and they have to be able to clean up.
fn make_folder(folder: &Path) {
    needs_root();
    fs::create_dir_all(folder).unwrap();
    let owner = fs::metadata(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let made = folder.ancestors();
    for folder in made.take_while(|folder| folder.starts_with(&*FOLDER)) {
        chown(folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

/// Copies a program, over what is there. By another process: a file that we have open for writing while a
/// thread of ours forks cannot be run for a moment.
pub(crate) fn overwrite(from: &Path, to: &Path) {
    run(Command::new("cp").args([from, to]));
}

/// A program of `examples`, which cargo builds with the tests, unless it is told to build one test only.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(
        path.exists(),
        "{} is missing: `cargo build -p probe --examples` builds it",
        path.display()
    );
    path
}

/// A running `threads` or `parts`, or whatever else a test must not leave behind.
pub(crate) struct Tracee {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Tracee {
    /// Starts `threads` with so many of them, which fire so many events each.
    pub(crate) fn threads(program: &Path, threads: u64, events: u64) -> Self {
        Self::ready(Command::new(program).args([threads.to_string(), events.to_string()]))
    }

    /// Starts a program that fires when it is told to, and waits until it does.
    pub(crate) fn ready(command: &mut Command) -> Self {
        let mut tracee = Self::start(command);
        // Until then its memory may not be what it will be.
        assert_eq!(tracee.line(), "ready\n");
        tracee
    }

    /// Starts a program.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One batch of events by threads that stand ready; returns when the last has been fired.
    pub(crate) fn fire(&mut self) {
        self.tell(b't');
    }

    /// One batch by new threads.
    pub(crate) fn fire_from_new_threads(&mut self) {
        self.tell(b'n');
    }

    /// One thread's batch by a forked process.
    pub(crate) fn fire_from_a_fork(&mut self) {
        self.tell(b'f');
    }

    fn tell(&mut self, command: u8) {
        self.begin(command);
        self.wait();
    }

    /// Starts a batch without waiting for it.
    pub(crate) fn begin(&mut self, command: u8) {
        self.input.as_mut().unwrap().write_all(&[command]).unwrap();
    }

    /// Waits until a batch has been fired.
    pub(crate) fn wait(&mut self) {
        assert_eq!(self.line(), "done\n", "the traced program has ended");
    }

    /// Waits for the next line it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    /// Ends it as it would by itself.
    pub(crate) fn end(mut self) {
        self.input = None;
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // After `end` there is nothing left to kill; after a failed test there is.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
