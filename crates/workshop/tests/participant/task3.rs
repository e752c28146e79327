//! Task 3 with what is no script, and without what it needs: said, within a moment, and never a pass.

use std::fs;
use std::process::Command;

use super::home::Home;

fn check(home: &Home, script: &str) -> String {
    home.run(&["check", "task3", "--tree", "tree", "--script", script])
}

#[test]
fn what_is_no_script_cannot_be_checked() {
    let home = Home::new();
    fs::create_dir(home.path("folder")).unwrap();
    let made = Command::new("mkfifo").arg(home.path("fifo")).status();
    assert!(made.unwrap().success());
    home.write("binary", b"\x7fELF\x02\x01\x01\0\0");
    home.write("latin", b"// caf\xe9\n");
    home.write("huge", &vec![b' '; (256 << 10) + 1]);
    std::os::unix::fs::symlink("itself", home.path("itself")).unwrap();
    for (script, why) in [
        ("folder", "it is a directory"),
        ("fifo", "it is no plain file"),
        ("/dev/zero", "it is no plain file"),
        ("binary", "it is no text"),
        ("latin", "it is no text"),
        ("huge", "it is larger than 256 KiB"),
        ("nowhere.bt", "No such file"),
        ("itself", "symbolic links"),
    ] {
        let run = check(&home, script);
        let line = run
            .lines()
            .find(|line| line.contains("is no script"))
            .unwrap_or_default();
        assert!(line.starts_with("? ") && line.contains(why), "{run}");
        // The questions are not answered.
        assert!(run.ends_with("[exit 1]\n"), "{run}");
    }
}

#[test]
fn without_a_script_the_first_step_is_told() {
    let run = Home::new().run(&["check", "task3", "--tree", "tree"]);
    assert!(run.contains("there is no ~/workshop/task3.bt"), "{run}");
    assert!(run.contains("`workshop start task3`"), "{run}");
}

#[test]
fn a_tree_without_the_program_cannot_be_checked() {
    let home = Home::new();
    home.write("mine.bt", b"BEGIN { }\n");
    let run = check(&home, "mine.bt");
    assert!(
        run.contains("build/bin/test_bitcoin: No such file"),
        "{run}"
    );
    assert!(run.contains("build it: cmake -B build"), "{run}");
    home.write("tree/build/bin/test_bitcoin", b"");
    let run = check(&home, "mine.bt");
    assert!(run.contains("? the script in a run of the test"), "{run}");
    fs::remove_dir_all(home.path("tree")).unwrap();
    let run = check(&home, "mine.bt");
    assert!(run.contains("there is no source tree at"), "{run}");
}
