//! A participant's home for one test.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

const CALLS: &str = "\
#include <util/trace.h>
// TRACEPOINT(fixture, two_sites) is called below.

void Work()
{
    TRACEPOINT(fixture, two_sites, wide, narrow);
}
";

const DOCUMENT: &str = "\
# User-space, Statically Defined Tracing (USDT) for Bitcoin Core

### Context `fixture`

#### Tracepoint `fixture:no_args`

Is called once.

#### Tracepoint `fixture:two_sites`

Is called twice.

#### Tracepoint `fixture:constant`

Is called once.
";

pub(crate) const NAMES: [&str; 3] = ["fixture:no_args", "fixture:two_sites", "fixture:constant"];

pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for (name, text) in [
            ("tree/CMakeLists.txt", "set(CLIENT_VERSION_MAJOR 31)\n"),
            ("tree/src/x.cpp", CALLS),
            ("tree/doc/tracing.md", DOCUMENT),
        ] {
            home.write(name, text.as_bytes());
        }
        home
    }

    /// With a bitcoind made of the C program of `probe`'s tests.
    pub(crate) fn built() -> Self {
        let home = Self::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probe/tests/fixture.c");
        home.compile(&source, "tree/build/bin/bitcoind");
        home
    }

    pub(crate) fn compile(&self, source: &Path, name: &str) {
        let program = self.path(name);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let made = std::process::Command::new("cc")
            .args(["-O2", "-DSEMAPHORES", "-o"])
            .args([&program, source])
            .status()
            .expect("the tests need a C compiler: apt-get install gcc");
        assert!(made.success());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("workshop"));
        command
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("CLICOLOR_FORCE")
            .env_remove("NO_COLOR");
        command
    }

    /// One run: the command line, both outputs and the exit status, without the folder of this run.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        self.run_with(args, b"")
    }

    pub(crate) fn run_with(&self, args: &[&str], stdin: &[u8]) -> String {
        let output = Command::from_std(self.command())
            .args(args)
            .write_stdin(stdin)
            .output()
            .unwrap();
        let text = format!(
            "$ workshop {}\n{}{}[exit {}]\n",
            args.join(" "),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap()
        );
        let real = self.dir.path().canonicalize().unwrap();
        text.replace(real.to_str().unwrap(), "HOME")
            .replace(self.dir.path().to_str().unwrap(), "HOME")
    }

    pub(crate) fn answer(&self, question: &str, words: &[&str]) {
        let run = self.run(&[&["answer", "task1", question], words].concat());
        assert!(run.ends_with("[exit 0]\n"), "{run}");
    }

    pub(crate) fn answer_all(&self) {
        self.answer("tracepoints", &NAMES);
        self.answer("arguments", &["readelf", "-n"]);
        self.answer("documented", &["yes"]);
        self.answer("source", &["src/x.cpp:6"]);
    }
}

pub(crate) const CHECK: [&str; 4] = ["check", "task1", "--tree", "tree"];

/// Moments are the only thing that differs between two runs.
pub(crate) fn without_moments() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT");
    settings.add_filter(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "MOMENT");
    settings.add_filter(r"progress\.\d+\.json", "progress.SECONDS.json");
    settings.bind_to_scope()
}
