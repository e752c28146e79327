//! Recognises private keys of every format people send by mistake, so that nothing of them is kept.
//!
//! Only where a secret stands is ever returned, never a byte of it.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// How far a secret reaches from the word that gave it away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    /// The secret is that one word.
    Line,
    /// The secret is the lines that follow, up to an END line or the end of the text.
    Block,
}

/// Words that stand in no public key, lower case.
const MARKS: [(&str, Extent); 9] = [
    // PEM (OPENSSH, RSA, DSA, EC, ENCRYPTED, plain PKCS#8), ssh.com and OpenPGP.
    ("private key-----", Extent::Block),
    ("private key ----", Extent::Block),
    ("private key block-----", Extent::Block),
    // PuTTY's .ppk, versions 1 to 3.
    ("putty-user-key-file-", Extent::Block),
    // SSH 1: `SSH PRIVATE KEY FILE FORMAT 1.1`.
    ("ssh private key file", Extent::Block),
    // age, and its post-quantum kind.
    ("age-secret-key-", Extent::Line),
    // minisign, rsign and signify name the key in a comment line above it.
    ("encrypted secret key", Extent::Block),
    ("signify secret key", Extent::Block),
    // The openssh format without its base64.
    ("openssh-key-v1\0", Extent::Block),
];

/// What base64 text of a private key begins with, when the armour around it was cut off.
const BODIES: [&str; 2] = [
    // "openssh-key-v1\0"
    "b3BlbnNzaC1rZXktdjE",
    // PKCS#8, version 0, ed25519 (RFC 8410, section 10.3)
    "MC4CAQAwBQYDK2Vw",
];

/// The longest line of base64 that is decoded to look for DER, in digits: the first few bytes decide.
const DER_DIGITS: usize = 40;

/// Whether there is a private key in these bytes, as text or in binary form.
pub fn is_private(bytes: &[u8]) -> bool {
    is_private_der(bytes) || find(&String::from_utf8_lossy(bytes)).is_some()
}

/// Where the first private key in a text begins.
pub(crate) fn find(text: &str) -> Option<usize> {
    first(text).map(|(at, _)| at)
}

fn first(text: &str) -> Option<(usize, Extent)> {
    let lower = text.to_ascii_lowercase();
    let marks = MARKS
        .iter()
        .filter_map(|&(mark, extent)| Some((lower.find(mark)?, extent)));
    // A dash that a word processor made longer, or a line that ends early, hides no PEM header.
    let headers = lower
        .match_indices("private key")
        .filter(|(at, _)| lower[line_start(&lower, *at)..*at].contains("begin "))
        .map(|(at, _)| (at, Extent::Block));
    let bodies = BODIES
        .iter()
        .filter_map(|body| Some((text.find(body)?, Extent::Block)));
    let in_words = words(text).filter_map(|(at, word)| Some((at, extent_of_word(word)?)));
    // JSON Web Key: the member "d" is the secret half.
    let jwk = lower
        .find("\"kty\"")
        .zip(lower.find("\"d\""))
        .map(|(kty, d)| (kty.min(d), Extent::Block));
    marks
        .chain(headers)
        .chain(bodies)
        .chain(in_words)
        .chain(jwk)
        .min()
}

/// Secrets that are one long word, and DER in base64 that lost its armour.
fn extent_of_word(word: &str) -> Option<Extent> {
    // Nostr (NIP-19) and BIP32 secrets have turned up in forms that ask bitcoiners for "your key":
    // bech32 of 32 bytes is 63 characters, an extended key 111 of base58.
    let is_nostr = word.starts_with("nsec1") && word.len() == 63;
    let is_bip32 = (word.starts_with("xprv") || word.starts_with("tprv")) && word.len() > 100;
    if is_nostr || is_bip32 {
        Some(Extent::Line)
    } else if is_private_base64(word) {
        Some(Extent::Block)
    } else {
        None
    }
}

/// Hides every private key of a text that goes on to be shown beside an error: each byte from the
/// line on which one begins to the end of its block becomes `*`.
///
/// Lengths and line breaks stay, so that places in the text stay true.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = text.to_owned();
    while let Some((at, extent)) = first(&masked) {
        let range = match extent {
            Extent::Line => line_start(text, at)..line_end(text, at),
            Extent::Block => block_start(text, at)..block_end(text, at),
        };
        hide(&mut masked, range);
    }
    masked
}

