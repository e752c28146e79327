//! Real programs, compiled when a test asks for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// One for each test program, made afresh by each run: nothing drops a static, so a temporary folder would
/// stay behind.
pub(crate) static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
});

/// `tests/fixture.c`, whose notes are written by hand.
pub(crate) fn fixture(name: &str, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture.c");
    compile("cc", name, &source, flags)
}

/// Any source.
pub(crate) fn compile(compiler: &str, name: &str, source: &Path, flags: &[&str]) -> PathBuf {
    let program = FOLDER.join(name);
    run(Command::new(compiler)
        .args(flags)
        .arg("-o")
        .args([&program, source]));
    program
}

/// What a tool makes of a file, when it takes both as its last words.
pub(crate) fn made_by(tool: &[&str], from: &Path, name: &str) -> PathBuf {
    let made = FOLDER.join(name);
    run(Command::new(tool[0]).args(&tool[1..]).args([from, &made]));
    made
}

/// What a program prints.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; `cargo xtask test` installs what the tests need")
    });
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
