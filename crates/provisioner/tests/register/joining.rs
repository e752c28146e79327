//! From the first connection to the inventory.

use crate::client::ssh;
use crate::room::Room;

#[tokio::test(flavor = "multi_thread")]
async fn somebody_joins_with_the_key_they_will_use() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open).key(room.key("ada")).in_a_terminal(80);
    ada.shows(&room.fingerprint("ada")).await;
    ada.shows("Your name: ").await;
    ada.types("Adx\x7fa Lovelace\r").await;
    ada.shows("Your initials [AL]: ").await;
    ada.types("\r").await;
    ada.shows("you asked to join").await;
    let asked = open.asked().await;
    assert_eq!(
        (asked.name.as_str(), asked.initials.as_str()),
        ("Ada Lovelace", "AL")
    );
    assert_eq!(asked.fingerprint, room.fingerprint("ada"));
    assert_eq!(asked.from.to_string(), "127.0.0.1");
    assert!(room.people().is_empty());

    open.desk.approve(asked.number).unwrap();
    ada.shows("Ada Lovelace (AL), you are in.").await;
    // Nothing was ever provisioned here, and there is a word all the same.
    ada.shows("Your server is called: ").await;
    assert_eq!(
        room.people(),
        [["Ada Lovelace".into(), "AL".into(), room.fingerprint("ada")]]
    );
    ada.types("\u{3}").await;
    let (status, screen) = ada.ends().await;
    assert_eq!(status, 0, "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_is_plain_lines() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open).key(room.key("ada")).option("-T").start();
    ada.types("Ada Lovelace\nADA\n").await;
    ada.end_of_input();
    let asked = open.asked().await;
    assert_eq!(asked.initials, "ADA");
    // Whoever pipes the answers in still reads ours.
    ada.shows("you asked to join").await;
    open.desk.approve(asked.number).unwrap();
    ada.shows("you are in").await;
    let screen = ada.screen();
    // OpenSSH's own words before it end in `\r\n`.
    let (_, ours) = screen.split_once("Your key: ").unwrap();
    assert!(!ours.contains(['\u{1b}', '\r', '\u{7}']), "{ours:?}");
    ada.lose().await;

    // The last answer may be left out, the first may not.
    let mut bob = ssh(&open).key(room.key("bob")).option("-T").start();
    bob.types("Bob").await;
    bob.end_of_input();
    assert_eq!(open.asked().await.initials, "BO");
    bob.lose().await;
    let mut cyd = ssh(&open).key(room.key("cyd")).option("-T").start();
    cyd.end_of_input();
    let (status, screen) = cyd.ends().await;
    assert_eq!(status, 1);
    assert!(
        screen.contains("No name came, so nothing was sent."),
        "{screen}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_none_or_taken_are_asked_for_again() {
    let room = Room::new();
    room.key("grace");
    room.write("participants:\n  - {name: Grace Hopper, key: grace.pub}\n");
    let mut open = room.open().await;
    let mut ada = ssh(&open).key(room.key("ada")).in_a_terminal(60);
    for (name, says) in [
        ("", "The name is empty"),
        ("\u{1F980}", "has no letter"),
        (&"x".repeat(300), "at most 64 fit"),
        (
            "grace  HOPPER",
            "Somebody called Grace Hopper is there already",
        ),
        // The first letter is Greek.
        ("\u{3b1}d\u{b7}", ""),
    ] {
        ada.types(&format!("{name}\r")).await;
        if says.is_empty() {
            break;
        }
        ada.shows(says).await;
    }
    ada.shows("Your initials").await;
    ada.types("A1\r").await;
    ada.shows("are no initials").await;
    ada.types("Ada $(id) <b>&\r\r").await;
    assert_eq!(open.asked().await.name, "Ada $(id) <b>&");

    // A request counts too, before anybody has answered it.
    let mut bob = ssh(&open).key(room.key("bob")).in_a_terminal(80);
    bob.types("ADA $ id <b>\r").await;
    bob.shows("Somebody called Ada").await;
    bob.types("\u{3}").await;
    let (status, screen) = bob.ends().await;
    assert_eq!(status, 1);
    assert!(screen.contains("Nothing was sent."), "{screen}");

    // What a shell, a page or YAML could obey is only a name.
    open.desk.approve(1).unwrap();
    ada.shows("you are in").await;
    assert_eq!(room.people()[1][0], "Ada $(id) <b>&");
    assert!(
        room.text()
            .contains("- {name: Grace Hopper, key: grace.pub}\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_shown_and_what_would_command_the_terminal_is_not() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open).key(room.key("ada")).in_a_terminal(30);
    ada.shows("Your name: ").await;
    let before = ada.screen().len();
    // Arrow keys, a title, a bell, a direction mark; then a paste that brings its Enter along.
    ada.types("\u{1b}[A\u{1b}]0;pwned\u{7}\u{202e}\u{17}").await;
    ada.types("伊藤 博文 Žofia Ada Lovelace of Ockham\rZA\r")
        .await;
    let asked = open.asked().await;
    assert_eq!(asked.name, "伊藤 博文 Žofia Ada Lovelace of Ockham");
    assert_eq!(asked.initials, "ZA");
    ada.shows("you asked to join").await;
    let screen = ada.screen();
    let after = &screen[before..];
    // A line longer than the terminal shows its end, and stays on its line.
    assert!(
        after.contains("\r\u{1b}[KYour name: Lovelace of Ockham"),
        "{after:?}"
    );
    let others = after.replace("\u{1b}[K", "");
    assert!(
        !others.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{others:?}"
    );
    ada.lose().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_sees_their_state_and_is_no_second_entry() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open).key(room.key("ada")).in_a_terminal(80);
    ada.types("Ada\r\r").await;
    let asked = open.asked().await;
    ada.shows("you asked to join").await;
    ada.lose().await;

    let again = ssh(&open).key(room.key("ada")).in_a_terminal(80);
    again.shows("Ada (AD), you asked to join").await;
    assert!(!again.screen().contains("Your name"));
    assert_eq!(open.desk.waiting().len(), 1);
    open.desk.approve(asked.number).unwrap();
    again.shows("you are in").await;
    // And in a second terminal of theirs.
    let beside = ssh(&open).key(room.key("ada")).option("-T").start();
    beside.shows("Ada (AD), you are in").await;
    assert_eq!(room.people().len(), 1);
    assert!(open.desk.approve(asked.number).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_added_by_hand_has_joined_already() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open).key(room.key("ada")).option("-T").start();
    ada.types("Ada\n\n").await;
    open.asked().await;
    // The instructor was quicker with an editor, and the register runs.
    room.write("participants:\n  - {name: Ada L, key: ada.pub}\n");
    ada.shows("Ada L (AL), you are in").await;
    assert!(open.desk.waiting().is_empty());
    // And who was taken out again may ask again.
    room.write("participants: []\n");
    let again = async {
        loop {
            let mut ada = ssh(&open).key(room.key("ada")).option("-T").start();
            ada.end_of_input();
            let (_, screen) = ada.ends().await;
            if screen.contains("No name came") {
                return;
            }
        }
    };
    let again = tokio::time::timeout(crate::room::PATIENCE, again);
    again.await.expect("the inventory is read again");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_told_so_then_and_later() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut eve = ssh(&open).key(room.key("eve")).option("-T").start();
    eve.types("Eve\n\n").await;
    let asked = open.asked().await;
    open.desk.refuse(asked.number).unwrap();
    let (status, screen) = eve.ends().await;
    assert_eq!(status, 1);
    assert!(screen.contains("did not let you in"), "{screen}");
    let (status, screen) = ssh(&open)
        .key(room.key("eve"))
        .option("-T")
        .start()
        .ends()
        .await;
    assert_eq!(status, 1);
    assert!(screen.contains("did not let you in"), "{screen}");
    // Their name is free for its owner.
    let mut other = ssh(&open).key(room.key("other")).option("-T").start();
    other.types("Eve\n\n").await;
    assert_eq!(open.asked().await.fingerprint, room.fingerprint("other"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_joins_at_once_and_nobody_is_lost_or_mixed_up() {
    let room = Room::new();
    let open = room.try_open(40).await.unwrap();
    let names: Vec<String> = (0..40).map(|n| format!("person {n}")).collect();
    let mut clients = Vec::new();
    for name in &names {
        let key = room.key(&name.replace(' ', ""));
        let mut client = ssh(&open).key(key).option("-T").start();
        client.types(&format!("{name}\n\n")).await;
        clients.push(client);
    }
    for client in &clients {
        client.shows("Your server is called: ").await;
        assert!(
            !client.screen().contains("no longer"),
            "{}",
            client.screen()
        );
    }
    let mut people = room.people();
    people.sort();
    let mut expected: Vec<[String; 3]> = names
        .iter()
        .map(|name| {
            let fingerprint = room.fingerprint(&name.replace(' ', ""));
            [name.clone(), "PE".into(), fingerprint]
        })
        .collect();
    expected.sort();
    assert_eq!(people, expected);
}
