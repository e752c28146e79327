//! Every key file people have sent or could send, with the exact words they get for it.
//!
//! The key pairs behind the files were made for them and open nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic as _;
use provisioner::participants::{Refusal, Verdict, judge_bytes, judge_file};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// All that a person or a log could ever see of a verdict.
fn rendered(verdict: &Verdict) -> String {
    let mut text = String::new();
    match verdict {
        Verdict::Refused(refusal) => {
            writeln!(text, "refused: {refusal}").unwrap();
            writeln!(text, "  hint: {}", refusal.help().unwrap()).unwrap();
        }
        Verdict::Accepted { key } | Verdict::Cleaned { key, .. } => {
            let cleanings: Vec<String> = verdict
                .cleanings()
                .iter()
                .map(ToString::to_string)
                .collect();
            let how = match cleanings.as_slice() {
                [] => "accepted".to_owned(),
                some => format!("accepted after cleaning: {}", some.join(", ")),
            };
            writeln!(text, "{how}\n  {} {:?}", key.fingerprint(), key.comment()).unwrap();
        }
    }
    text
}

#[test]
fn every_file_gets_its_own_words() {
    let files = files();
    assert!(files.len() >= 45, "{}", files.len());
    let all: String = files
        .iter()
        .map(|path| format!("== {}\n{}", name(path), rendered(&judge_file(path))))
        .collect();
    insta::assert_snapshot!(all);
}

#[test]
fn whatever_is_accepted_is_the_key_that_was_sent() {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let plain = judge_file(&keys.join("plain.pub"));
    let sent = plain.key().unwrap();
    // The line is the file's, as OpenSSH wrote it, without the comment.
    let text = std::fs::read_to_string(keys.join("plain.pub")).unwrap();
    assert!(text.starts_with(&format!("{} ", sent.authorized_line())));
    for path in files() {
        if let Some(key) = judge_file(&path).key() {
            assert_eq!(key, sent, "{}", name(&path));
        }
    }
}

#[test]
fn nothing_of_a_private_key_is_ever_shown() {
    let mut secrets = 0;
    for path in files() {
        if !name(&path).starts_with("private-") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for ends in [bytes.clone(), [&bytes[..], b"\r\n"].concat()] {
            let verdict = judge_bytes(&ends);
            assert!(
                matches!(verdict, Verdict::Refused(Refusal::PrivateKey)),
                "{}: {verdict:?}",
                name(&path)
            );
            let shown = format!("{}{verdict:?}", rendered(&verdict));
            // Any eight characters in a row of a long word of the file.
            let text = String::from_utf8_lossy(&bytes).replace('\0', "");
            for word in text.split_whitespace().filter(|word| word.len() >= 24) {
                let letters: Vec<char> = word.chars().collect();
                for piece in letters.windows(8) {
                    let piece: String = piece.iter().collect();
                    assert!(!shown.contains(&piece), "{}: {piece}", name(&path));
                }
                secrets += 1;
            }
        }
    }
    assert!(
        secrets > 50,
        "the files hold secrets to look for: {secrets}"
    );
}

#[test]
fn a_private_key_is_found_wherever_it_stands() {
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let public = std::fs::read(keys.join("plain.pub")).unwrap();
    for path in files() {
        if !name(&path).starts_with("private-") || name(&path) == "private-der" {
            continue;
        }
        let secret = std::fs::read(&path).unwrap();
        if secret.starts_with(&[0xff, 0xfe]) {
            continue;
        }
        for mixed in [
            [&public[..], &secret[..]].concat(),
            [&b"Hello,\n\n"[..], &secret[..], &public[..]].concat(),
            [&b"\xef\xbb\xbf   "[..], &secret[..]].concat(),
        ] {
            assert!(
                matches!(judge_bytes(&mixed), Verdict::Refused(Refusal::PrivateKey)),
                "{}",
                name(&path)
            );
        }
    }
}

#[test]
fn every_reason_has_a_file() {
    let reasons: BTreeSet<String> = files()
        .iter()
        .filter_map(|path| match judge_file(path) {
            Verdict::Refused(refusal) => {
                let debug = format!("{refusal:?}");
                Some(debug.split([' ', '(', '{']).next().unwrap().to_owned())
            }
            _ => None,
        })
        .collect();
    insta::assert_snapshot!(reasons.into_iter().collect::<Vec<_>>().join(" "));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    const BLOB: &str = "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = rendered(&judge_bytes(&bytes));
        }

        #[test]
        fn no_text_makes_it_panic(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("ssh-ed25519".to_owned()), Just(BLOB.to_owned()), Just("\n".to_owned()),
                    Just(" ".to_owned()), Just("AAAA".to_owned()), Just("PRIVATE KEY".to_owned()),
                    Just("-----BEGIN ".to_owned()), Just("ssh-rsa ".to_owned()), Just("\u{feff}".to_owned()),
                    Just("---- BEGIN SSH2 PUBLIC KEY ----".to_owned()), "\\PC{0,12}",
                ],
                0..12,
            )
        ) {
            let _ = rendered(&judge_bytes(pieces.concat().as_bytes()));
        }

        #[test]
        fn a_changed_or_missing_digit_is_never_taken_for_the_key(at in 25_usize..68, with in "[A-Za-z0-9+/]?") {
            let mut blob = BLOB.to_owned();
            blob.replace_range(at..=at, &with);
            let verdict = judge_bytes(format!("ssh-ed25519 {blob} ada\n").as_bytes());
            let original = judge_bytes(format!("ssh-ed25519 {BLOB}\n").as_bytes());
            if blob != BLOB {
                // Another digit may by chance be another sound key; its fingerprint shows that.
                prop_assert_ne!(verdict.key(), original.key());
            }
        }
    }
}
