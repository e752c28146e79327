//! `workshop handouts` as it is typed: what it writes beside an inventory, before and after the hosts are made.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use provisioner::state::{Effect, Event, Role, Workplace};

const ADA: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILbbuaIHYQLfSUrj8NTzormAiISgPhuRPNFReXH/qcTW";

struct Room {
    dir: tempfile::TempDir,
}

struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Room {
    /// Ada, and one spare.
    fn new() -> Self {
        let room = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        room.inventory(&format!("  - {{name: Ada Lovelace, key: {ADA}}}\n"));
        room
    }

    fn inventory(&self, people: &str) {
        let people = if people.is_empty() {
            " []\n"
        } else {
            &format!("\n{people}")
        };
        let text = format!(
            "workshop: {{name: Tracing, date: 2027-02-20, deadline: 2027-02-21T20:00:00+01:00}}\n\
             hosts: {{spare: 1}}\nparticipants:{people}"
        );
        fs::write(self.path("inventory.yaml"), text).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program where no `workshop-pdf` lies beside it, whatever else was built; `bin` is all of its PATH.
    fn run(&self, args: &[&str]) -> Ran {
        let program = self.path("installed/bin/workshop");
        if !program.exists() {
            let built = assert_cmd::cargo::cargo_bin!("workshop");
            fs::create_dir_all(program.parent().unwrap()).unwrap();
            // A link where it can be one: the program is large.
            fs::hard_link(built, &program)
                .or_else(|_| fs::copy(built, &program).map(drop))
                .unwrap();
        }
        let output = Command::new(program)
            .current_dir(self.dir.path())
            .env_remove("CLICOLOR_FORCE")
            .env("PATH", self.path("bin"))
            .arg("handouts")
            .args(args)
            .output()
            .unwrap();
        Ran {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A `workshop-pdf` on PATH that is this script; `$1` is its folder.
    fn pdf(&self, script: &str) {
        fs::create_dir_all(self.path("bin")).unwrap();
        // Written by another process: one that is forked by a test beside this one would inherit our open file, and
        // a program that somebody has open for writing cannot be run.
        Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(self.path("bin/workshop-pdf"))
            .write_stdin(format!("#!/bin/sh\n{script}\n"))
            .assert()
            .success();
    }

    /// The names of all files in a folder, by way of its folders.
    fn files(&self, folder: &str) -> BTreeSet<String> {
        fn walk(at: &Path, prefix: &str, names: &mut BTreeSet<String>) {
            for entry in fs::read_dir(at).unwrap() {
                let entry = entry.unwrap();
                let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), &format!("{name}/"), names);
                } else {
                    names.insert(name);
                }
            }
        }
        let mut names = BTreeSet::new();
        walk(&self.path(folder), "", &mut names);
        names
    }

    /// The words of Ada's host and of the spare, as a run before provisioning tells them.
    fn words(&self) -> Vec<String> {
        let ran = self.run(&["--json", "--output", "elsewhere"]);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let missing = document["missing"].as_array().unwrap().iter();
        missing
            .map(|missing| missing["word"].as_str().unwrap().to_owned())
            .collect()
    }

    /// As a run of `provision` leaves the state: each host made at an address; those `verified` well.
    fn provisioned(&self, hosts: &[(&str, &str, Role)], verified: bool) -> Workplace {
        let mut place = Workplace::open(&self.path("inventory.yaml"), "test").unwrap();
        for (index, (host, identity, role)) in (0u8..).zip(hosts) {
            place.host_key(host).unwrap();
            let host = (*host).to_owned();
            let mut events = vec![
                Event::Assigned {
                    host: host.clone(),
                    identity: (*identity).to_owned(),
                    role: *role,
                    index: index.into(),
                },
                Event::Done {
                    host: host.clone(),
                    effect: Effect::Create,
                    address: Some([10, 231, 7, 10 + index].into()),
                },
            ];
            if verified {
                events.push(Event::Done {
                    host,
                    effect: Effect::Configure,
                    address: None,
                });
            }
            for event in events {
                place.record(event).unwrap();
            }
        }
        place
    }
}