/// Replaces a range by `*`, but for line breaks and the blanks that indent a line.
pub(crate) fn hide(text: &mut String, range: Range<usize>) {
    let mut indent = true;
    let bytes: Vec<u8> = text
        .bytes()
        .enumerate()
        .map(|(at, byte)| match byte {
            b'\n' | b'\r' => {
                indent = true;
                byte
            }
            b' ' if indent => byte,
            _ if range.contains(&at) => {
                indent = false;
                b'*'
            }
            _ => {
                indent = false;
                byte
            }
        })
        .collect();
    // The range's ends are character boundaries wherever it came from a search, so nothing is lost.
    *text = String::from_utf8_lossy(&bytes).into_owned();
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end)
}

/// The line that gave the secret away; where that is an END line, the secret stands above it, up to
/// an empty line or the start of the text.
fn block_start(text: &str, at: usize) -> usize {
    let line = line_start(text, at);
    if text[line..at].contains("END ") {
        text[..line].rfind("\n\n").map_or(0, |at| at + 1)
    } else {
        line
    }
}

/// After the END line, else the end of the text: rather too much is hidden than too little.
fn block_end(text: &str, at: usize) -> usize {
    let rest = &text[line_start(text, at)..];
    match rest.find("---END ").or_else(|| rest.find("--- END ")) {
        Some(end) => line_end(text, text.len() - rest.len() + end),
        None => text.len(),
    }
}

fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_');
    text.split(move |c: char| !digit(c))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

fn is_private_base64(word: &str) -> bool {
    // DER begins with a SEQUENCE: 0x30 is `M` in base64.
    if !word.starts_with('M') || word.len() < DER_DIGITS || !word.is_ascii() {
        return false;
    }
    let lenient = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    lenient
        .decode(&word[..DER_DIGITS])
        .is_ok_and(|start| is_private_der(&start))
}

/// PKCS#1, SEC 1 and PKCS#8 private keys begin with a SEQUENCE whose first member is a small version
/// number; encrypted PKCS#8 with the identifier of PKCS#5. A public key begins otherwise.
fn is_private_der(bytes: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = bytes else {
        return false;
    };
    let body = if length & 0x80 == 0 {
        rest
    } else {
        rest.get(usize::from(length & 0x7f)..).unwrap_or_default()
    };
    let is_versioned = matches!(body, [0x02, 0x01, 0..=3, ..]);
    // OBJECT IDENTIFIER 1.2.840.113549.1.5.…: password-based encryption.
    let pkcs5 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05];
    is_versioned
        || body
            .get(..14)
            .is_some_and(|head| head.windows(8).any(|id| id == pkcs5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_the_secret_and_keeps_every_place() {
        let text = "a: 1\nkey: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  b3BlbnNzaC1rZXktdjEAAAA\n  -----END OPENSSH PRIVATE KEY-----\nö: 2\n";
        let masked = mask(text);
        assert_eq!(masked.len(), text.len());
        assert!(masked.starts_with("a: 1\nkey: |\n  ****"));
        assert!(masked.ends_with("*\nö: 2\n"));
        assert_eq!(find(&masked), None);
    }

    #[test]
    fn two_secrets_on_one_line_are_both_hidden() {
        let masked = mask("{a: AGE-SECRET-KEY-1AAAA, b: AGE-SECRET-KEY-PQ-1BBBB}\n\nrest");
        assert_eq!(find(&masked), None);
        assert!(masked.ends_with("*\n\nrest"), "{masked}");
    }

    #[test]
    fn what_stands_above_a_lone_end_line_is_hidden_too() {
        let masked = mask("a\n\nAAAAsecret\n-----END OPENSSH PRIVATE KEY-----\n");
        assert!(masked.starts_with("a\n\n**********\n***"), "{masked}");
    }

    #[test]
    fn public_material_is_not_called_private() {
        for text in [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea my private key",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----",
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt",
            "please do not send your private key",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
