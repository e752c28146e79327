//! Fetching, against a server on this machine: bitcoincore.org cannot be reached where this was written.

mod messages;
mod server;

use std::sync::LazyLock;

use server::{Answer, Server};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::download::may_follow;
use super::*;
use crate::job::{JobEvent, JobKind};

/// Larger than one read, so that a cut leaves something.
static BODY: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..300_000_u32).map(|i| (i % 251) as u8).collect());

/// A release with that body.
fn ours() -> Release {
    release(
        99,
        1,
        "3c65ea93424a9c362fec0e3a69ea36031e8a358441479dd665cc6110eabe7b08",
    )
}

/// Tries have no time here.
fn quick() -> Patience {
    Patience {
        silence: Duration::from_millis(300),
        first: Duration::from_millis(1),
        longest: Duration::from_millis(2),
        tries: 3,
    }
}

struct Place {
    folder: TempDir,
    events: UnboundedReceiver<JobEvent>,
    report: Reporter,
}

impl Place {
    fn new() -> Self {
        let (sender, events) = unbounded_channel();
        Self {
            folder: tempfile::tempdir().unwrap(),
            events,
            report: Reporter::new("source", Some(sender)),
        }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("bitcoin-99.1.tar.gz")
    }

    fn part(&self) -> std::path::PathBuf {
        self.folder.path().join("bitcoin-99.1.tar.gz.part")
    }

    async fn fetch(&self, server: &Server) -> Result<Source, ReleaseError> {
        let folder = self.folder.path();
        ours()
            .source_of(&server.base, folder, &quick(), &self.report)
            .await
    }

    fn events(&mut self) -> Vec<JobKind> {
        std::iter::from_fn(|| Some(self.events.try_recv().ok()?.kind)).collect()
    }
}

const ASKED: &str = "/bin/bitcoin-core-99.1/bitcoin-99.1.tar.gz";

#[test]
fn every_release_is_there_once_and_in_order() {
    let versions: Vec<_> = RELEASES.iter().map(|release| release.version).collect();
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    for release in &RELEASES {
        assert_eq!(release.sum.len(), 64);
        assert!(
            release
                .sum
                .bytes()
                .all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
        );
        assert_eq!(
            RELEASES
                .iter()
                .filter(|other| other.sum == release.sum)
                .count(),
            1
        );
        assert_eq!(Release::of(release.version), Some(release));
    }
    let newest = RELEASES.last().unwrap();
    assert_eq!(
        newest.at(Path::new("/c")).url,
        "https://bitcoincore.org/bin/bitcoin-core-31.1/bitcoin-31.1.tar.gz"
    );
}

#[tokio::test]
async fn it_is_fetched_once_and_then_used_without_a_network() {
    let mut place = Place::new();
    let server = Server::start(vec![Answer::whole(&BODY)]);
    let source = place.fetch(&server).await.unwrap();
    assert_eq!(source.archive, place.file());
    assert_eq!(std::fs::read(&source.archive).unwrap(), *BODY);
    assert_eq!(
        (source.root.as_str(), source.version.as_str(), source.wallet),
        ("bitcoin-99.1", "99.1", true)
    );
    assert_eq!(source.sum, ours().sum);
    assert!(!place.part().exists());
    let events = place.events();
    let all = BODY.len() as u64;
    let last = events.iter().rev().find_map(|event| match event {
        JobKind::Progress { done, total, .. } => Some((*done, *total)),
        _ => None,
    });
    assert_eq!(last, Some((all, all)));

    assert_eq!(place.fetch(&server).await.unwrap(), source);
    assert_eq!(server.asked(), [format!("{ASKED} all")]);
    assert_eq!(place.events(), [], "what is there is no news");
}

