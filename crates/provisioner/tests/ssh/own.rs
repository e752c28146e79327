//! Logging in to a machine that is not ours yet, with a key of the instructor's own.

use std::path::Path;

use insta::assert_snapshot;
use provisioner::host::{Identity, Login, Ssh, SshError, shown_key};
use russh::keys::ssh_key::LineEnding;

use super::server::{AMPLE, Host, Seen, key};
use super::{exits_at_once, shown};

async fn with_file(host: &Host, path: &Path) -> Result<Ssh, SshError> {
    let login = Login::Own(Identity::File(path.to_owned()));
    Ssh::connect_as(&host.target, &login, AMPLE).await
}

#[tokio::test]
async fn a_key_file_opens_or_says_why_it_does_not() {
    let host = Host::start(exits_at_once).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, number: u8| {
        let path = folder.path().join(name);
        let text = key(number).to_openssh(LineEnding::LF).unwrap();
        std::fs::write(&path, text.as_bytes()).unwrap();
        path
    };
    let text = folder.path().join("text");
    std::fs::write(&text, "ssh-ed25519 AAAA, a public key\n").unwrap();
    assert!(with_file(&host, &file("right", 1)).await.is_ok());
    let mut told = String::new();
    for path in [file("wrong", 9), text, folder.path().join("missing")] {
        match with_file(&host, &path).await {
            Ok(_) => panic!("connected by {}", path.display()),
            Err(error) => told += &shown(&error, host.target.address),
        }
    }
    let told = told.replace(&folder.path().display().to_string(), "FOLDER");
    assert_snapshot!(told);
}

#[tokio::test]
async fn a_host_key_is_looked_at_and_nothing_is_told() {
    let host = Host::start(exits_at_once).await;
    let seen = shown_key(host.target.address, None, AMPLE).await.unwrap();
    assert_eq!(seen.key_data(), host.target.host_key.key_data());
    assert!(
        host.saw(|seen| *seen == Seen::default()),
        "it learnt something"
    );
}
