//! A participant's shell: on a host of a workshop of this test's own, or on one that is there already.
//!
//! For the latter, `WORKSHOP_DESK` is what runs a command there (`ssh -F … word`, or `sh -c` for this machine),
//! `WORKSHOP_THERE` the program there (`workshop`), and `WORKSHOP_TREE` the tree, when it is not the host's own.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::workshop::{Inventory, Ran, Workshop, word_of};

pub(super) struct Desk {
    /// Runs a command line there.
    shell: Vec<String>,
    program: String,
    tree: Option<String>,
    /// Gone when the test is over.
    _workshop: Option<Workshop>,
}

impl Desk {
    /// The one that the environment names, else one of a new workshop.
    pub(super) fn open() -> Self {
        if let Ok(shell) = std::env::var("WORKSHOP_DESK") {
            return Self {
                shell: shell.split_whitespace().map(str::to_owned).collect(),
                program: std::env::var("WORKSHOP_THERE").unwrap_or_else(|_| "workshop".into()),
                tree: std::env::var("WORKSHOP_TREE").ok(),
                _workshop: None,
            };
        }
        let mut inventory = Inventory::new(&[("Ada", "ada")]);
        // Two compilers side by side take more than the gigabyte that other tests have.
        inventory.memory_mib = 3072;
        let workshop = Workshop::new(&inventory);
        let hosts = workshop.provision();
        let word = word_of(&hosts, "Ada").to_owned();
        let path = |path: std::path::PathBuf| path.display().to_string();
        Self {
            shell: vec![
                "ssh".into(),
                "-F".into(),
                path(workshop.path().join(".workshop/ssh_config")),
                "-i".into(),
                path(workshop.key("ada")),
                word,
            ],
            program: "workshop".into(),
            tree: None,
            _workshop: Some(workshop),
        }
    }

    /// Runs a command line there, with something to read.
    pub(super) fn sh(&self, line: &str, input: &str) -> Ran {
        let mut command = self.command(line);
        command.stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Who does not read it has ended already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Ran::new(child.wait_with_output().unwrap())
    }

    /// What a command line prints there; it must succeed.
    #[track_caller]
    pub(super) fn says(&self, line: &str) -> String {
        self.sh(line, "").exits(0).trim().to_owned()
    }

    /// Waits until processes with all of these patterns in their command lines run there. They are looked for a hundred
    /// times a second and there, so that what is there for a moment is not missed.
    #[track_caller]
    pub(super) fn sees(&self, patterns: &[&str]) {
        let wait: Vec<String> = patterns.iter().map(|pattern| until(pattern)).collect();
        let line = format!(
            "timeout 240 sh -c '{}'",
            wait.join("; ").replace('\'', r"'\''")
        );
        let ran = self.sh(&line, "");
        assert_eq!(ran.status, Some(0), "no {patterns:?} was seen: {ran:?}");
    }

    /// Writes a file there.
    #[track_caller]
    pub(super) fn write(&self, path: &str, text: &str) {
        self.sh(
            &format!("mkdir -p \"$(dirname {path})\" && cat > {path}"),
            text,
        )
        .exits(0);
    }

    /// The command that runs a command line there.
    pub(super) fn command(&self, line: &str) -> Command {
        let (program, arguments) = self.shell.split_first().unwrap();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(line)
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// `workshop …` as a command line.
    pub(super) fn workshop(&self, arguments: &str) -> String {
        format!("{} {arguments}", self.program)
    }

    /// The participant's program there.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// `workshop check …` as a command line.
    pub(super) fn check(&self, arguments: &str) -> String {
        let tree = self.tree.as_ref();
        let tree = tree.map_or_else(String::new, |tree| format!(" --tree {tree}"));
        format!("{} check {arguments}{tree}", self.program)
    }
}

/// As a shell's words: wait until a process has this pattern in its command line. A bracket keeps it from finding itself.
pub(super) fn until(pattern: &str) -> String {
    format!("until pgrep -f -- '{pattern}' >/dev/null; do sleep 0.01; done")
}
