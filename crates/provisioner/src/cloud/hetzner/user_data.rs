//! What cloud-init is told at a server's first start.
//!
//! The provider keeps it, and every account on the host can read it from the metadata service. So the one secret in
//! it, the key that the host proves itself with at our first visit, is good for nothing but that visit:
//! [`super::contact`] replaces it.

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use serde_json::json;

use super::error::HetznerError;
use crate::host::keys::public_line;

/// Hetzner's limit for `user_data`: 32 KiB.
const BOUND: usize = 32 * 1024;

/// The text for the host `word` whose first host key is `boot` (OpenSSH's PEM text).
pub(super) fn user_data(word: &str, boot: &str) -> Result<String, HetznerError> {
    let key_text = |source| HetznerError::KeyText {
        host: word.to_owned(),
        source,
    };
    let key = PrivateKey::from_openssh(boot).map_err(key_text)?;
    let private = key.to_openssh(LineEnding::LF).map_err(key_text)?;
    let config = json!({
        "hostname": word,
        "preserve_hostname": false,
        "disable_root": false,
        "ssh_pwauth": false,
        // The image's own keys, and the kinds that would be made beside ours.
        "ssh_deletekeys": true,
        "ssh_genkeytypes": [],
        "ssh_keys": {
            "ed25519_private": private.as_str(),
            "ed25519_public": format!("{} root@{word}", public_line(key.public_key())),
        },
    });
    // JSON is YAML, and there is nothing to get wrong about quoting.
    bounded(word, format!("#cloud-config\n{config}\n"))
}

fn bounded(word: &str, text: String) -> Result<String, HetznerError> {
    if text.len() > BOUND {
        return Err(HetznerError::UserData {
            host: word.to_owned(),
            size: text.len(),
            bound: BOUND,
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::keys::KeyPair;

    #[test]
    fn cloud_init_gets_the_first_host_key_and_no_other_secret() {
        let folder = tempfile::tempdir().unwrap();
        let boot = KeyPair::load_or_create(&folder.path().join("key"), "root@able").unwrap();
        let text = user_data("able", &boot.private_text().unwrap()).unwrap();
        let yaml: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let private = yaml["ssh_keys"]["ed25519_private"].as_str().unwrap();
        let read = PrivateKey::from_openssh(private).unwrap();
        assert_eq!(read.public_key().key_data(), boot.public().key_data());
        let line = boot.public_line();
        let rest = text
            .replace(&json!(private).to_string(), "PRIVATE")
            .replace(&line, "PUBLIC");
        insta::assert_snapshot!(rest);
        assert_eq!(text.matches("PRIVATE KEY").count(), 2);
    }

    #[test]
    fn a_text_that_is_too_long_is_not_sent() {
        assert!(bounded("able", "x".repeat(32768)).is_ok());
        let error = bounded("able", "x".repeat(32769)).unwrap_err();
        insta::assert_snapshot!(error, @"able: what cloud-init is told has 32769 bytes, and Hetzner takes 32768");
    }
}