#[tokio::test]
async fn a_cut_is_gone_on_with() {
    let place = Place::new();
    let server = Server::start(vec![
        Answer::cut(&BODY, 100_000),
        Answer::part(&BODY, 100_000, 100_001),
        Answer::part(&BODY, 100_001, BODY.len()),
    ]);
    place.fetch(&server).await.unwrap();
    assert_eq!(std::fs::read(place.file()).unwrap(), *BODY);
    let asked = [" all", " bytes=100000-", " bytes=100001-"].map(|range| format!("{ASKED}{range}"));
    assert_eq!(server.asked(), asked);
}

#[tokio::test]
async fn so_is_what_a_killed_run_left_whatever_it_is() {
    // A beginning; all of it; a beginning of something else; more than all; and where the server knows no parts.
    let half = || Answer::part(&BODY, 150_000, BODY.len());
    let beyond = Answer::status("416 Range Not Satisfiable");
    let whole = || Answer::whole(&BODY);
    let wrong = [vec![7; 150_000], BODY[150_000..].to_vec()].concat();
    for (name, left, answers, requests) in [
        ("half", &BODY[..150_000], vec![half()], 1),
        ("all", &BODY[..], vec![whole()], 0),
        ("wrong", &wrong[..150_000], vec![half(), whole()], 2),
        (
            "beyond",
            &[BODY.as_slice(), b"x"].concat()[..],
            vec![beyond, whole()],
            2,
        ),
        ("no parts", &BODY[..150_000], vec![whole()], 1),
        (
            "another part",
            &BODY[..150_000],
            vec![Answer::part(&BODY, 1, 9), whole()],
            2,
        ),
    ] {
        let place = Place::new();
        std::fs::write(place.part(), left).unwrap();
        let server = Server::start(answers);
        place.fetch(&server).await.unwrap();
        assert_eq!(std::fs::read(place.file()).unwrap(), *BODY, "{name}");
        assert_eq!(server.asked().len(), requests, "{name}");
        assert!(!place.part().exists(), "{name}");
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_a_gain_counts_anew() {
    let place = Place::new();
    let busy = || Answer::status("503 Service Unavailable");
    let server = Server::start(vec![
        busy(),
        Answer::status("429 Too Many Requests"),
        Answer::cut(&BODY, 100_000),
        busy(),
        busy(),
        Answer::part(&BODY, 100_000, BODY.len()),
    ]);
    place.fetch(&server).await.unwrap();
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn two_runs_fetch_once() {
    let mut place = Place::new();
    let server = Server::start(vec![Answer::whole(&BODY)]);
    let held = lock(place.folder.path(), &Reporter::new("other", None))
        .await
        .unwrap();
    let other = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        std::fs::write(place.file(), &*BODY).unwrap();
        drop(held);
    };
    let (source, ()) = tokio::join!(place.fetch(&server), other);
    source.unwrap();
    assert_eq!(server.asked(), [] as [String; 0]);
    let told = "another run fetches a release, waiting".to_owned();
    assert_eq!(place.events(), [JobKind::Doing(told)]);
}

#[test]
fn only_https_is_followed_and_not_for_ever() {
    let url = |text: &str| text.parse().unwrap();
    assert!(may_follow(&url("https://example.org/"), 1));
    assert!(may_follow(&url("https://example.org/"), 5));
    assert!(!may_follow(&url("https://example.org/"), 6));
    assert!(!may_follow(&url("http://example.org/"), 1));
}

#[test]
fn a_look_says_what_is_there_and_leaves_it() {
    let place = Place::new();
    let (folder, at) = (place.folder.path(), ours().at(place.folder.path()));
    assert_eq!(at.path, place.file());
    assert_eq!(ours().standing(folder).unwrap(), Standing::Missing);
    std::fs::write(place.part(), "x").unwrap();
    assert_eq!(ours().standing(folder).unwrap(), Standing::Missing);
    std::fs::write(&at.path, &*BODY).unwrap();
    assert_eq!(ours().standing(folder).unwrap(), Standing::Here);
    std::fs::write(&at.path, "x").unwrap();
    assert_eq!(ours().standing(folder).unwrap(), Standing::Another);
    assert!(at.path.exists() && place.part().exists());
}