#[test]
fn before_there_are_hosts_everything_is_made_and_what_is_missing_is_said() {
    let room = Room::new();
    let ran = room.run(&[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    insta::assert_snapshot!(format!("{}---\n{}", ran.stdout, ran.stderr));
    let [ada, spare] = &room.words()[..] else {
        panic!()
    };
    let expected: BTreeSet<String> = ["cards", "table", "tasks"]
        .map(str::to_owned)
        .into_iter()
        .chain([ada, spare].map(|word| format!("cards/{word}")))
        .flat_map(|name| [format!("{name}.html"), format!("{name}.md")])
        .collect();
    assert_eq!(room.files("handouts"), expected);
    let card = room.read(&format!("handouts/cards/{ada}.md"));
    assert!(card.contains("Ada Lovelace") && card.contains("is not made yet"));
    // The table is for everybody: no names.
    assert!(!room.read("handouts/table.html").contains("Ada"));
    // Looking made no state.
    assert!(!room.path(".workshop").exists());
}

#[test]
fn a_provisioned_hosts_card_says_how_to_get_in() {
    let room = Room::new();
    let words = room.words();
    let hosts = [
        (&words[0][..], "Ada Lovelace", Role::Participant),
        (&words[1][..], "spare 1", Role::Spare),
    ];
    let place = room.provisioned(&hosts, true);
    let fingerprint = place.host_key(&words[0]).unwrap().fingerprint();
    // `provision` may still run: looking needs no lock.
    let ran = room.run(&["--format", "html,md"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let card = room.read(&format!("handouts/cards/{}.md", words[0]));
    for part in [
        "ssh workshop@10.231.7.10",
        &fingerprint,
        "Sunday, 21 February 2027, 20:00 UTC+01:00",
        "    HostName 10.231.7.10",
        "chmod 600",
        "icacls",
        "List the tracepoints",
        "CC BY-SA 4.0",
    ] {
        assert!(card.contains(part), "no {part} in\n{card}");
    }
    let table = room.read("handouts/table.md");
    assert!(table.contains(&format!("| {} | `10.231.7.10` | yes |", words[0])));
    assert!(table.contains(&format!("| {} | `10.231.7.11` | free |", words[1])));
    // The same again is the same again.
    let before = fs::read(room.path("handouts/cards.html")).unwrap();
    room.run(&[]);
    assert_eq!(fs::read(room.path("handouts/cards.html")).unwrap(), before);
}

#[test]
fn a_host_that_was_not_verified_is_told() {
    let room = Room::new();
    let words = room.words();
    room.provisioned(&[(&words[0], "Ada Lovelace", Role::Participant)], false);
    let ran = room.run(&[]);
    assert_eq!(ran.status, 0);
    assert!(
        ran.stderr
            .contains(&format!("{} was not verified", words[0])),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains(&format!("{} has no address yet", words[1])),
        "{}",
        ran.stderr
    );
}

#[test]
fn who_left_has_no_card_any_more_and_other_files_stay() {
    let room = Room::new();
    let word = room.words().remove(0);
    room.run(&[]);
    fs::write(room.path("handouts/notes.md"), "mine").unwrap();
    fs::write(room.path("handouts/cards/notes.md"), "mine").unwrap();
    room.inventory("");
    let ran = room.run(&[]);
    assert!(
        ran.stderr
            .contains(&format!("removed handouts/cards/{word}.html")),
        "{}",
        ran.stderr
    );
    let files = room.files("handouts");
    assert!(!files.contains(&format!("cards/{word}.html")));
    assert!(files.contains("notes.md") && files.contains("cards/notes.md"));
}

#[test]
fn only_some_cards() {
    let room = Room::new();
    let words = room.words();
    let ran = room.run(&["--format", "md", "--only", &words[1]]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(
        room.files("handouts"),
        BTreeSet::from([format!("cards/{}.md", words[1])])
    );
    let ran = room.run(&["--only", "nosuch", &words[1], "nor-this"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("`nosuch` or `nor-this`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_broken_template_changes_nothing() {
    let room = Room::new();
    room.run(&[]);
    let before = room.read("handouts/table.html");
    assert_eq!(room.run(&["eject", "mine"]).status, 0);
    assert_eq!(room.run(&["--templates", "mine"]).status, 0);
    assert_eq!(room.read("handouts/table.html"), before);

    // Only the last file of all is made with it.
    fs::write(
        room.path("mine/tasks.md.j2"),
        "# {{ workshop.name }}\n\n{{ workshop.nmae }}\n",
    )
    .unwrap();
    fs::write(room.path("mine/table.html.j2"), "changed").unwrap();
    let ran = room.run(&["--templates", "mine"]);
    assert_eq!(ran.status, 2);
    insta::assert_snapshot!(ran.stderr);
    assert_eq!(room.read("handouts/table.html"), before);
    assert!(
        room.files("handouts")
            .iter()
            .all(|name| !name.starts_with('.'))
    );

    let again = room.run(&["eject", "mine"]);
    assert_eq!(again.status, 2);
    assert!(
        again.stderr.contains("nothing is written over"),
        "{}",
        again.stderr
    );
}

#[test]
fn what_cannot_be_used_is_refused_whole() {
    let room = Room::new();
    fs::write(room.path("handouts"), "a file").unwrap();
    let ran = room.run(&[]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("cannot write to handouts"),
        "{}",
        ran.stderr
    );

    let state = room.path(".workshop");
    fs::create_dir(&state).unwrap();
    fs::write(state.join("journal.jsonl"), "{\"v\":99,\"at\":\"x\"}\n").unwrap();
    let ran = room.run(&["--output", "elsewhere"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("newer version"), "{}", ran.stderr);
    assert!(!room.path("elsewhere").exists());
}

/// Takes in the request as the real program does, and answers.
const MAKES: &str = r#"
request=$(/bin/cat)
case $request in *'"schema":1,'*'"cards.typ":'*'Ada Lovelace'*) ;; *) echo "$request" >&2; exit 9 ;; esac
echo '%PDF-' > "$1/cards.pdf"
echo '{"result":"made","written":["cards.pdf"],"remarks":["no font has that"]}'
"#;

#[test]
fn pdf_is_made_by_another_program() {
    let room = Room::new();
    room.pdf(MAKES);
    let ran = room.run(&["--format", "pdf"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("no font has that"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "handouts/cards.pdf\n");
    assert_eq!(
        room.files("handouts"),
        BTreeSet::from(["cards.pdf".to_owned()])
    );
}

#[test]
fn without_pdf_the_rest_is_made_and_the_way_to_it_is_told() {
    let room = Room::new();
    for (script, told) in [
        (None, "neither beside `workshop` nor on PATH"),
        (
            Some("echo 'thread main panicked: oh' >&2; exit 101"),
            "exit status: 101: thread main panicked: oh",
        ),
        (
            Some("echo nonsense"),
            "workshop-pdf ended with exit status: 0",
        ),
        (
            Some(r#"echo '{"result":"failed","message":"it is of another version"}'; exit 1"#),
            "it is of another version",
        ),
        (Some("kill -9 $$"), "signal: 9"),
    ] {
        if let Some(script) = script {
            room.pdf(script);
        }
        let ran = room.run(&[]);
        // Nobody asked for PDF by name.
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert!(ran.stderr.contains("cargo build-pdf"), "{}", ran.stderr);
        assert!(room.read("handouts/cards.html").contains("Ada Lovelace"));

        let ran = room.run(&["--format", "html,pdf", "--json"]);
        assert_eq!(ran.status, 1, "{}", ran.stderr);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(document["not_made"][0]["format"], "pdf");
    }
    // An old one beside new pages would lead somebody astray.
    fs::write(room.path("handouts/cards.pdf"), "%PDF-").unwrap();
    let ran = room.run(&[]);
    assert!(ran.stderr.contains("of an earlier run"), "{}", ran.stderr);
}

#[test]
fn a_typst_templates_mistake_is_told_as_any_other() {
    let room = Room::new();
    room.pdf(
        r#"/bin/cat >/dev/null
        echo '{"result":"wrong","message":"unknown variable: x","help":null,"template":"table.typ","at":[0,7]}'
        exit 1"#,
    );
    let ran = room.run(&[]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.contains("error: unknown variable: x") && ran.stderr.contains("table.typ:1:1"),
        "{}",
        ran.stderr
    );
    assert!(!room.path("handouts/cards.html").exists());
}

#[test]
fn the_book_is_that_of_the_inventorys_bitcoin_core() {
    let room = Room::new();
    let inventory = room.read("inventory.yaml");
    for (file, text) in [
        ("v28/configure.ac", "define(_CLIENT_VERSION_MAJOR, 28)\n"),
        ("v28/src/init.cpp", ""),
        ("v31/src/init.cpp", ""),
        ("v31/CMakeLists.txt", "set(CLIENT_VERSION_MAJOR 31)\n"),
        ("v31/test/functional/test_runner.py", ""),
    ] {
        fs::create_dir_all(room.path(file).parent().unwrap()).unwrap();
        fs::write(room.path(file), text).unwrap();
    }
    for (bitcoin, told, not_told) in [
        ("{source: crate}", "cmake -B build", "interface_usdt_net.py"),
        ("{source: {path: v28}}", "./autogen.sh", "cmake"),
        (
            "{source: {path: v31}}",
            "interface_usdt_net.py",
            "./autogen.sh",
        ),
    ] {
        fs::write(
            room.path("inventory.yaml"),
            format!("bitcoin: {bitcoin}\n{inventory}").replace("{spare: 1}", "{spare: 0}"),
        )
        .unwrap();
        let ran = room.run(&["--format", "html,md"]);
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        for format in ["html", "md"] {
            let book = room.read(&format!("handouts/tasks.{format}"));
            assert!(book.contains(told), "{bitcoin}: no {told}");
            assert!(!book.contains(not_told), "{bitcoin}: {not_told}");
            // Every task, with its questions and its check.
            for task in 0..6 {
                assert!(book.contains(&format!("workshop check task{task}")));
                assert!(book.contains(&format!("workshop answer task{task}")));
            }
        }
    }
}
