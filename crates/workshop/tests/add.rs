//! `workshop init` and `workshop add` as they are typed, with what they print and how they exit.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// The key files of `provisioner`'s tests.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../provisioner/tests")
}

struct Room {
    dir: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "plain.pub",
            "quotes.pub",
            "rsa.pub",
            "private-openssh",
            "cut-off.pub",
            "two-keys.pub",
            "empty.pub",
        ] {
            fs::copy(fixtures().join("keys").join(name), dir.path().join(name)).unwrap();
        }
        for name in ["grace.pub", "hedy.pub"] {
            fs::copy(
                fixtures().join("inventories/keys").join(name),
                dir.path().join(name),
            )
            .unwrap();
        }
        Self { dir }
    }

    /// One run: the command line, the exit status and both outputs.
    fn run(&self, args: &[&str]) -> String {
        self.run_with(args, "")
    }

    fn run_with(&self, args: &[&str], stdin: &str) -> String {
        let output = Command::cargo_bin("workshop")
            .unwrap()
            .current_dir(self.dir.path())
            .env_remove("CLICOLOR_FORCE")
            .args(args)
            .write_stdin(stdin)
            .output()
            .unwrap();
        format!(
            "$ workshop {}\n{}{}[exit {}]\n",
            args.join(" "),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap()
        )
    }

    fn inventory(&self) -> String {
        fs::read_to_string(self.dir.path().join("inventory.yaml")).unwrap()
    }
}

#[test]
fn dry_run_judges_and_exits_by_the_verdict() {
    let room = Room::new();
    insta::assert_snapshot!(
        [
            room.run(&["add", "--dry-run", "plain.pub"]),
            room.run(&["add", "--dry-run", "plain.pub", "plain.pub", "grace.pub"]),
            room.run(&[
                "add",
                "--dry-run",
                "plain.pub",
                "quotes.pub",
                "rsa.pub",
                "private-openssh",
                "cut-off.pub",
                "two-keys.pub",
                "empty.pub",
                "missing.pub",
                ".",
                "/dev/null",
            ]),
            room.run_with(&["add", "--dry-run", "-"], "> ssh-ed25519 nothing\n"),
        ]
        .join("\n")
    );
    assert!(!room.dir.path().join("inventory.yaml").exists());
}

#[test]
fn dry_run_as_json() {
    let room = Room::new();
    insta::assert_snapshot!(
        [
            room.run(&["add", "--dry-run", "--json", "quotes.pub", "grace.pub"]),
            room.run(&[
                "add",
                "--dry-run",
                "--json",
                "plain.pub",
                "private-openssh",
                "rsa.pub"
            ]),
        ]
        .join("\n")
    );
}

#[test]
fn from_nothing_to_an_inventory_with_people() {
    let room = Room::new();
    let key = fs::read_to_string(room.dir.path().join("hedy.pub")).unwrap();
    let inline = key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let runs = [
        room.run(&["add", "Ada", "--key", "plain.pub"]),
        room.run(&["init", "--name", "Our Workshop"]),
        room.run(&["init"]),
        room.run(&["add", "Ada", "Lovelace", "--key", "plain.pub"]),
        room.run(&["add", "Ada Lovelace", "--key", "quotes.pub"]),
        room.run(&["add", "Ada Lovelace", "--key", "grace.pub"]),
        room.run_with(
            &["add", "Grace Hopper", "--initials", "gmh", "--key", "-"],
            &fs::read_to_string(room.dir.path().join("grace.pub")).unwrap(),
        ),
        room.run(&["add", "Hedy Lamarr", "--key", &inline]),
        room.run(&["add", "Joan", "--key", "private-openssh"]),
        room.run(&["add", "Joan", "--key", "plain.pub"]),
        room.run(&["add", "--json", "Joan", "--key", "rsa.pub"]),
        room.run(&["add", "--json", "Joan", "--key", "hedy.pub"]),
    ];
    insta::assert_snapshot!(runs.join("\n"));
    insta::assert_snapshot!("inventory_with_people", room.inventory());
}

#[test]
fn a_folder_of_people() {
    let room = Room::new();
    let keys = room.dir.path().join("keys");
    fs::create_dir(&keys).unwrap();
    for name in ["grace.pub", "hedy.pub"] {
        fs::rename(room.dir.path().join(name), keys.join(name)).unwrap();
    }
    let runs = [
        room.run(&["init", "--json"]),
        room.run(&["add", "--json", "--folder", "keys"]),
        room.run(&["add", "--folder", "keys/"]),
    ];
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn problems_are_shown_with_their_lines() {
    let room = Room::new();
    let inventory = fixtures().join("inventories/example-with-problems.yaml");
    fs::copy(inventory, room.dir.path().join("inventory.yaml")).unwrap();
    fs::create_dir(room.dir.path().join("keys")).unwrap();
    fs::copy(
        room.dir.path().join("plain.pub"),
        room.dir.path().join("keys/ada.pub"),
    )
    .unwrap();
    let before = room.inventory();
    let runs = [
        room.run(&["add", "Joan", "--key", "hedy.pub"]),
        room.run(&["add", "--json", "Joan", "--key", "hedy.pub"]),
    ];
    insta::assert_snapshot!(runs.join("\n"));
    assert_eq!(room.inventory(), before);
}

#[test]
fn nothing_of_a_private_key_reaches_the_terminal() {
    let room = Room::new();
    let secret = fs::read_to_string(room.dir.path().join("private-openssh")).unwrap();
    room.run(&["init"]);
    let in_file = room.inventory().replace(
        "  # - {name: Ada",
        &format!("  - key: {secret}  # - {{name: Ada"),
    );
    fs::write(room.dir.path().join("secret.yaml"), in_file).unwrap();
    let shown = [
        // An argument is in the process list already; it is not repeated all the same.
        &room
            .run(&["add", "Ada", "--key", &secret])
            .replacen(&secret, "SECRET", 1),
        &room.run(&["add", "--json", "Ada", "--key", "private-openssh"]),
        &room.run_with(&["add", "Ada", "--key", "-"], &secret),
        &room
            .run(&["add", "--dry-run", &secret])
            .replacen(&secret, "SECRET", 1),
        &room.run(&[
            "add",
            "--inventory",
            "secret.yaml",
            "Joan",
            "--key",
            "hedy.pub",
        ]),
        &room.run(&[
            "add",
            "--json",
            "--inventory",
            "secret.yaml",
            "Joan",
            "--key",
            "hedy.pub",
        ]),
    ]
    .map(String::as_str)
    .concat();
    for line in secret.lines().filter(|line| !line.starts_with('-')) {
        for piece in line.as_bytes().windows(8) {
            let piece = std::str::from_utf8(piece).unwrap();
            assert!(!shown.contains(piece), "{piece}");
        }
    }
    assert_eq!(shown.matches("PRIVATE key").count(), 6, "{shown}");
    assert!(!room.inventory().contains("OPENSSH"));
}

#[test]
fn command_lines_that_make_no_sense() {
    let room = Room::new();
    for args in [
        &["add"][..],
        &["add", "Ada"],
        &["add", "--folder", "x", "Ada"],
        &["add", "--dry-run"],
        &["add", "--dry-run", "--key", "plain.pub", "Ada"],
        &["add", "--key", "plain.pub"],
    ] {
        let run = room.run(args);
        assert!(run.contains("[exit 2]"), "{run}");
        assert!(run.contains("Usage:"), "{run}");
    }
}
