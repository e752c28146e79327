//! `workshop cache export` and a plan with a named cache, as they are typed on a machine that has built nothing.

use std::path::Path;

use assert_cmd::Command;

const ADA: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILbbuaIHYQLfSUrj8NTzormAiISgPhuRPNFReXH/qcTW";

/// A folder with an inventory of a tree by path, which takes no network, and with a cache where nobody listens.
fn place(hosts: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["CMakeLists.txt", "src/init.cpp", "src/util/trace.h"] {
        let path = folder.path().join("tree").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let key = "theirs:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
    let text = format!(
        "workshop: {{name: Tracing}}\n\
         bitcoin: {{source: {{path: tree}}, cache: {{url: \"http://127.0.0.1:9\", key: \"{key}\"}}}}\n\
         hosts: {{{hosts}}}\n\
         participants: [{{name: Ada Lovelace, key: {ADA}}}]\n"
    );
    std::fs::write(folder.path().join("inventory.yaml"), text).unwrap();
    folder
}

fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("workshop"))
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env_remove("CLICOLOR_FORCE")
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn nothing_was_built_here() {
    for hosts in [
        "provider: local",
        "provider: existing, existing: {machines: [192.0.2.7, 192.0.2.8]}",
    ] {
        let folder = place(hosts);
        let (status, stdout, stderr) = run(folder.path(), &["cache", "export", "web"]);
        assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
        assert!(
            stderr.contains("has no build of this inventory"),
            "{stderr}"
        );
        assert!(
            stderr.contains("`workshop provision` with this inventory"),
            "{stderr}"
        );
        assert!(!folder.path().join("web").exists());
    }
}

#[test]
fn a_plan_says_what_becomes_of_the_named_cache() {
    let folder = place("provider: local");
    let (status, stdout, stderr) = run(folder.path(), &["plan"]);
    assert_eq!(status, 0, "{stderr}");
    let said = "A builder is needed, for the named cache is of no use: cannot reach http://127.0.0.1:9/builds/";
    assert!(stdout.contains(said), "{stdout}");
    assert!(
        !folder.path().join("cache").exists(),
        "a plan writes nothing"
    );

    let existing = "provider: existing, existing: {machines: [192.0.2.7, 192.0.2.8]}";
    let folder = place(existing);
    let (status, stdout, stderr) = run(folder.path(), &["plan"]);
    assert_eq!(status, 0, "{stderr}");
    for said in [
        "cannot be told yet: `workshop provision` looks first which system your machines have",
        "192.0.2.8 as builder (by root), only if the named cache fails",
    ] {
        assert!(stdout.contains(said), "{stdout}");
    }
}
