//! A named cache that has everything, nothing, and everything that may be wrong with one.

use std::path::PathBuf;

use super::super::testing::{Server, answer, built, files, inputs, told};
use super::*;
use crate::job::Reporter;
use crate::nix::export::export;

/// Two instructors: one has exported what they built, the other one's cache is empty.
struct Two {
    folder: tempfile::TempDir,
    theirs: Cache,
    ours: Cache,
    server: Server,
    closure: Closure,
}

impl Two {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = |name: &str| Cache::open(&folder.path().join(name)).unwrap();
        let (theirs, ours) = (cache("theirs"), cache("ours"));
        let closure = built(&theirs, &inputs("one"));
        let web = folder.path().join("web");
        export(&theirs, &inputs("one"), &web).unwrap();
        let server = Server::of(&web).await;
        Self {
            folder,
            theirs,
            ours,
            server,
            closure,
        }
    }

    fn named(&self) -> Named {
        self.named_by(self.theirs.public_key())
    }

    fn named_by(&self, key: &str) -> Named {
        Named::new(NamedCache {
            url: self.server.url.clone(),
            key: key.parse().unwrap(),
        })
        .unwrap()
    }

    fn record(&self) -> String {
        format!("builds/{}", inputs("one").key())
    }

    /// A message without what differs between two runs.
    fn told(&self, error: &NamedError) -> String {
        let name = |cache: &Cache| cache.public_key().split(':').next().unwrap().to_owned();
        let mut text = told(error);
        for (from, to) in [
            (self.server.url.as_str(), "URL"),
            (&self.folder.path().display().to_string(), "FOLDER"),
            (&inputs("one").key(), "KEY"),
            (&name(&self.theirs), "THEIRS"),
            (&name(&self.ours), "OURS"),
        ] {
            text = text.replace(from, to);
        }
        for digit in ["1", "2", "3"] {
            text = text.replace(&digit.repeat(32), "HASH");
        }
        text
    }

    async fn fetch(&self, program: &str) -> Result<Option<Closure>, NamedError> {
        let report = Reporter::new("cache", None);
        self.named()
            .fetch(&inputs(program), &self.ours, &report)
            .await
    }

    fn kept(&self) -> Vec<PathBuf> {
        let mut all = files(&self.ours.folder().join("store"));
        // Without it the builder that serves the rest would serve no cache.
        assert!(all.remove(std::path::Path::new("nix-cache-info")).is_some());
        all.into_keys().collect()
    }
}

#[tokio::test]
async fn what_it_has_is_asked_for_once_and_known_afterwards() {
    let two = Two::new().await;
    let named = two.named();
    let key = inputs("one").key();
    assert_eq!(named.remembered(&key, &two.ours), None);
    let closure = named.ask_once(&inputs("one"), &two.ours).await.unwrap();
    assert_eq!(closure, two.closure);
    assert_eq!(*two.server.asked.lock().unwrap(), [two.record()]);
    assert_eq!(named.remembered(&key, &two.ours), Some(closure));
    // What was kept counts for that key alone.
    let ours = two.named_by(two.ours.public_key());
    assert_eq!(ours.remembered(&key, &two.ours), None);
    assert_eq!(named.remembered(&inputs("two").key(), &two.ours), None);
}

#[tokio::test]
async fn whatever_it_answers_instead_has_its_own_words() {
    let two = Two::new().await;
    let record = two.record();
    let mut all = String::new();
    let right = std::fs::read(two.folder.path().join("web").join(&record)).unwrap();
    let edited = String::from_utf8_lossy(&right).replace("-tree", "-other");
    let cases: [(&str, Vec<u8>); 9] = [
        ("404", answer("404 Not Found", b"")),
        ("403", answer("403 Forbidden", b"<html>")),
        ("500", answer("500 Internal Server Error", b"")),
        (
            "a page",
            answer("200 OK", b"<!doctype html>\n<p>Log in to this WiFi"),
        ),
        ("edited", answer("200 OK", edited.as_bytes())),
        ("no text", answer("200 OK", &[0xff, 0xfe, 0])),
        ("too long", answer("200 OK", &vec![b'a'; 5000])),
        ("empty", answer("200 OK", b"")),
        (
            "cut",
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n/nix".to_vec(),
        ),
    ];
    let ask = async |named: &Named, what: &str, all: &mut String| {
        let error = named.ask_once(&inputs("one"), &two.ours).await.unwrap_err();
        *all += &format!("== {what}\n{}", two.told(&error));
    };
    for (what, instead) in cases {
        two.server.lie(&record, instead);
        ask(&two.named(), what, &mut all).await;
    }
    two.server.tell_the_truth();
    ask(
        &two.named_by(two.ours.public_key()),
        "another key",
        &mut all,
    )
    .await;
    let nowhere = Named::new(NamedCache {
        // Nobody listens on it: discard needs a service of its own.
        url: "http://127.0.0.1:9".into(),
        key: two.theirs.public_key().parse().unwrap(),
    });
    ask(&nowhere.unwrap(), "nobody there", &mut all).await;
    insta::assert_snapshot!(all);
    assert_eq!(
        two.named().remembered(&inputs("one").key(), &two.ours),
        None
    );
}

