//! What whoever gave the command reads, and what is left on the disk.

use std::net::TcpListener;

use super::*;
use crate::provision::Failure;

async fn told(place: &Place, base: &str) -> String {
    let folder = place.folder.path();
    let error = ours()
        .source_of(base, folder, &quick(), &place.report)
        .await
        .unwrap_err();
    let host = base.trim_start_matches("http://");
    let host = host.split('/').next().unwrap();
    let Failure { message, hint } = Failure::new(&error);
    format!("{message}\nhint: {}", hint.unwrap())
        .replace(&folder.display().to_string(), "FOLDER")
        .replace(host, "HOST")
}

/// The message, and how much of the file is kept.
async fn of(answers: Vec<Answer>) -> (String, Option<u64>) {
    let place = Place::new();
    let server = Server::start(answers);
    let message = told(&place, &server.base).await;
    assert!(!place.file().exists());
    let kept = std::fs::metadata(place.part()).ok();
    (message, kept.map(|kept| kept.len()))
}

#[tokio::test]
async fn no_network() {
    let place = Place::new();
    // Nobody listens where somebody just did.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/bin", listener.local_addr().unwrap());
    drop(listener);
    insta::assert_snapshot!(told(&place, &base).await);
}

#[tokio::test]
async fn no_such_name() {
    let place = Place::new();
    // A name that never is one (RFC 6761); how the resolver puts it differs.
    let message = told(&place, "http://nowhere.invalid/bin").await;
    let (before, after) = message.split_once("dns error").unwrap();
    let hint = after.split_once("\nhint:").unwrap().1;
    insta::assert_snapshot!(format!("{before}dns error…\nhint:{hint}"));
}

#[tokio::test]
async fn answers_that_end_it() {
    let mut all = String::new();
    for (name, line) in [
        ("404", "404 Not Found"),
        ("403", "403 Forbidden"),
        ("500 each time", "500 Internal Server Error"),
        (
            "a login page",
            "302 Found\r\nlocation: http://login.example.org/?from=here",
        ),
        ("another place without an address", "301 Moved Permanently"),
    ] {
        let (message, kept) = of(vec![Answer::status(line)]).await;
        assert_eq!(kept, None, "{name}");
        all.push_str(&format!("== {name}\n{message}\n"));
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn it_is_cut_each_time() {
    let (message, kept) = of(vec![
        Answer::cut(&BODY, 100_000),
        Answer::part(&BODY, 100_000, 100_000),
    ])
    .await;
    assert_eq!(kept, Some(100_000));
    insta::assert_snapshot!(message);
}

#[tokio::test]
async fn it_falls_silent() {
    let head = format!("200 OK\r\ncontent-length: {}\r\n", BODY.len());
    let (message, kept) = of(vec![Answer::ThenSilence(head, BODY[..50_000].to_vec())]).await;
    assert_eq!(kept, Some(50_000));
    insta::assert_snapshot!(message);
}

#[tokio::test]
async fn it_is_too_large() {
    let head = "200 OK\r\ncontent-length: 99999999999\r\n".to_owned();
    let (message, kept) = of(vec![Answer::Says(head, vec![])]).await;
    assert_eq!(kept, None);
    insta::assert_snapshot!(message);
    // Also where that is not said in advance.
    let endless = vec![0; usize::try_from(super::super::download::LARGEST).unwrap() + 1];
    let (again, kept) = of(vec![Answer::Says("200 OK\r\n".into(), endless)]).await;
    assert_eq!((again, kept), (message, None));
}

#[tokio::test]
async fn it_is_something_else() {
    let (message, kept) = of(vec![Answer::whole(b"<html>Please log in")]).await;
    assert_eq!(kept, None);
    insta::assert_snapshot!(message);
}

#[tokio::test]
async fn something_else_is_there_already() {
    let place = Place::new();
    std::fs::write(place.file(), "x").unwrap();
    let server = Server::start(vec![Answer::whole(&BODY)]);
    insta::assert_snapshot!(told(&place, &server.base).await);
    assert_eq!(std::fs::read(place.file()).unwrap(), b"x");
    assert_eq!(server.asked(), [] as [String; 0]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_disk_is_full() {
    let place = Place::new();
    std::os::unix::fs::symlink("/dev/full", place.part()).unwrap();
    let server = Server::start(vec![Answer::whole(&BODY)]);
    insta::assert_snapshot!(told(&place, &server.base).await);
}

#[tokio::test]
async fn the_cache_cannot_be_written() {
    let place = Place::new();
    // Root may write everywhere, but not into a file as if it were a folder.
    let folder = place.folder.path().join("source");
    std::fs::write(&folder, "").unwrap();
    let server = Server::start(vec![Answer::whole(&BODY)]);
    let source = ours()
        .source_of(&server.base, &folder, &quick(), &place.report)
        .await;
    let Failure { message, hint } = Failure::new(&source.unwrap_err());
    let text = format!("{message}\nhint: {}", hint.unwrap());
    insta::assert_snapshot!(text.replace(&place.folder.path().display().to_string(), "FOLDER"));
}
