//! A workshop of one test: its folder, its keys, the program under test, and ssh. It is gone when
//! the test is over, however that ends.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::footprint::Footprint;

/// Tests with hosts run side by side, as many as `--test-threads` says: most of their time they wait. Those that
/// measure, or judge how busy a host is, have the machine for themselves.
static MACHINE: RwLock<()> = RwLock::new(());

/// What a test has of the machine until it is over.
enum Machine {
    Shared(#[expect(dead_code, reason = "held")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held")] RwLockWriteGuard<'static, ()>),
}

/// What takes a moment takes minutes on a machine that is busy with others.
pub(super) const PATIENCE: Duration = Duration::from_secs(240);

/// Where the program keeps a workshop's state.
pub(super) const STATE: &str = ".workshop";

/// What a test's inventory says.
#[derive(Clone, Debug)]
pub(super) struct Inventory {
    /// Names, and the key file of each.
    pub(super) people: Vec<(&'static str, &'static str)>,
    pub(super) memory_mib: u64,
    /// As in the inventory, with what follows it there.
    pub(super) provider: String,
    pub(super) chain: &'static str,
    /// The section `guard` in YAML's flow style; empty is the defaults.
    pub(super) guard: String,
    /// With its offset from UTC; empty is none.
    pub(super) deadline: String,
    /// `bitcoin.cache` in YAML's flow style; empty is none.
    pub(super) cache: String,
}

impl Inventory {
    pub(super) fn new(people: &[(&'static str, &'static str)]) -> Self {
        Self {
            people: people.to_vec(),
            memory_mib: 1024,
            provider: "local".to_owned(),
            chain: "regtest",
            guard: String::new(),
            deadline: String::new(),
            cache: String::new(),
        }
    }
}

/// One host in `provision --json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Host {
    pub(super) word: String,
    pub(super) identity: String,
    pub(super) address: Option<String>,
    pub(super) host_key: String,
    pub(super) verified: bool,
    pub(super) changed: Vec<String>,
    pub(super) error: Option<String>,
}

#[derive(Deserialize)]
struct Provisioned {
    schema: u32,
    hosts: Vec<Host>,
}

