//! What cannot be traced, and what is said then.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::{Place, settings};

#[test]
fn slips_are_told_what_was_meant() {
    let place = Place::new();
    let lines = [
        &["trace", "./fixture", "utxocache:ad"][..],
        &["trace", "./fixture", "utxocache"],
        &["trace", "./fixture", "cache:*"],
        &["trace", "./fixture", "utxocache:add", "--sum", "valeu"],
        &["trace", "./fixture", "utxocache:add", "--sum", "txid"],
        &[
            "trace",
            "./fixture",
            "net:inbound_message",
            "--hist",
            "message_type",
        ],
        &[
            "trace",
            "./fixture",
            "net:inbound_message",
            "--by",
            "message_bytes",
        ],
        &[
            "trace",
            "./fixture",
            "utxocache:add",
            "--by",
            "txid",
            "--by",
            "value",
        ],
        &[
            "trace",
            "./fixture",
            "utxocache:add",
            "--lhist",
            "value:0:10",
        ],
        &[
            "trace",
            "./fixture",
            "utxocache:add",
            "--lhist",
            "value:0:1000:1",
        ],
        &["trace", "./fixture", "utxocache:add", "--where", "value"],
        &[
            "trace",
            "./fixture",
            "utxocache:add",
            "--where",
            "valeu > 1",
        ],
        &[
            "trace",
            "./fixture",
            "utxocache:add",
            "--where",
            "value > x",
        ],
        &[
            "trace",
            "./fixture",
            "utxocache:add",
            "--by",
            "txid:bytes65",
        ],
        &[
            "trace",
            "./fixture",
            "net:inbound_message",
            "--where",
            "message_type == 1",
        ],
        &[
            "trace",
            "./fixture",
            "utxocache:ad",
            "fixture:own",
            "--sum",
            "arg9",
            "--by",
            "arg1:text",
        ],
        &["trace", "./no-such", "utxocache:add"],
        &["trace", ".", "utxocache:add"],
        &["trace", "4194305", "utxocache:add"],
        &["trace", "--follow", "1", "utxocache:add"],
        &["--json", "trace", "./fixture", "utxocache:ad"],
    ];
    let told: String = lines.iter().map(|line| place.told(line)).collect();
    settings().bind(|| insta::assert_snapshot!(told));
}

#[test]
fn a_command_line_that_says_too_little_is_explained() {
    let place = Place::new();
    let lines = [
        &["trace"][..],
        &["trace", "./fixture"],
        &["trace", "./fixture", "utxocache:add", "--duration", "soon"],
        &["trace", "./fixture", "utxocache:add", "--buffer", "2G"],
        &["trace", "./fixture", "utxocache:add", "--sum"],
    ];
    let told: String = lines.iter().map(|line| place.told(line)).collect();
    settings().bind(|| insta::assert_snapshot!(told));
}

#[test]
fn the_help_explains_actions() {
    let place = Place::new();
    insta::assert_snapshot!(place.told(&["trace", "--help"]));
}

#[test]
fn a_program_without_tracepoints_is_told_how_to_get_them() {
    let place = Place::new();
    fs::write(place.path("plain.c"), "int main(void) { return 0; }").unwrap();
    let made = Command::new("cc")
        .current_dir(place.dir.path())
        .args(["-o", "plain", "plain.c"])
        .status()
        .unwrap();
    assert!(made.success());
    settings().bind(|| insta::assert_snapshot!(place.told(&["trace", "./plain", "utxocache:add"])));
}

#[test]
fn without_the_rights_it_says_which() {
    let place = Place::new();
    // Nobody may look into the folders where this was built.
    let own = place.path("workshop");
    fs::copy(assert_cmd::cargo::cargo_bin!("workshop"), &own).unwrap();
    for path in [place.dir.path(), &own] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new(own)
        .current_dir(place.dir.path())
        .args(["trace", "./fixture", "utxocache:add"])
        .gid(65534)
        .uid(65534)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @r"
    error: tracing needs CAP_BPF and CAP_PERFMON
    hint: run it as root: sudo workshop …
    ");
}
