//! Keys in blocks of several lines: RFC 4716, PEM, and other things that are called keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::clean::{Cleaning, Cleanings};
use super::key::PublicKey;
use super::refuse::Refusal;

/// An ed25519 SubjectPublicKeyInfo up to the key itself (RFC 8410, section 4).
const SPKI_ED25519: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The key in a block, or why it is none; `None` when the text has no block that is known.
pub(crate) fn read(text: &str, done: &mut Cleanings) -> Option<Result<PublicKey, Refusal>> {
    if text.contains("BEGIN SSH2 PUBLIC KEY") {
        done.insert(Cleaning::FromRfc4716);
        return Some(rfc4716(text));
    }
    if let Some(body) = between(text, "BEGIN PUBLIC KEY", "END PUBLIC KEY") {
        done.insert(Cleaning::FromPem);
        return Some(spki(&body));
    }
    let others = [
        ("BEGIN PUBLIC KEY", Refusal::Truncated),
        ("BEGIN RSA PUBLIC KEY", Refusal::Rsa),
        (
            "BEGIN CERTIFICATE",
            Refusal::OtherFormat {
                what: "an X.509 certificate",
            },
        ),
        (
            "BEGIN PGP",
            Refusal::OtherFormat {
                what: "an OpenPGP block",
            },
        ),
        (
            "BEGIN SSH SIGNATURE",
            Refusal::OtherFormat {
                what: "an SSH signature",
            },
        ),
        (
            "untrusted comment:",
            Refusal::OtherFormat {
                what: "a minisign or signify key",
            },
        ),
    ];
    let other = others.into_iter().find(|(mark, _)| text.contains(mark));
    if let Some((_, refusal)) = other {
        return Some(Err(refusal));
    }
    let mut words = text.split_whitespace();
    // A recipient of age: bech32 of 32 bytes behind `age1`.
    let is_age = words.any(|word| word.starts_with("age1") && word.len() == 62);
    is_age.then_some(Err(Refusal::OtherFormat {
        what: "an age recipient",
    }))
}

/// `ssh-keygen -e` and PuTTYgen's "Save public key" (RFC 4716, section 3).
fn rfc4716(text: &str) -> Result<PublicKey, Refusal> {
    let begin = text
        .lines()
        .position(|line| line.contains("BEGIN SSH2 PUBLIC KEY"));
    let mut lines = text.lines().skip(begin.map_or(0, |at| at + 1));
    let mut digits = String::new();
    let mut comment = String::new();
    loop {
        let line = lines.next().ok_or(Refusal::Rfc4716)?.trim();
        if line.contains("END SSH2 PUBLIC KEY") {
            break;
        }
        let Some((tag, value)) = line.split_once(':') else {
            digits.push_str(line);
            continue;
        };
        // A header goes on in the next line after a backslash.
        let mut value = value.trim().to_owned();
        while let Some(part) = value.strip_suffix('\\') {
            value = format!("{part}{}", lines.next().ok_or(Refusal::Rfc4716)?.trim());
        }
        if tag.eq_ignore_ascii_case("comment") {
            comment = value.trim_matches('"').to_owned();
        }
    }
    let blob = STANDARD.decode(&digits).map_err(|_| Refusal::Rfc4716)?;
    PublicKey::from_blob(&blob, &comment)
}

/// `openssl pkey -pubout` (RFC 7468, section 13).
fn spki(body: &str) -> Result<PublicKey, Refusal> {
    let der = STANDARD.decode(body).map_err(|_| Refusal::Damaged)?;
    if let Some(point) = der.strip_prefix(&SPKI_ED25519) {
        let bytes = point.try_into().map_err(|_| Refusal::WrongPointLength {
            length: point.len(),
        })?;
        return PublicKey::new(bytes, "");
    }
    // Object identifiers of rsaEncryption and ecPublicKey (RFC 3279).
    let holds = |id: &[u8]| der.windows(id.len()).any(|window| window == id);
    Err(
        if holds(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]) {
            Refusal::Rsa
        } else if holds(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]) {
            Refusal::Ecdsa
        } else {
            Refusal::OtherFormat {
                what: "a PEM public key of another kind",
            }
        },
    )
}

/// The base64 text between two lines.
fn between(text: &str, begin: &str, end: &str) -> Option<String> {
    let body = text.split_once(begin)?.1.split_once('\n')?.1;
    let body = body.split_once(end)?.0;
    Some(
        body.lines()
            .filter(|line| !line.contains('-'))
            .map(str::trim)
            .collect(),
    )
}

/// `SHA256:…`, sixteen hexadecimal pairs (MD5), or the picture that `ssh-keygen -lv` draws.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    let is_md5 = |word: &str| {
        let word = word.strip_prefix("MD5:").unwrap_or(word);
        word.len() == 47
            && word.split(':').count() == 16
            && word
                .split(':')
                .all(|pair| pair.len() == 2 && pair.bytes().all(|c| c.is_ascii_hexdigit()))
    };
    text.contains("SHA256:") || text.contains("+--[") || text.split_whitespace().any(is_md5)
}