/// What a program came to.
#[derive(Debug)]
pub(super) struct Ran {
    /// Its exit status; none when a signal ended it.
    pub(super) status: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    pub(super) fn new(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Its standard output, after it exited with `status`.
    #[track_caller]
    pub(super) fn exits(self, status: i32) -> String {
        assert_eq!(self.status, Some(status), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The hosts of a `provision --json` that exited with `status`.
    #[track_caller]
    pub(super) fn hosts(self, status: i32) -> Vec<Host> {
        let text = self.exits(status);
        let document: Provisioned = serde_json::from_str(&text).unwrap();
        assert_eq!(document.schema, 1);
        document.hosts
    }

    /// The document of a command that exited with 0.
    #[track_caller]
    pub(super) fn json(self) -> Value {
        serde_json::from_str(&self.exits(0)).unwrap()
    }
}

/// A program that runs, and is killed when the test no longer wants it.
pub(super) struct Running(Option<Child>);

impl Running {
    fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    pub(super) fn pid(&mut self) -> u32 {
        self.child().id()
    }

    /// `kill -9` after `moment`; whether it still ran then.
    pub(super) fn killed_after(mut self, moment: Duration) -> bool {
        std::thread::sleep(moment);
        let child = self.child();
        child.kill().unwrap();
        child.wait().unwrap().signal() == Some(9)
    }

    pub(super) fn finish(mut self) -> Ran {
        Ran::new(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The program under test.
pub(super) fn program() -> PathBuf {
    std::env::var_os("WORKSHOP_BIN")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_workshop").into())
        .into()
}

pub(super) struct Workshop {
    folder: tempfile::TempDir,
    before: Footprint,
    // Last: who waits for the machine begins when all of this one is gone.
    _machine: Machine,
    /// Variables of every run of the program.
    variables: Vec<(&'static str, String)>,
}

impl Workshop {
    /// An inventory and its keys. No host is made.
    pub(super) fn new(inventory: &Inventory) -> Self {
        // A test that failed has cleaned up all the same.
        let shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        Self::with(inventory, Machine::Shared(shared))
    }

    /// The same, while no other test has hosts.
    pub(super) fn alone(inventory: &Inventory) -> Self {
        let alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        Self::with(inventory, Machine::Alone(alone))
    }

    fn with(inventory: &Inventory, machine: Machine) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test makes real hosts and needs root: run it with `sudo`, or run `cargo xtask test` as root"
        );
        let workshop = Self {
            folder: tempfile::tempdir().unwrap(),
            before: Footprint::of_the_machine(),
            _machine: machine,
            variables: vec![],
        };
        workshop.write(inventory);
        workshop
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The key file of this name, which is made the first time it is asked for.
    pub(super) fn key(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        if !path.exists() {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]);
            run(keygen.arg(&path)).exits(0);
        }
        path
    }

    pub(super) fn write(&self, inventory: &Inventory) {
        let mut text = format!(
            "workshop: {{name: End to end, deadline: {}}}\n\
             bitcoin: {{source: crate, chain: {}, cache: {}}}\n\
             hosts: {{provider: {}, limits: {{memory: {}MiB, cpus: 2, pids: 1000}}}}\n\
             guard: {}\n\
             participants:\n",
            inventory.deadline,
            inventory.chain,
            inventory.cache,
            inventory.provider,
            inventory.memory_mib,
            inventory.guard
        );
        for (name, key) in &inventory.people {
            self.key(key);
            let _ = writeln!(text, "  - {{name: {name}, key: {key}.pub}}");
        }
        std::fs::write(self.path().join("inventory.yaml"), text).unwrap();
    }

    /// The eight digits that everything of this workshop carries, once something was made.
    pub(super) fn id(&self) -> Option<String> {
        let journal =
            std::fs::read_to_string(self.path().join(STATE).join("journal.jsonl")).ok()?;
        let first: Value = serde_json::from_str(journal.lines().next()?).ok()?;
        let id = first.as_object()?.values().find_map(|value| {
            let text = value.as_str()?;
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            (text.len() == 8 && text.bytes().all(is_digit)).then(|| text.to_owned())
        });
        Some(id.unwrap_or_else(|| panic!("no id in the journal's first line: {first}")))
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(self.path());
        let variables = self.variables.iter();
        command.envs(variables.map(|(name, value)| (*name, value)));
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// Every run from now on has this variable.
    pub(super) fn set(&mut self, name: &'static str, value: String) {
        self.variables.push((name, value));
    }

    pub(super) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Running(Some(command.spawn().unwrap()))
    }

    /// A run after which every host is verified.
    #[track_caller]
    pub(super) fn provision(&self) -> Vec<Host> {
        let hosts = self.run(&["provision", "--json"]).hosts(0);
        for host in &hosts {
            assert!(host.verified, "{host:?}");
            assert_eq!(host.error, None);
        }
        hosts
    }

    /// A run that finds every host as it should be.
    #[track_caller]
    pub(super) fn provision_changes_nothing(&self) {
        for host in self.provision() {
            assert!(host.changed.is_empty(), "{host:?}");
        }
    }

    /// Logs in with OpenSSH and the written configuration, as a participant does.
    pub(super) fn ssh(&self, key: &str, arguments: &[&str]) -> Ran {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", ".workshop/ssh_config", "-o", "BatchMode=yes", "-i"])
            .arg(self.key(key))
            .args(arguments)
            // The keys of whoever runs the tests must not open anything.
            .env_remove("SSH_AUTH_SOCK")
            .current_dir(self.path());
        run(&mut ssh)
    }

    /// What a command of a participant prints; it must succeed.
    #[track_caller]
    pub(super) fn says(&self, key: &str, word: &str, command: &str) -> String {
        let ran = self.ssh(key, &[word, command]);
        let all = format!("{word}: {command}\n{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.status, Some(0), "{all}");
        ran.stdout.trim().to_owned()
    }

    /// What a command of root's prints; it must succeed.
    #[track_caller]
    pub(super) fn root(&self, word: &str, command: &str) -> String {
        let out = self.run(&["ssh", word, command]).exits(0);
        out.trim().to_owned()
    }

    #[track_caller]
    pub(super) fn boot_id(&self, word: &str) -> String {
        self.root(word, "cat /proc/sys/kernel/random/boot_id")
    }

    /// Destroys everything, and looks for what is left of it without the program's help.
    #[track_caller]
    pub(super) fn destroy(&self) {
        let document = self.run(&["destroy", "--yes", "--json"]).json();
        assert_eq!(document["left"], Value::Array(vec![]), "{document}");
        let Some(id) = self.id() else { return };
        // The kernel takes namespaces and what was in them down on its own time.
        eventually("nothing is left", || {
            let left = Footprint::of_the_machine().since(&self.before, &id);
            if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:#?}"))
            }
        });
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if self.id().is_none() {
            return;
        }
        if std::thread::panicking() {
            let ran = self.run(&["destroy", "--yes"]);
            if ran.status != Some(0) {
                let folder = self.folder.path().display();
                #[expect(clippy::print_stderr, reason = "a second panic would end all tests")]
                {
                    eprintln!("not cleaned up: {folder}: {}{}", ran.stdout, ran.stderr);
                }
                self.folder.disable_cleanup(true);
            }
        } else {
            self.destroy();
        }
    }
}

pub(super) fn run(command: &mut Command) -> Ran {
    Ran::new(command.stdin(Stdio::null()).output().unwrap())
}

/// The standard output of a program of this machine that must succeed.
#[track_caller]
pub(super) fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> String {
    run(Command::new(program).args(arguments)).exits(0)
}

/// Waits until `look` finds what it wants; what it says otherwise is the failure's text.
#[track_caller]
pub(super) fn eventually<T>(what: &str, look: impl Fn() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if start.elapsed() > PATIENCE => {
                panic!("waited in vain until {what}: {seen}");
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// The word of somebody's host.
#[track_caller]
pub(super) fn word_of<'a>(hosts: &'a [Host], identity: &str) -> &'a str {
    &host_of(hosts, identity).word
}

#[track_caller]
pub(super) fn host_of<'a>(hosts: &'a [Host], identity: &str) -> &'a Host {
    let mut found = hosts.iter().filter(|host| host.identity == identity);
    found
        .next()
        .unwrap_or_else(|| panic!("{identity}: {hosts:?}"))
}
