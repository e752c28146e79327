//! The scripts through a real shell, in a root of the tests' own, with commands that only write down what they are for.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::look::look_in;
use super::take::adopt_in;
use super::undo::undo_in;
use super::*;
use crate::cloud::WorkshopId;
use crate::host::Output;

const KEY: &str = "ssh-ed25519 AAAA somebody@laptop";

/// What would change the machine that tests run on. `DIES` names the one that kills its script instead, once.
const COMMAND: &str = r#"#!/bin/sh
name=${0##*/}
root=${0%/bin/*}/root
if [ "$name" = "$(cat "$root/../dies" 2>/dev/null)" ]; then rm "$root/../dies"; kill -9 $PPID; exit 1; fi
case $name in
  userdel) for a; do :; done; sed -i "/^$a:/d" "$root/etc/passwd" ;;
  groupdel) sed -i "/^$1:/d" "$root/etc/group" ;;
  hostname) if [ $# = 0 ]; then echo stock; else echo "$1" > "$root/../hostname"; fi ;;
  systemctl) [ "$1" != is-active ] ;;
  dpkg) [ "$1" = --print-architecture ] && echo amd64 ;;
  sshd) [ "$1" != -T ] || cat "$root/../effective" 2>/dev/null ;;
  nix-store) [ "$1" != --query ] || echo "$root/nix/store/abc-closure" ;;
  nix-collect-garbage) rm -rf "$root/nix/store/abc-closure" ;;
esac
"#;

struct Root {
    folder: tempfile::TempDir,
    label: WorkshopId,
}

impl Root {
    fn new() -> Self {
        let root = Self {
            folder: tempfile::tempdir().unwrap(),
            label: "0badcafe".parse().unwrap(),
        };
        for folder in [
            "etc/ssh/sshd_config.d",
            "home",
            "lib/modules/6.1-1",
            "run/systemd/system",
            "tmp",
            "usr/local/bin",
            "var/lib",
            "var/tmp",
        ] {
            std::fs::create_dir_all(root.path(folder)).unwrap();
        }
        root.put(
            "etc/os-release",
            "ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n",
        );
        root.put(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n",
        );
        root.put("etc/group", "root:x:0:\n");
        root.put("etc/hostname", "stock\n");
        root.put(
            "etc/hosts",
            "127.0.0.1 localhost\n127.0.1.1 stock.example stock\n",
        );
        root.put("etc/motd", "Welcome\n");
        root.put("root/.ssh/authorized_keys", "# mine\nssh-ed25519 BBBB me\n");
        std::fs::set_permissions(
            root.path("root/.ssh/authorized_keys"),
            PermissionsExt::from_mode(0o640),
        )
        .unwrap();
        for command in [
            "userdel",
            "groupdel",
            "hostname",
            "systemctl",
            "loginctl",
            "pkill",
            "dpkg",
            "sshd",
            "apt-get",
            "nix-store",
            "nix-collect-garbage",
        ] {
            let file = root.folder.path().join("bin").join(command);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, COMMAND).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        }
        root
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    fn put(&self, path: &str, content: &str) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    /// Runs what `script` gives for this root, as a connection would.
    fn run(&self, script: impl FnOnce(Place) -> Script) -> Output {
        let root = self.path("").display().to_string();
        let bin = self.folder.path().join("bin").display().to_string();
        let script = script(Place {
            root: root.trim_end_matches('/'),
            path: &format!("{bin}:{}", MACHINE.path),
        });
        let mut child = Command::new("sh")
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.text().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Output {
            status: output
                .status
                .code()
                .and_then(|code| u32::try_from(code).ok()),
            text: String::from_utf8(text).unwrap(),
            cut: false,
        }
    }

    fn adopt(&self) -> Adopted {
        read_adopt(&self.run(|place| adopt_in(place, &self.label, "able", KEY)))
    }

    fn undo(&self) -> Undone {
        read_undo(&self.run(|place| undo_in(place, &self.label)))
    }

    fn look(&self) -> Machine {
        read_look(&self.run(look_in).text).unwrap()
    }

    /// The next call of this command kills the script that calls it.
    fn dies_at(&self, command: &str) {
        std::fs::write(self.folder.path().join("dies"), command).unwrap();
    }

    fn died(&self) -> bool {
        !self.folder.path().join("dies").exists()
    }

    /// Every path below the root: its mode, and its content or where it leads.
    fn all(&self) -> BTreeMap<String, String> {
        fn walk(folder: &Path, root: &Path, all: &mut BTreeMap<String, String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = std::fs::symlink_metadata(&path).unwrap();
                let is = if metadata.is_dir() {
                    walk(&path, root, all);
                    "folder".to_owned()
                } else if metadata.is_symlink() {
                    std::fs::read_link(&path).unwrap().display().to_string()
                } else {
                    String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()
                };
                let name = path.strip_prefix(root).unwrap().display().to_string();
                all.insert(name, format!("{:o} {is}", metadata.permissions().mode()));
            }
        }
        let mut all = BTreeMap::new();
        walk(&self.path(""), &self.path(""), &mut all);
        // The folder that every sshd has while it runs.
        all.remove("run/sshd");
        all
    }

    /// What steps write, and what participants do; `outside` is not ours.
    fn work(&self, outside: &Path) {
        for path in ["etc/passwd", "etc/group"] {
            let more = "workshop:x:4000001:4000001::/home/workshop:/bin/bash\nbitcoin:x:4000002:4000002::/var/lib/bitcoind:/usr/sbin/nologin\n";
            let text = self.read(path);
            self.put(path, &format!("{text}{more}"));
        }
        for path in paths::ours() {
            self.put(path.trim_start_matches('/'), "ours");
        }
        std::fs::remove_file(self.path("home/workshop")).unwrap();
        self.put("home/workshop/bitcoin/build/x", "work");
        for path in [
            "etc/environment",
            "etc/motd",
            "etc/nix/nix.conf",
            "tmp/workshop-check-17-x/log",
            "etc/motd.workshop-new",
            "root/.nix-defexpr/channels",
        ] {
            self.put(path, "ours");
        }
        std::fs::create_dir_all(self.path("nix/store/abc-closure")).unwrap();
        symlink(
            "/nix/store/abc-closure",
            self.path("nix/var/nix/profiles/workshop-1-link"),
        )
        .unwrap();
        std::fs::create_dir_all(self.path("lib/modules/6.18/")).unwrap();
        symlink(
            "/usr/src/linux-headers-6.1",
            self.path("lib/modules/6.18/build"),
        )
        .unwrap();
        // Links out of what is removed, and in the place of what is put back.
        symlink(outside, self.path("home/workshop/out")).unwrap();
        std::fs::remove_file(self.path("etc/workshop")).unwrap();
        symlink(outside, self.path("etc/workshop")).unwrap();
        std::fs::remove_file(self.path("etc/hosts")).unwrap();
        symlink(outside.join("precious"), self.path("etc/hosts")).unwrap();
    }
}

fn outside() -> tempfile::TempDir {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("precious"), "precious").unwrap();
    outside
}

fn gone() -> Undone {
    Undone::Gone { notes: vec![] }
}

#[test]
fn a_stock_machine_says_what_it_is_among_noise() {
    let root = Root::new();
    let before = root.all();
    let text = root.run(look_in).text;
    let machine = read_look(&format!("Welcome!\n@machine\n{text}bye\n")).unwrap();
    assert_eq!(machine.system, "debian-13-amd64");
    assert_eq!(machine.pretty, "Debian GNU/Linux 13 (trixie)");
    assert!(machine.systemd && machine.apt);
    assert!(machine.disk > 0 && machine.memory > 0 && machine.processors > 0);
    assert_eq!((machine.mark, machine.taken), (None, vec![]));
    assert_eq!(root.all(), before);
    // Cut off anywhere it is no answer.
    let error = read_look(text.split("@machine end").next().unwrap()).unwrap_err();
    assert!(
        error.tail.iter().any(|line| line.contains("processors")),
        "{error:?}"
    );
}

#[test]
fn a_machine_is_given_back_as_it_was() {
    let (root, outside) = (Root::new(), outside());
    let before = root.all();
    assert_eq!(root.adopt(), Adopted::Yes);
    assert_eq!(root.read("etc/hostname"), "able\n");
    assert!(
        root.read("etc/hosts")
            .ends_with("localhost\n127.0.1.1 able\n")
    );
    assert_eq!(
        root.read("root/.ssh/authorized_keys"),
        "# mine\nssh-ed25519 BBBB me\nssh-ed25519 AAAA workshop-0badcafe\n"
    );
    let mark = root.look().mark.unwrap();
    assert_eq!(
        (mark.label.as_str(), mark.word.as_str(), mark.adopted),
        ("0badcafe", "able", true)
    );

    root.work(outside.path());
    assert_eq!(root.undo(), gone());
    let mut after = root.all();
    // Nix's own folders, and where a new package would put what is gone.
    after.retain(|path, _| before.contains_key(path) || !before_or_empty(path));
    assert_eq!(after, before);
    assert_eq!(
        std::fs::read_to_string(outside.path().join("precious")).unwrap(),
        "precious"
    );
    assert_eq!(
        std::fs::read_to_string(root.folder.path().join("hostname")).unwrap(),
        "stock\n"
    );
    // Once more: nothing to do.
    assert_eq!(root.undo(), gone());
}

/// Folders above what the test itself put where the packages would have made them.
fn before_or_empty(path: &str) -> bool {
    [
        "nix",
        "var/cache",
        "var/mail",
        "var/spool",
        "var/lib/systemd",
        "etc/profile.d",
        "etc/sudoers.d",
        "etc/systemd",
        "usr/share",
        "run/motd.d",
        "run/lock",
    ]
    .iter()
    .any(|folder| path == *folder || path.starts_with(&format!("{folder}/")))
}

#[test]
fn adopting_again_changes_nothing() {
    let root = Root::new();
    assert_eq!(root.adopt(), Adopted::Yes);
    let once = root.all();
    assert_eq!(root.adopt(), Adopted::Yes);
    assert_eq!(root.all(), once);
}

#[test]
fn a_machine_of_another_workshop_is_left_alone() {
    let root = Root::new();
    assert_eq!(root.adopt(), Adopted::Yes);
    let before = root.all();
    let other: WorkshopId = "00000001".parse().unwrap();
    let (label, word) = ("0badcafe".to_owned(), "able".to_owned());
    let adopted = read_adopt(&root.run(|place| adopt_in(place, &other, "able", KEY)));
    assert_eq!(
        adopted,
        Adopted::Another {
            label: label.clone(),
            word: word.clone()
        }
    );
    let undone = read_undo(&root.run(|place| undo_in(place, &other)));
    assert_eq!(undone, Undone::Another { label, word });
    assert_eq!(root.all(), before);
    // Its own undo lies there, for somebody who has nothing else.
    let status = Command::new(root.path("var/lib/workshop-before/undo"))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(root.look().mark, None);
}

#[test]
fn what_is_there_already_is_nobodys_to_take() {
    let root = Root::new();
    root.put("etc/bitcoin/bitcoin.conf", "mine");
    root.put("etc/group", "root:x:0:\nbitcoin:x:99:\n");
    let before = root.all();
    let taken = vec!["the group `bitcoin`".to_owned(), "/etc/bitcoin".to_owned()];
    assert_eq!(root.adopt(), Adopted::Taken(taken.clone()));
    assert_eq!(root.look().taken, taken);
    // Without a mark nothing is removed either.
    assert!(matches!(root.undo(), Undone::Left(left) if left.len() == 2));
    assert_eq!(root.all(), before);
}

#[test]
fn killed_anywhere_it_is_completed_by_the_next_run() {
    for (at_adoption, at_undo) in [
        ("hostname", "systemctl"),
        ("sshd", "pkill"),
        ("systemctl", "userdel"),
        ("sshd", "nix-collect-garbage"),
        ("hostname", "hostname"),
        ("sshd", "sshd"),
    ] {
        let (root, outside) = (Root::new(), outside());
        let before = root.all();
        root.dies_at(at_adoption);
        assert!(matches!(root.adopt(), Adopted::Failed(_)));
        assert!(root.died(), "{at_adoption}");
        assert_eq!(root.look().mark.map(|mark| mark.adopted), Some(false));
        assert_eq!(root.adopt(), Adopted::Yes, "{at_adoption}");
        root.work(outside.path());
        root.dies_at(at_undo);
        assert!(matches!(root.undo(), Undone::Failed(_)), "{at_undo}");
        assert!(root.died(), "{at_undo}");
        // Root can still come back.
        assert!(
            root.read("root/.ssh/authorized_keys")
                .contains("workshop-0badcafe"),
            "{at_undo}"
        );
        assert_eq!(root.undo(), gone(), "{at_undo}");
        let mut after = root.all();
        after.retain(|path, _| before.contains_key(path) || !before_or_empty(path));
        assert_eq!(after, before, "{at_undo}");
    }
}

#[test]
fn killed_before_anything_changed_only_the_mark_goes() {
    let root = Root::new();
    let before = root.all();
    root.dies_at("hostname");
    assert!(matches!(root.adopt(), Adopted::Failed(_)));
    assert_eq!(root.undo(), gone());
    assert_eq!(root.all(), before);
}

#[test]
fn a_folder_that_became_a_link_leads_nowhere() {
    let (root, outside) = (Root::new(), outside());
    assert_eq!(root.adopt(), Adopted::Yes);
    root.work(outside.path());
    std::fs::create_dir(outside.path().join("workshop")).unwrap();
    std::fs::rename(root.path("home"), root.path("home.moved")).unwrap();
    symlink(outside.path(), root.path("home")).unwrap();
    let Undone::Left(left) = root.undo() else {
        panic!("it went along")
    };
    assert!(
        left[0].starts_with("/home/workshop: /home is not the folder that it was"),
        "{left:?}"
    );
    assert!(outside.path().join("workshop").exists());
    // Put right, it goes on.
    std::fs::remove_file(root.path("home")).unwrap();
    std::fs::rename(root.path("home.moved"), root.path("home")).unwrap();
    assert_eq!(root.undo(), gone());
    assert!(outside.path().join("precious").exists());
}

#[test]
fn without_what_was_kept_only_what_is_ours_goes() {
    let (root, outside) = (Root::new(), outside());
    assert_eq!(root.adopt(), Adopted::Yes);
    root.work(outside.path());
    std::fs::remove_dir_all(root.path("var/lib/workshop-before")).unwrap();
    let Undone::Gone { notes } = root.undo() else {
        panic!("not gone")
    };
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("/etc/hostname stays as it is")),
        "{notes:?}"
    );
    assert!(!root.path("home/workshop").exists() && !root.path("etc/workshop").exists());
    assert_eq!(
        root.read("root/.ssh/authorized_keys"),
        "# mine\nssh-ed25519 BBBB me\n"
    );
    assert!(outside.path().join("precious").exists());
}

#[test]
fn a_root_without_keys_gets_one_and_loses_it_again() {
    let root = Root::new();
    std::fs::remove_dir_all(root.path("root/.ssh")).unwrap();
    let before = root.all();
    assert_eq!(root.adopt(), Adopted::Yes);
    let mode = |path| {
        std::fs::metadata(root.path(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(
        (mode("root/.ssh"), mode("root/.ssh/authorized_keys")),
        (0o700, 0o600)
    );
    assert_eq!(root.undo(), gone());
    assert_eq!(root.all(), before);
}

#[test]
fn a_configuration_that_keeps_root_out_is_told() {
    let root = Root::new();
    std::fs::write(root.folder.path().join("effective"), "permitrootlogin no\n").unwrap();
    let Adopted::Failed(tail) = root.adopt() else {
        panic!("adopted")
    };
    assert!(
        tail.last().unwrap().contains("keeps root out in spite of"),
        "{tail:?}"
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let label: WorkshopId = "0badcafe".parse().unwrap();
    let good = Machine {
        system: "ubuntu-24.04-arm64".into(),
        pretty: "Ubuntu 24.04.1 LTS".into(),
        kernel: "6.8.0-49-generic".into(),
        systemd: true,
        apt: true,
        root: true,
        disk: 20 << 30,
        memory: 2 << 30,
        processors: 2,
        mark: None,
        taken: vec![],
    };
    assert_eq!(problems(&good, &label, "able"), []);
    for (system, fits) in [
        ("debian-12-amd64", true),
        ("debian-13-arm64", true),
        ("debian-11-amd64", false),
        ("debian--amd64", false),
        ("debian-13-i386", false),
        ("ubuntu-22.04-amd64", false),
        ("ubuntu-24.10-amd64", true),
        ("ubuntu-26.04-amd64", true),
        ("fedora-42-", false),
        ("", false),
    ] {
        let machine = Machine {
            system: system.into(),
            ..good.clone()
        };
        assert_eq!(
            problems(&machine, &label, "able").is_empty(),
            fits,
            "{system}"
        );
    }
    let bad = Machine {
        system: "ubuntu-22.04-arm64".into(),
        pretty: "Ubuntu 22.04.5 LTS".into(),
        systemd: false,
        apt: false,
        root: false,
        disk: 1 << 30,
        memory: 128 << 20,
        taken: vec!["the account `bitcoin`".into(), "/etc/bitcoin".into()],
        ..good.clone()
    };
    let mark = |label: &str, word: &str| Machine {
        mark: Some(Mark {
            label: label.into(),
            word: word.into(),
            adopted: true,
        }),
        disk: 0,
        ..good.clone()
    };
    let mut text = String::new();
    for machine in [
        bad,
        mark("00000001", "zoo"),
        mark("0badcafe", "zoo"),
        mark("0badcafe", "able"),
    ] {
        for problem in problems(&machine, &label, "able") {
            let help = miette::Diagnostic::help(&problem).unwrap();
            text.push_str(&format!("{problem}\n  hint: {help}\n"));
        }
        text.push_str("--\n");
    }
    insta::assert_snapshot!(text);
}

/// The scripts' own words for where a file is; what is in none of the lists would stay on somebody's machine.
fn is_covered(path: &str) -> bool {
    let within = |folder: &str| path == folder || path.starts_with(&format!("{folder}/"));
    let lists = [paths::SHARED, paths::SSH_SHARED, paths::BROUGHT];
    within(BEFORE)
        || paths::ours().iter().any(|folder| within(folder))
        || lists.concat().contains(&path)
}

#[test]
fn whatever_steps_write_is_undone() {
    let context = crate::steps::tests::context();
    let folder = tempfile::tempdir().unwrap();
    let cache = crate::nix::cache::Cache::open(folder.path()).unwrap();
    let builder = crate::nix::builder::steps(&cache);
    let steps = [crate::steps::host(&context), builder].concat();
    for file in steps.iter().flat_map(|step| &step.files) {
        assert!(
            is_covered(&file.path),
            "{} is in no list of paths.rs",
            file.path
        );
    }
    // What is only read, made by a package, or a folder in front of a variable.
    const KNOWN: &[&str] = &[
        "/dev/null",
        "/bin/bash",
        "/proc/sys/kernel/osrelease",
        "/usr/sbin/nologin",
        "/usr/share/bash-completion/completions",
        "/etc/systemd/system/",
        "/usr/local/bin/",
        "/usr/src",
        "/usr/src/linux-headers-",
        // What remove_headers looks through.
        "/lib/modules/",
    ];
    for step in &steps {
        let words = step
            .change
            .text()
            .split(|c: char| c.is_whitespace() || "'\"`;|&<>()=$*{}".contains(c));
        // Store paths go when the profile does.
        let words = words.filter(|word| word.starts_with('/') && !word.starts_with("/nix/store/"));
        // A pattern of sed's.
        for word in words.filter(|word| !word.starts_with("/^")) {
            assert!(
                KNOWN.contains(&word) || is_covered(word),
                "step `{}` names {word}, which is in no list of paths.rs",
                step.id
            );
        }
    }
}
