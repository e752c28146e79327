//! `workshop plan` as it is typed, before anything exists.

use std::path::Path;

use assert_cmd::Command;

const ADA: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILbbuaIHYQLfSUrj8NTzormAiISgPhuRPNFReXH/qcTW";

fn plan(workshop: &str, args: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    plan_in(folder.path(), workshop, args)
}

fn plan_in(folder: &Path, workshop: &str, args: &[&str]) -> (i32, String, String) {
    let text = format!(
        "workshop: {{name: Tracing{workshop}}}\nparticipants:\n  - {{name: Ada Lovelace, key: {ADA}}}\n"
    );
    std::fs::write(folder.join("inventory.yaml"), text).unwrap();
    let output = Command::new(assert_cmd::cargo::cargo_bin!("workshop"))
        .current_dir(folder)
        .env_remove("CLICOLOR_FORCE")
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .arg("plan")
        .args(args)
        .output()
        .unwrap();
    // Looking makes nothing.
    assert!(!folder.join(".workshop").exists());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn what_would_be_made_and_what_it_costs() {
    let (status, stdout, stderr) = plan(", deadline: 2127-02-21T20:00:00+01:00", &[]);
    assert_eq!(status, 0, "{stderr}");
    for said in [
        "create",
        "builder",
        "these hosts cost nothing",
        "power themselves off at the deadline: Friday, 21 February 2127, 20:00 UTC+01:00",
    ] {
        assert!(stdout.contains(said), "{said}: {stdout}");
    }
}

#[test]
fn a_deadline_that_is_over_is_told() {
    let (status, _, stderr) = plan(", deadline: 2025-02-21T20:00:00+01:00", &[]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stderr.contains("would refuse: the deadline is over"),
        "{stderr}"
    );
}

#[test]
fn the_exit_status_tells_changes_from_errors_when_asked_for() {
    assert_eq!(plan("", &["--detailed-exitcode"]).0, 2);
    assert_eq!(plan(", deadline: tomorrow", &["--detailed-exitcode"]).0, 1);
    assert_eq!(plan("", &["--detailed-exitcode", "--no-such-flag"]).0, 1);
    assert_eq!(plan(", deadline: tomorrow", &[]).0, 2);
}

#[test]
fn a_release_says_whether_its_source_is_here_and_fetches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let release = "}\nbitcoin: {source: release, version: 30.2";
    let plan = |args: &[&str]| plan_in(folder.path(), release, args);
    let place = folder.path().display().to_string();
    let (status, stdout, stderr) = plan(&[]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    let said = stdout.split_once("cost nothing.\n").unwrap().1;
    insta::assert_snapshot!(said.replace(&place, "FOLDER"));
    // It did not even make a folder for it.
    let kept = folder.path().join("cache/workshop/source");
    assert!(!folder.path().join("cache").exists());

    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join("bitcoin-30.2.tar.gz"), "another file").unwrap();
    let (status, _, stderr) = plan(&[]);
    assert_eq!(status, 0);
    insta::assert_snapshot!(stderr.replace(&place, "FOLDER"));
    let (_, stdout, _) = plan(&["--json"]);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    insta::assert_snapshot!(document["source"].to_string().replace(&place, "FOLDER"));
}