#[tokio::test]
async fn a_fetch_takes_all_of_it_under_our_own_key_and_goes_on_where_it_ended() {
    let two = Two::new().await;
    let infos = two.theirs.closure_of(&[&two.closure.host]).unwrap();
    let tree = infos
        .iter()
        .find(|info| info.path == two.closure.tree)
        .unwrap();
    two.server
        .lie(&tree.url, answer("500 Internal Server Error", b""));
    two.fetch("one").await.unwrap_err();
    assert_eq!(two.ours.look_up(&inputs("one").key()), None);

    two.server.tell_the_truth();
    two.server.asked.lock().unwrap().clear();
    assert_eq!(two.fetch("one").await.unwrap(), Some(two.closure.clone()));
    let asked = two.server.asked.lock().unwrap().clone();
    let archives = asked.iter().filter(|name| name.starts_with("nar/")).count();
    // That of `host` came whole the first time.
    assert_eq!(archives, 2, "{asked:?}");
    assert_eq!(
        two.ours.look_up(&inputs("one").key()),
        Some(two.closure.clone())
    );
    let key = two.ours.public_key().parse().unwrap();
    for info in two.ours.closure_of(&[&two.closure.host]).unwrap() {
        assert!(info.is_signed_by(&key));
        assert_eq!(info.signers(), [key.name()]);
    }
}

#[tokio::test]
async fn another_workshop_finds_bitcoin_core_all_the_same() {
    let two = Two::new().await;
    assert_eq!(two.fetch("two").await.unwrap(), None);
    assert_eq!(
        two.ours.look_up(&inputs("two").core_key()),
        Some(two.closure.clone())
    );
    assert_eq!(two.ours.look_up(&inputs("two").key()), None);
    // Known already: the record is asked for, and nothing else.
    two.server.asked.lock().unwrap().clear();
    assert_eq!(two.fetch("two").await.unwrap(), None);
    assert_eq!(two.server.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_spoiled_is_kept() {
    let two = Two::new().await;
    let infos = two.theirs.closure_of(&[&two.closure.host]).unwrap();
    let host = infos
        .iter()
        .find(|info| info.path == two.closure.host)
        .unwrap();
    let web = |name: &str| std::fs::read(two.folder.path().join("web").join(name)).unwrap();
    let (narinfo, archive) = (host.path.narinfo(), web(&host.url));
    let text = String::from_utf8(web(&narinfo)).unwrap();
    let mut flipped = archive.clone();
    *flipped.last_mut().unwrap() ^= 1;
    // Right by the words of the web server, whose hash of the archive nobody signs.
    let other = vec![b'x'; usize::try_from(host.nar_size).unwrap()];
    let other =
        ruzstd::encoding::compress_to_vec(&other[..], ruzstd::encoding::CompressionLevel::Fastest);
    let sum = crate::nix::narinfo::sum(&other[..]).unwrap();
    let renamed = text
        .replace(
            &format!("sha256:{}", host.file_hash),
            &format!("sha256:{sum}"),
        )
        .replace(
            &format!("FileSize: {}", host.file_size),
            &format!("FileSize: {}", other.len()),
        );
    let huge = text.replace(
        &format!("FileSize: {}", host.file_size),
        "FileSize: 99999999999",
    );
    let ok = |body: &[u8]| answer("200 OK", body);
    let cases = [
        ("a bit", vec![(&host.url, ok(&flipped))]),
        ("shorter", vec![(&host.url, ok(&archive[..9]))]),
        (
            "longer",
            vec![(&host.url, ok(&[&archive[..], b"more"].concat()))],
        ),
        ("missing", vec![(&host.url, answer("404 Not Found", b""))]),
        (
            "another archive",
            vec![(&host.url, ok(&other)), (&narinfo, ok(renamed.as_bytes()))],
        ),
        ("a huge one", vec![(&narinfo, ok(huge.as_bytes()))]),
        (
            "another compression",
            vec![(&narinfo, ok(text.replace(": zstd", ": xz").as_bytes()))],
        ),
        (
            "another size",
            vec![(
                &narinfo,
                ok(text.replace("NarSize: ", "NarSize: 1").as_bytes()),
            )],
        ),
        ("a page", vec![(&narinfo, ok(b"<html>"))]),
        (
            "another path",
            vec![(&narinfo, ok(&web(&two.closure.tree.narinfo())))],
        ),
        ("no narinfo", vec![(&narinfo, answer("404 Not Found", b""))]),
    ];
    let mut all = String::new();
    for (what, lies) in cases {
        for (name, lie) in lies {
            two.server.lie(name, lie);
        }
        let error = two.fetch("one").await.unwrap_err();
        let told = two.told(&error).replace(&host.url, "nar/ARCHIVE");
        all += &format!("== {what}\n{told}");
        two.server.tell_the_truth();
        assert_eq!(two.kept(), Vec::<PathBuf>::new(), "{what}");
    }
    let full = NamedError::Full {
        url: "URL/nar/ARCHIVE".into(),
        folder: "FOLDER".into(),
        source: std::io::Error::from(std::io::ErrorKind::StorageFull),
    };
    all += &format!("== full\n{}", told(&full));
    insta::assert_snapshot!(all);
}
