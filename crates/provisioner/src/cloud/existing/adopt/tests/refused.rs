//! Machines that cannot be hosts, or are somebody else's.

use super::*;

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
fn a_configuration_that_keeps_root_out_is_told() {
    let root = Root::new();
    let usual = "permitrootlogin without-password\npubkeyauthentication yes\nauthorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n";
    for (line, why) in [
        ("", None),
        ("allowusers root\nallowusers ada\n", None),
        ("permitrootlogin no\n", Some("PermitRootLogin no")),
        ("pubkeyauthentication no\n", Some("PubkeyAuthentication no")),
        (
            "authorizedkeysfile /etc/ssh/keys/%u\n",
            Some("AuthorizedKeysFile"),
        ),
        (
            "allowusers ada\n",
            Some("AllowUsers or AllowGroups without root"),
        ),
    ] {
        let effective = format!("{usual}{line}");
        std::fs::write(root.folder.path().join("effective"), effective).unwrap();
        match (root.adopt(), why) {
            (Adopted::Yes, None) => {}
            (Adopted::Failed(tail), Some(why)) => {
                assert!(
                    tail.last().unwrap().ends_with(&format!(": {why}")),
                    "{tail:?}"
                );
            }
            (is, _) => panic!("{line}: {is:?}"),
        }
        assert_eq!(root.undo(), gone());
    }
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
