//! Machines that are no hosts.

use super::*;

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
