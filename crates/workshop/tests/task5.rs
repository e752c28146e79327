//! `workshop check task5` where no Bitcoin Core is: what it says of trees and programs, and that it never passes
//! for want of them. What a node does is tested on real hosts.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// The tracepoints are in a C program; the source beside it is only compiled.
const INIT: &str = "\
#define TRACEPOINT(context, event) context##_##event##_semaphore++
#define TRACEPOINT_SEMAPHORE(context, event) int context##_##event##_semaphore
TRACEPOINT_SEMAPHORE(node, started);
void AppInitMain()
{
    TRACEPOINT(node, started);
}
";

/// As CMake writes it: a folder, a compiler, an object, a source.
const MAKEFILE: &str = "\
bitcoind: bin/bitcoind
bin/bitcoind: src/init.o
\tcd TREE/build/src && cmake -E cmake_link_script CMakeFiles/bitcoind.dir/link.txt
src/init.o: TREE/src/init.cpp
\tcd TREE/build/src && c++ -O2 -MD -MF init.d -o init.o -c TREE/src/init.cpp
";

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    /// A tree whose bitcoind is a C program with tracepoints, a base that is another such, and answers.
    fn new() -> Self {
        let home = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        home.write("tree/CMakeLists.txt", "set(CLIENT_VERSION_MAJOR 31)\n");
        home.write("tree/src/init.cpp", INIT);
        home.write("tree/src/other.h", "// nothing includes this\n");
        home.write(
            "answers.yaml",
            "task5: {names: 'node:started node:stopping', place: src/init.cpp, unclean: 'no'}\n",
        );
        home.compile("tree/build/bin/bitcoind");
        home.compile("base");
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn compile(&self, name: &str) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probe/tests/fixture.c");
        let program = self.path(name);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let made = Command::new("cc")
            .args(["-O2", "-DSEMAPHORES", "-o"])
            .args([&program, &source])
            .status()
            .expect("the tests need a C compiler: apt-get install gcc");
        assert!(made.success());
    }

    /// A build system that has built everything.
    fn with_makefile(self) -> Self {
        let tree = self.path("tree").display().to_string();
        self.write("tree/build/CMakeCache.txt", "");
        self.write("tree/build/Makefile", &MAKEFILE.replace("TREE", &tree));
        self.write("tree/build/src/init.o", "");
        self.set_time("tree/build/src/init.o", 10);
        self.set_time("tree/build/bin/bitcoind", 20);
        self.set_time("tree/src/init.cpp", 0);
        self.set_time("tree/src/other.h", 0);
        self
    }

    /// When a file was changed, in seconds since some moment.
    fn set_time(&self, name: &str, seconds: u64) {
        let file = fs::File::options()
            .append(true)
            .open(self.path(name))
            .unwrap();
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
        file.set_modified(moment).unwrap();
    }

    /// What is printed, and the exit status at its end.
    fn check(&self, options: &[&str]) -> String {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("workshop"))
            .args(["check", "task5", "--answers", "answers.yaml"])
            .args(options)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        format!("{text}[exit {}]", output.status.code().unwrap())
    }
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
}

const THERE: [&str; 4] = ["--tree", "tree", "--base", "base"];

#[test]
fn what_is_missing_is_named_and_no_pass() {
    let home = Home::new();
    let text = home.check(&[]);
    says(&text, &["there is no program to look at", "[exit 2]"]);
    let text = home.check(&["--tree", "tree"]);
    says(
        &text,
        &["no program to compare with", "--base FILE", "[exit 2]"],
    );
    let same = ["--tree", "tree", "--base", "tree/build/bin/bitcoind"];
    says(&home.check(&same), &["compared with itself", "[exit 2]"]);
    let text = home.check(&["--binary", "tree/build/bin/bitcoind", "--base", "base"]);
    says(
        &text,
        &["there is no source to compare", "nothing new is in"],
    );
    fs::remove_file(home.path("tree/build/bin/bitcoind")).unwrap();
    let text = home.check(&THERE);
    says(
        &text,
        &[
            "cannot",
            "cmake --build build --target bitcoind",
            "[exit 2]",
        ],
    );
    home.write("tree/build/bin/bitcoind", "#!/bin/sh\n");
    says(
        &home.check(&THERE),
        &["this is a script, not a program", "[exit 2]"],
    );
}

#[test]
fn without_a_build_system_the_times_tell() {
    let home = Home::new();
    home.set_time("tree/build/bin/bitcoind", 20);
    let text = home.check(&THERE);
    says(
        &text,
        &[
            "is newer than tree/build/bin/bitcoind",
            "build it: cmake --build build",
            "[exit 1]",
        ],
    );
}

#[test]
fn a_file_that_the_program_is_not_made_of_is_no_reason_to_build() {
    let home = Home::new().with_makefile();
    says(&home.check(&THERE), &["is newer than its source"]);
    home.set_time("tree/src/other.h", 30);
    says(&home.check(&THERE), &["is newer than its source"]);
}

#[test]
fn a_changed_source_is_looked_through_by_the_compiler() {
    let home = Home::new().with_makefile();
    home.set_time("tree/src/init.cpp", 30);
    let text = home.check(&THERE);
    says(
        &text,
        &["src/init.cpp is newer than tree/build/bin/bitcoind"],
    );
    // Compiled, and not linked.
    home.set_time("tree/build/src/init.o", 40);
    says(
        &home.check(&THERE),
        &["src/init.cpp is newer than", "[exit 1]"],
    );
    // Linked a second ago.
    home.set_time("tree/build/bin/bitcoind", 50);
    says(&home.check(&THERE), &["is newer than its source"]);

    let forgotten = INIT.replace("TRACEPOINT_SEMAPHORE(node, started);\n", "");
    home.write("tree/src/init.cpp", &forgotten);
    let before = fs::read(home.path("tree/build/src/init.o")).unwrap();
    let text = home.check(&THERE);
    says(
        &text,
        &[
            "it does not compile: src/init.cpp:5:",
            "'node_started_semaphore' was not declared",
            "every tracepoint has a semaphore",
            "[exit 1]",
        ],
    );
    // The tree is as it was.
    assert_eq!(
        fs::read(home.path("tree/build/src/init.o")).unwrap(),
        before
    );
    assert!(!home.path("tree/build/src/init.d").exists());
}
