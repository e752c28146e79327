//! `status`, `grade`, `collect`, `rebuild` and `destroy` as they are typed, before there is any host: what is wrong
//! with a command line is said before anything is begun.

use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// Each command line with its exit status and both outputs.
fn runs(commands: &[&[&str]]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let inventory =
        "workshop: {name: Room}\nparticipants:\n  - {name: Ada Lovelace, key: ada.pub}\n";
    let key = "../provisioner/tests/keys/plain.pub";
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join(key);
    fs::copy(key, folder.path().join("ada.pub")).unwrap();
    fs::write(folder.path().join("inventory.yaml"), inventory).unwrap();
    let mut text = String::new();
    for arguments in commands {
        let output = Command::cargo_bin("workshop")
            .unwrap()
            .current_dir(folder.path())
            .env_remove("CLICOLOR_FORCE")
            .args(*arguments)
            .write_stdin("")
            .output()
            .unwrap();
        text += &format!(
            "$ workshop {}\n{}{}[exit {}]\n\n",
            arguments.join(" "),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap()
        );
    }
    // None of them has made anything, no folder for work or state either.
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "{text}");
    text
}

#[test]
fn a_room_without_hosts() {
    insta::assert_snapshot!(runs(&[
        &["status"],
        &["grade"],
        &["grade", "--only", "zoo"],
        &["rebuild", "zoo", "--yes"],
    ]));
}

#[test]
fn what_a_grade_cannot_do_is_said_before_hosts_are_asked() {
    insta::assert_snapshot!(runs(&[
        &["grade", "--json", "--format", "csv"],
        &["grade", "--tasks", "task9"],
        &["grade", "--tasks", "task1,tsk2"],
        &["grade", "--output", "nowhere/grade.csv"],
        &["grade", "--checker", "inventory.yaml"],
        &["grade", "--checker", "nowhere"],
        &["grade", "--parallel", "0"],
    ]));
}

#[test]
fn nobody_is_asked_where_nobody_can_answer() {
    insta::assert_snapshot!(runs(&[
        &["destroy"],
        &["destroy", "--label", "0badcafe"],
        &["destroy", "--label", "zoo", "--yes"],
        &["destroy", "--yes", "--no-collect", "--into", "here"],
        &["rebuild", "zoo"],
    ]));
}
