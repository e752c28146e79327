//! Handouts of real hosts: what is printed on a card opens the host, and shows that it is the right one.

use std::path::Path;
use std::process::Command;

use super::workshop::{Inventory, Workshop, run, word_of};

#[test]
fn what_a_card_says_opens_the_host() {
    let workshop = Workshop::new(&Inventory::new(&[("Ada", "ada")]));
    let hosts = workshop.provision();
    let word = word_of(&hosts, "Ada");
    workshop.run(&["handouts", "--format", "html,md"]).exits(0);
    let card = workshop.path().join(format!("handouts/cards/{word}.md"));
    let card = std::fs::read_to_string(card).unwrap();
    let known = workshop.path().join("known");

    // The command, on a machine that never saw the host.
    let command = block(&card, "ssh workshop@");
    let ran = ssh(
        &workshop,
        &known,
        command.split_whitespace().skip(1),
        &["hostname"],
    );
    assert_eq!(ran.trim(), word);
    // The fingerprint that this machine has seen now.
    let seen = run(Command::new("ssh-keygen").arg("-lf").arg(&known)).exits(0);
    let printed = card.split_once("The server's key: `").unwrap().1;
    let printed = printed.split_once('`').unwrap().0;
    assert!(seen.contains(printed), "{printed} is not in {seen}");
    // The participant's own key is the one that is named.
    let own = run(Command::new("ssh-keygen")
        .arg("-lf")
        .arg(workshop.key("ada")))
    .exits(0);
    let printed = card.split_once("Your key: `").unwrap().1;
    assert!(own.contains(printed.split_once('`').unwrap().0), "{own}");

    // The section of ssh's configuration, with the key where this test has it.
    let config = workshop.path().join("config");
    let key = workshop.key("ada").display().to_string();
    let section = block(&card, "Host ").replace("~/.ssh/id_ed25519", &key);
    std::fs::write(&config, section).unwrap();
    let config = config.display().to_string();
    let ran = ssh(
        &workshop,
        &known,
        ["-F", &config, word].into_iter(),
        &["id", "-un"],
    );
    assert_eq!(ran.trim(), "workshop");
}

/// The fenced block that begins so.
fn block<'a>(card: &'a str, begins: &str) -> &'a str {
    let mut blocks = card.split("```\n").skip(1).step_by(2);
    blocks
        .find(|block| block.starts_with(begins))
        .unwrap_or_else(|| panic!("no block begins with {begins}:\n{card}"))
}

fn ssh<'a>(
    workshop: &Workshop,
    known: &Path,
    target: impl Iterator<Item = &'a str>,
    command: &[&str],
) -> String {
    let mut ssh = Command::new("ssh");
    ssh.args([
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=accept-new",
    ])
    .arg("-o")
    .arg(format!("UserKnownHostsFile={}", known.display()))
    .arg("-i")
    .arg(workshop.key("ada"))
    .args(target)
    .args(command)
    // The keys of whoever runs the tests must not open anything.
    .env_remove("SSH_AUTH_SOCK");
    run(&mut ssh).exits(0)
}
