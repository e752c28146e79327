//! One run after the other, and two at once.

use provisioner::register::{Event, RegisterError};

use crate::client::ssh;
use crate::room::Room;

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_is_known_to_the_next_run() {
    let room = Room::new();
    let mut open = room.open().await;
    let fingerprint = open.fingerprint.clone();
    for name in ["ada", "bob", "eve"] {
        let mut client = ssh(&open).key(room.key(name)).option("-T").start();
        client.types(&format!("{name}\n\n")).await;
        open.asked().await;
        client.lose().await;
    }
    open.desk.approve(2).unwrap();
    open.desk.refuse(3).unwrap();
    open.kill().await;

    let mut open = room.open().await;
    // Nobody has to look at the wall again.
    assert_eq!(open.fingerprint, fingerprint);
    let waiting: Vec<String> = open
        .desk
        .waiting()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(waiting, ["ada"]);
    for (name, says) in [
        ("ada", "you asked to join"),
        ("bob", "you are in"),
        ("eve", "did not let you in"),
    ] {
        let client = ssh(&open).key(room.key(name)).option("-T").start();
        client.shows(says).await;
        client.lose().await;
    }
    // Numbers are not given twice.
    let mut cyd = ssh(&open).key(room.key("cyd")).option("-T").start();
    cyd.types("Cyd\n\n").await;
    assert_eq!(open.asked().await.number, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_inventory_and_its_own_file_nobody_is_asked_twice() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open).key(room.key("ada")).option("-T").start();
    ada.types("Ada\n\n").await;
    open.asked().await;
    let before = std::fs::read(room.path(".workshop/register.json")).unwrap();
    open.desk.approve(1).unwrap();
    open.kill().await;
    std::fs::write(room.path(".workshop/register.json"), before).unwrap();

    let open = room.open().await;
    assert!(open.desk.waiting().is_empty());
    assert_eq!(room.people().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_connected_is_told_that_it_closes() {
    let room = Room::new();
    let mut open = room.open().await;
    let typing = ssh(&open).key(room.key("ada")).in_a_terminal(80);
    typing.shows("Your name: ").await;
    let mut waiting = ssh(&open).key(room.key("bob")).option("-T").start();
    waiting.types("Bob\n\n").await;
    open.asked().await;
    waiting.shows("you asked to join").await;
    open.close().await;
    for client in [typing, waiting] {
        let (status, screen) = client.ends().await;
        assert_eq!(status, 1);
        assert!(
            screen.contains("The instructor has closed the register"),
            "{screen}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_come_in_by_themselves_over_all_runs() {
    let room = Room::new();
    let mut open = room.try_open(2).await.unwrap();
    let auto = |event| match event {
        Event::Approved { applicant, auto } => Some((applicant.name, auto)),
        _ => None,
    };
    let mut ada = ssh(&open).key(room.key("ada")).option("-T").start();
    ada.types("Ada\n\n").await;
    assert_eq!(open.event(auto).await, ("Ada".to_owned(), true));
    ada.shows("you are in").await;
    open.kill().await;

    let mut open = room.try_open(2).await.unwrap();
    for name in ["bob", "cyd"] {
        let mut client = ssh(&open).key(room.key(name)).option("-T").start();
        client.types(&format!("{name}\n\n")).await;
        client.shows("(").await;
        open.asked().await;
        client.lose().await;
    }
    let waiting: Vec<String> = open
        .desk
        .waiting()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(waiting, ["cyd"]);
    assert_eq!(room.people().len(), 2);
    open.kill().await;

    // With more allowed, who waits comes in at once.
    let mut open = room.try_open(3).await.unwrap();
    assert_eq!(open.event(auto).await, ("cyd".to_owned(), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_is_broken_meanwhile_costs_nobody_their_place() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open).key(room.key("ada")).option("-T").start();
    ada.types("Ada\n\n").await;
    let asked = open.asked().await;
    room.write("participants: [\n");
    let error = open.desk.approve(asked.number).unwrap_err();
    assert_eq!(error.to_string(), "Ada is not in the inventory");
    open.event(|event| matches!(event, Event::Trouble { .. }).then_some(()))
        .await;
    assert_eq!(open.desk.waiting().len(), 1);
    room.write("participants:\n");
    open.desk.approve(asked.number).unwrap();
    ada.shows("you are in").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_register_is_told_of_the_first() {
    let room = Room::new();
    let _open = room.open().await;
    let error = room.try_open(0).await.err().unwrap();
    assert!(matches!(error, RegisterError::Lock(_)), "{error}");
    assert!(error.to_string().contains("`workshop register`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_ours_is_left_alone() {
    let room = Room::new();
    room.open().await.kill().await;
    let file = room.path(".workshop/register.json");
    for (text, says) in [
        (
            "{\"v\": 1, \"requests\": [{\"number\":",
            "is not what `workshop register` writes",
        ),
        (
            "{\"v\": 2, \"people\": {}}",
            "was written by a newer version (format 2)",
        ),
        ("[]", "is not what `workshop register` writes"),
    ] {
        std::fs::write(&file, text).unwrap();
        let mut error = String::new();
        // Of the one that was killed, a thread may hold the lock for a moment still.
        for _ in 0..100 {
            error = room.try_open(0).await.err().unwrap().to_string();
            if error.contains(says) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(error.contains(says), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}
