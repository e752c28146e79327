//! What the scripts do, and what they leave alone.

use super::*;

#[test]
fn a_stock_machine_says_what_it_is_among_noise() {
    let root = Root::new();
    let before = root.all();
    let text = root.run(look_in).text;
    let machine = read_look(&format!("Welcome!\n@machine\n{text}bye\n")).unwrap();
    assert_eq!(machine.system, "debian-13-amd64");
    assert_eq!(machine.pretty, "Debian GNU/Linux 13 (trixie)");
    assert!(machine.systemd && machine.apt);
    assert!(machine.disk > 0 && machine.processors > 0);
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap();
    // mawk's %d ends at 2 GiB.
    assert_eq!(machine.memory, total.parse::<u64>().unwrap() * 1024);
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
    // Where root runs the tests, and the file system can.
    for path in [
        "home/workshop/bitcoin/build/x",
        "etc/environment",
        "etc/passwd",
        "root/.ssh/authorized_keys",
    ] {
        let _ = Command::new("chattr")
            .arg("+i")
            .arg(root.path(path))
            .stderr(Stdio::null())
            .status();
    }
    assert_eq!(root.undo(), gone());
    assert_eq!(root.all(), before);
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

#[test]
fn adopting_again_changes_nothing() {
    let root = Root::new();
    assert_eq!(root.adopt(), Adopted::Yes);
    let once = root.all();
    assert_eq!(root.adopt(), Adopted::Yes);
    assert_eq!(root.all(), once);
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
        assert_eq!(root.all(), before, "{at_undo}");
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
    for removed in ["var/lib/workshop-before", "var/lib/workshop-before/kept"] {
        let (root, outside) = (Root::new(), outside());
        assert_eq!(root.adopt(), Adopted::Yes);
        root.work(outside.path());
        let path = root.path(removed);
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap();
        } else {
            std::fs::remove_file(path).unwrap();
        }
        // Killed, it still knows.
        root.dies_at("userdel");
        assert!(matches!(root.undo(), Undone::Failed(_)));
        let Undone::Gone { notes } = root.undo() else {
            panic!("not gone")
        };
        let told = notes
            .iter()
            .any(|note| note.starts_with("/etc/hostname stays as it is"));
        assert!(told, "{notes:?}");
        for ours in [
            "home/workshop",
            "etc/workshop",
            "etc/ssh/sshd_config.d/10-workshop.conf",
        ] {
            assert!(!root.path(ours).exists(), "{ours}");
        }
        assert_eq!(
            root.read("root/.ssh/authorized_keys"),
            "# mine\nssh-ed25519 BBBB me\n"
        );
        assert!(outside.path().join("precious").exists());
        assert_eq!(root.look().mark, None);
    }
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

/// What a participant who is root may leave behind is not ours to remove, and must not go unsaid.
#[test]
fn doors_that_were_opened_meanwhile_are_told() {
    let root = Root::new();
    assert_eq!(root.adopt(), Adopted::Yes);
    let keys = root.read("root/.ssh/authorized_keys");
    root.put(
        "root/.ssh/authorized_keys",
        &format!("{keys}ssh-ed25519 CCCC door\n"),
    );
    let passwd = root.read("etc/passwd");
    root.put(
        "etc/passwd",
        &format!("{passwd}toor:x:0:0::/root:/bin/sh\n"),
    );
    let Undone::Gone { notes } = root.undo() else {
        panic!("not gone")
    };
    assert_eq!(
        notes,
        [
            "lines that were added to root's authorized_keys meanwhile: 1; look whose they are",
            "accounts that are root by another name: toor",
        ]
    );
    assert!(
        root.read("root/.ssh/authorized_keys")
            .ends_with("CCCC door\n")
    );
}

#[test]
fn what_cannot_be_put_back_stays_and_is_told() {
    let (root, outside) = (Root::new(), outside());
    assert_eq!(root.adopt(), Adopted::Yes);
    root.work(outside.path());
    let kept = root.path("var/lib/workshop-before/kept.tar");
    let whole = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, "no archive").unwrap();
    let Undone::Left(left) = root.undo() else {
        panic!("not told")
    };
    assert!(
        left[0].starts_with("/etc/hostname: what it was cannot be read"),
        "{left:?}"
    );
    assert_eq!(root.read("etc/hostname"), "able\n");
    assert!(!root.path("home/workshop").exists());
    // Root's way in and the mark are still there.
    std::fs::write(&kept, whole).unwrap();
    assert_eq!(root.undo(), gone());
    assert_eq!(root.read("etc/hostname"), "stock\n");
}
