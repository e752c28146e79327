//! Which keys are taken, and what is said about the others.

use std::sync::Arc;

use russh::Signer;
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{HashAlg, PrivateKey};

use crate::client::ssh;
use crate::hostile::Any;
use crate::room::Room;

/// How to make a key, word for word.
const COMMAND: &str = "    ssh-keygen -t ed25519\n";

#[tokio::test(flavor = "multi_thread")]
async fn of_several_keys_the_ed25519_one_is_taken() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut ada = ssh(&open)
        .key(room.key_of("rsa", "rsa"))
        .key(room.key_of("ecdsa", "ecdsa"))
        .key(room.key("ada"))
        .option("-T")
        .start();
    ada.types("Ada\n\n").await;
    assert_eq!(open.asked().await.fingerprint, room.fingerprint("ada"));
    let screen = ada.screen();
    assert!(!screen.contains("cannot join"), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dozen_others_before_it_do_no_harm() {
    let room = Room::new();
    let mut open = room.open().await;
    let mut client = ssh(&open);
    for n in 0..12 {
        client = client.key(room.key_of("ecdsa", &format!("ecdsa{n}")));
    }
    let mut ada = client.key(room.key("ada")).option("-T").start();
    ada.types("Ada\n\n").await;
    assert_eq!(open.asked().await.fingerprint, room.fingerprint("ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_ed25519_key_is_told_how_to_make_one() {
    let room = Room::new();
    let open = room.open().await;
    for (kinds, offered) in [
        (&["rsa"][..], "ssh-rsa."),
        (&["ecdsa"], "ecdsa-sha2-nistp256."),
        (&["rsa", "ecdsa"], "ssh-rsa, ecdsa-sha2-nistp256."),
    ] {
        let mut client = ssh(&open);
        for kind in kinds {
            client = client.key(room.key_of(kind, kind));
        }
        let (status, screen) = client.in_a_terminal(80).ends().await;
        assert_eq!(status, 1, "{screen}");
        let screen = screen.replace("\r\n", "\n");
        assert!(screen.contains(COMMAND), "{screen}");
        assert_eq!(screen.matches(COMMAND).count(), 1, "{screen}");
        assert!(
            screen.contains(&format!("What your ssh offered: {offered}")),
            "{screen}"
        );
    }
    assert!(open.desk.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_key_at_all_is_told_too() {
    let room = Room::new();
    let open = room.open().await;
    let nothing = ["-o", "IdentityFile=none"];
    for more in [
        &[][..],
        &[
            "-o",
            "PreferredAuthentications=keyboard-interactive,password",
        ],
    ] {
        let mut client = ssh(&open);
        for option in nothing.iter().chain(more) {
            client = client.option(option);
        }
        let (status, screen) = client.in_a_terminal(80).ends().await;
        assert_eq!(status, 1, "{screen}");
        assert!(screen.replace("\r\n", "\n").contains(COMMAND), "{screen}");
        assert!(!screen.contains("offered"), "{screen}");
        assert!(!screen.contains("password:"), "{screen}");
    }
    // A script is asked nothing, and a client for passwords only neither: the banner is for them.
    for only in ["BatchMode=yes", "PreferredAuthentications=password"] {
        let mut client = ssh(&open);
        for option in nothing.iter().chain(&["-o", only]) {
            client = client.option(option);
        }
        let (status, screen) = client.start().ends().await;
        assert_eq!(status, 255, "{screen}");
        assert!(
            screen.contains(
                "Tracing: you join with your ed25519 key. No such key? ssh-keygen -t ed25519"
            ),
            "{screen}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_not_taken_and_the_key_in_it_is() {
    let room = Room::new();
    let mut open = room.open().await;
    let authority = room.key("authority");
    room.key("ada");
    let mut keygen = std::process::Command::new("ssh-keygen");
    keygen.args(["-q", "-I", "ada", "-n", "join", "-s"]);
    keygen.arg(authority).arg(room.path("ada.pub"));
    assert!(keygen.status().unwrap().success());
    assert!(room.path("ada-cert.pub").exists());
    let mut ada = ssh(&open).key(room.key("ada")).option("-T").start();
    ada.types("Ada\n\n").await;
    assert_eq!(open.asked().await.fingerprint, room.fingerprint("ada"));
}

/// Signs with a key of its own, whatever it is asked for: a public key is known to everybody.
struct Forger(PrivateKey);

impl Signer for Forger {
    type Error = russh::SendError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, Self::Error> {
        let signature = self.0.try_sign(&to_sign).unwrap();
        let mut blob = Vec::new();
        for part in [b"ssh-ed25519", signature.as_bytes()] {
            blob.extend((part.len() as u32).to_be_bytes());
            blob.extend(part);
        }
        let mut signed = to_sign;
        signed.extend((blob.len() as u32).to_be_bytes());
        signed.extend(blob);
        Ok(signed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_without_its_private_half_gets_nobody_in() {
    let room = Room::new();
    let open = room.open().await;
    let key = |seed| PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    // The second one is who they say they are: the forger forges well.
    for (signer, gets_in) in [(1, false), (2, true)] {
        let config = Arc::new(russh::client::Config::default());
        let mut handle = russh::client::connect(config, open.address, Any)
            .await
            .unwrap();
        let claimed = key(2).public_key().clone();
        let mut forger = Forger(key(signer));
        let answer = handle
            .authenticate_publickey_with("join", claimed, None, &mut forger)
            .await
            .unwrap();
        assert_eq!(answer.success(), gets_in);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_could_not_be_used_is_named() {
    let room = Room::new();
    let open = room.open().await;
    // The private half belongs to another key, as after a wrong copy; it looks the same as a wrong passphrase.
    let (ada, eve) = (room.key("ada"), room.key("eve"));
    std::fs::copy(eve, ada).unwrap();
    let (status, screen) = ssh(&open)
        .key(room.path("ada"))
        .option("-T")
        .start()
        .ends()
        .await;
    assert_eq!(status, 1, "{screen}");
    let named = format!("offered the key {}, and then", room.fingerprint("ada"));
    assert!(screen.contains(&named), "{screen}");
    assert!(open.desk.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_user_name_will_do() {
    let room = Room::new();
    let mut open = room.open().await;
    for user in ["ada", "root", "workshop"] {
        let key = room.key(user);
        let mut client = ssh(&open).user(user).key(key).option("-T").start();
        client.types(&format!("{user}\n\n")).await;
        assert_eq!(open.asked().await.fingerprint, room.fingerprint(user));
        client.lose().await;
    }
}
