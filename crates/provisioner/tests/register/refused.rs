//! Everything else that SSH can do.

use crate::client::ssh;
use crate::room::Room;

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_files_are_refused_with_a_message() {
    let room = Room::new();
    let open = room.open().await;
    let key = room.key("ada");
    let (status, screen) = ssh(&open).key(&key).command("id").start().ends().await;
    assert_eq!(status, 1);
    assert!(
        screen.contains("Running a command cannot be had here: this server is for joining only."),
        "{screen}"
    );
    let (status, screen) = ssh(&open)
        .key(&key)
        .option("-s")
        .command("sftp")
        .start()
        .ends()
        .await;
    assert_eq!(status, 1);
    assert!(
        screen.contains("Copying files cannot be had here"),
        "{screen}"
    );
    assert!(open.desk.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_forwarded() {
    let room = Room::new();
    let open = room.open().await;
    let target = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = target.local_addr().unwrap().port();
    // To the instructor's network, by way of this server.
    let (status, screen) = ssh(&open)
        .key(room.key("ada"))
        .option("-W")
        .option(&format!("127.0.0.1:{port}"))
        .start()
        .ends()
        .await;
    assert_eq!(status, 255);
    assert!(screen.contains("stdio forwarding failed"), "{screen}");
    // And from it.
    let (status, screen) = ssh(&open)
        .key(room.key("ada"))
        .option("-N")
        .option("-o")
        .option("ExitOnForwardFailure=yes")
        .option("-R")
        .option(&format!("0:127.0.0.1:{port}"))
        .start()
        .ends()
        .await;
    assert_eq!(status, 255);
    assert!(screen.contains("remote port forwarding failed"), "{screen}");
    let came = tokio::time::timeout(std::time::Duration::from_millis(200), target.accept());
    assert!(came.await.is_err(), "somebody came through");
}

#[tokio::test(flavor = "multi_thread")]
async fn agent_and_environment_are_left_where_they_are() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open)
        .key(room.key("ada"))
        .option("-A")
        .option("-o")
        .option("SetEnv=LD_PRELOAD=x")
        .in_a_terminal(80);
    ada.types("Ada\r\r").await;
    open.asked().await;
    ada.shows("you asked to join").await;
}
