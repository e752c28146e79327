//! Adding people to inventories on disk: what is written, what is refused, and that a refusal writes
//! nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use miette::Diagnostic as _;
use provisioner::inventory::Inventory;
use provisioner::inventory::edit::{Addition, Change, EditError, Written, add, create};
use provisioner::participants::{PublicKey, judge_file};

struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn new(inventory: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventories/keys");
        fs::create_dir(dir.path().join("keys")).unwrap();
        for name in ["ada.pub", "grace.pub", "hedy.pub"] {
            fs::copy(fixtures.join(name), dir.path().join("keys").join(name)).unwrap();
        }
        fs::write(dir.path().join("inventory.yaml"), inventory).unwrap();
        Self { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("inventory.yaml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn key(&self, name: &str) -> PublicKey {
        let file = self.dir.path().join(format!("keys/{name}.pub"));
        judge_file(&file).key().unwrap().clone()
    }

    fn person(&self, name: &str, key: &str) -> Addition {
        Addition::Person {
            name: name.to_owned(),
            initials: None,
            key: self.key(key),
            written: Written::File(self.dir.path().join(format!("keys/{key}.pub"))),
        }
    }

    fn folder(&self) -> Addition {
        Addition::Folder {
            folder: self.dir.path().join("keys"),
        }
    }

    /// Adds, expects a refusal, and that the file and its folder are as they were.
    fn refused(&self, addition: &Addition) -> String {
        let (before, files) = (self.text(), self.files());
        let error = add(&self.path(), addition).unwrap_err();
        assert_eq!(self.text(), before);
        assert_eq!(self.files(), files);
        let mut text = error.to_string();
        if let Some(help) = error.help() {
            text = format!("{text}\n  hint: {help}");
        }
        let findings = match &error {
            EditError::Broken(problems) => problems.findings(),
            EditError::Conflict { findings } => findings,
            _ => &[],
        };
        for finding in findings {
            let (line, column) = finding.line_column().unwrap();
            text = format!("{text}\n  {line}:{column} {finding}");
        }
        text.replace(&self.dir.path().display().to_string(), "DIR")
    }

    fn files(&self) -> usize {
        fs::read_dir(self.dir.path()).unwrap().count()
    }
}

const ONE: &str = "workshop: {name: W}   # ours\nparticipants:\n  # first\n  - {name: Ada Lovelace, key: keys/ada.pub}\n";

#[test]
fn a_person_is_added_and_the_second_time_there_is_nothing_to_do() {
    let folder = Folder::new(ONE);
    let grace = folder.person("Grace  Hopper", "grace");
    let Change::Added { people, written } = add(&folder.path(), &grace).unwrap() else {
        panic!("nothing was added");
    };
    assert_eq!((people.len(), written.as_str()), (1, "keys/grace.pub"));
    assert_eq!(
        folder.text(),
        format!("{ONE}  - {{name: Grace Hopper, initials: GH, key: keys/grace.pub}}\n")
    );
    let text = folder.text();
    assert_eq!(add(&folder.path(), &grace).unwrap(), Change::Nothing);
    assert_eq!(folder.text(), text);
}

#[test]
fn a_key_from_elsewhere_is_written_itself() {
    let folder = Folder::new(ONE);
    let other = Folder::new(ONE);
    let hedy = other.person("Hedy", "hedy");
    let Change::Added { people, written } = add(&folder.path(), &hedy).unwrap() else {
        panic!("nothing was added");
    };
    assert_eq!(written, people[0].key.authorized_line());
    let loaded = Inventory::load(&folder.path()).unwrap();
    assert_eq!(loaded.inventory.participants[1], people[0]);
    assert!(loaded.remarks.is_empty());
}

#[test]
fn a_folder_is_added_once() {
    let folder = Folder::new("workshop: {name: W}\nparticipants: []\n");
    let Change::Added { people, written } = add(&folder.path(), &folder.folder()).unwrap() else {
        panic!("nothing was added");
    };
    assert_eq!((people.len(), written.as_str()), (3, "keys"));
    assert_eq!(
        folder.text(),
        "workshop: {name: W}\nparticipants:\n  - {folder: keys}\n"
    );
    assert_eq!(
        add(&folder.path(), &folder.folder()).unwrap(),
        Change::Nothing
    );
    // One of the folder is there already, by the name its file gives.
    let ada = folder.person("ada", "ada");
    assert_eq!(add(&folder.path(), &ada).unwrap(), Change::Nothing);
}

#[test]
fn refusals_say_why_and_write_nothing() {
    let folder = Folder::new(ONE);
    let broken = Folder::new("workshop: {nme: W}\n");
    let braces = Folder::new("{workshop: {name: W}}\n");
    let mut initials = folder.person("Grace", "grace");
    if let Addition::Person { initials, .. } = &mut initials {
        *initials = Some("toolong".to_owned());
    }
    let all = [
        (
            "another key",
            folder.refused(&folder.person("Ada Lovelace", "grace")),
        ),
        (
            "a taken key",
            folder.refused(&folder.person("Grace Hopper", "ada")),
        ),
        (
            "a name alike",
            folder.refused(&folder.person("ada lovelace", "grace")),
        ),
        ("no name", folder.refused(&folder.person(" ", "grace"))),
        ("initials", folder.refused(&initials)),
        (
            "a folder with somebody in it",
            folder.refused(&folder.folder()),
        ),
        ("broken", broken.refused(&broken.person("Ada", "ada"))),
        ("braces", braces.refused(&braces.person("Ada", "ada"))),
    ]
    .map(|(what, text)| format!("== {what}\n{text}"))
    .join("\n");
    insta::assert_snapshot!(all);
}

#[test]
fn mode_line_ends_and_symbolic_links_stay() {
    let folder = Folder::new(&ONE.replace('\n', "\r\n"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.dir.path().join("link.yaml");
    symlink("inventory.yaml", &link).unwrap();
    let old = fs::metadata(folder.path()).unwrap();
    add(&link, &folder.person("Grace", "grace")).unwrap();
    let new = fs::metadata(folder.path()).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(new.mode(), old.mode());
    assert_eq!((new.uid(), new.gid()), (old.uid(), old.gid()));
    assert_ne!(
        new.ino(),
        old.ino(),
        "it was replaced in one step, not written over"
    );
    assert!(folder.text().ends_with("key: keys/grace.pub}\r\n"));
    assert!(!folder.text().replace("\r\n", "").contains(['\r', '\n']));
    assert_eq!(folder.files(), 3, "no temporary file is left");
}

#[test]
fn runs_at_the_same_time_lose_nobody() {
    let folder = Folder::new("workshop: {name: W}\n");
    std::thread::scope(|scope| {
        for (name, key) in [("Ada", "ada"), ("Grace", "grace"), ("Hedy", "hedy")] {
            let (folder, person) = (&folder, folder.person(name, key));
            scope.spawn(move || add(&folder.path(), &person).unwrap());
        }
    });
    let loaded = Inventory::load(&folder.path()).unwrap();
    assert_eq!(loaded.inventory.participants.len(), 3);
}

#[test]
fn a_new_inventory_never_takes_the_place_of_another_unasked() {
    let folder = Folder::new(ONE);
    let error = create(&folder.path(), "New", false).unwrap_err();
    assert!(matches!(error, EditError::Exists { .. }), "{error}");
    assert_eq!(folder.text(), ONE);
    create(&folder.path(), "New", true).unwrap();
    assert_eq!(
        Inventory::load(&folder.path())
            .unwrap()
            .inventory
            .workshop
            .name,
        "New"
    );
    let other = folder.dir.path().join("other.yaml");
    create(&other, "Other", false).unwrap();
    let dangling = folder.dir.path().join("dangling.yaml");
    symlink("nowhere", &dangling).unwrap();
    assert!(create(&dangling, "Other", false).is_err());
    assert!(create(&folder.dir.path().join("no/such.yaml"), "Other", false).is_err());
    assert!(create(&other, "bad\nname", true).is_err());
    assert_eq!(folder.files(), 4, "no temporary file is left");
}
