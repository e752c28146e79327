//! An ed25519 public key as OpenSSH writes it, and the checks a key must pass to become one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::refuse::Refusal;
use super::text;

/// The one key type that is accepted, as it stands in a key file and in the key's own blob.
pub(crate) const ED25519: &str = "ssh-ed25519";

/// The blob of an ed25519 key (RFC 8709, section 4): two strings, each after its length in four bytes.
const BLOB_LEN: usize = 4 + ED25519.len() + 4 + 32;

/// The blob in base64. 51 bytes are exactly 68 digits, so a key never ends in `=`.
pub(crate) const BLOB_DIGITS: usize = BLOB_LEN / 3 * 4;

/// How every ed25519 blob begins in base64: the length and the name, up to the last whole digit.
pub(crate) const BLOB_START: &str = "AAAAC3NzaC1lZDI1NTE5AAAAI";

/// How much of a comment is kept, in characters: a name and a machine, not a letter.
pub(crate) const COMMENT_LEN: usize = 100;

/// An ed25519 public key that was judged to be sound, with the comment its owner gave it.
///
/// Two keys are equal when their key material is; the comment is for people only.
#[derive(Clone)]
pub struct PublicKey {
    bytes: [u8; 32],
    comment: String,
}

impl PublicKey {
    /// Takes the 32 bytes of a compressed curve point (RFC 8032, section 5.1.2).
    ///
    /// # Errors
    /// Bytes that are no point, or a point nobody can own: of small order, or not in the one form
    /// that a key generator writes.
    pub(crate) fn new(bytes: [u8; 32], comment: &str) -> Result<Self, Refusal> {
        let point =
            ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| Refusal::NotAPoint)?;
        // A signature under a point of small order can be made by anybody. dalek takes a y of p or
        // more and reduces it; no generator writes one, so it is a forgery or a mistake.
        if point.is_weak() || !is_canonical(&bytes) {
            return Err(Refusal::WeakPoint);
        }
        let comment = text::printable(comment);
        let comment: String = comment.trim().chars().take(COMMENT_LEN).collect();
        Ok(Self {
            bytes,
            comment: comment.trim_end().to_owned(),
        })
    }

    /// Reads the blob that stands in base64 in a key file.
    ///
    /// # Errors
    /// See [`Refusal`]: another type, another length, or no sound key.
    pub(crate) fn from_blob(blob: &[u8], comment: &str) -> Result<Self, Refusal> {
        let mut rest = blob;
        let kind = read_string(&mut rest).ok_or(Refusal::Truncated)?;
        if kind != ED25519.as_bytes() {
            return Err(Refusal::of_type(&String::from_utf8_lossy(kind)));
        }
        let point = read_string(&mut rest).ok_or(Refusal::Truncated)?;
        if !rest.is_empty() {
            return Err(Refusal::TooLong);
        }
        let bytes = point.try_into().map_err(|_| Refusal::WrongPointLength {
            length: point.len(),
        })?;
        Self::new(bytes, comment)
    }

    /// The 32 bytes of the key itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The owner's comment: printable, on one line, at most 100 characters, often empty.
    ///
    /// It was written by somebody else: show it, never hand it to a shell.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// The line for `authorized_keys`: type and key, without the comment.
    pub fn authorized_line(&self) -> String {
        format!("{ED25519} {}", STANDARD.encode(self.blob()))
    }

    /// The fingerprint that `ssh-keygen -l` shows: `SHA256:` and 43 base64 digits.
    pub fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            STANDARD_NO_PAD.encode(Sha256::digest(self.blob()))
        )
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(BLOB_LEN);
        for string in [ED25519.as_bytes(), &self.bytes] {
            // Both lengths are constants far below 2^32.
            blob.extend_from_slice(&(string.len() as u32).to_be_bytes());
            blob.extend_from_slice(string);
        }
        blob
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for PublicKey {}

impl fmt::Display for PublicKey {
    /// The authorized line, as [`PublicKey::authorized_line`] has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authorized_line())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {:?})", self.fingerprint(), self.comment)
    }
}

/// Takes one SSH string (RFC 4251, section 5) off the front.
pub(crate) fn read_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (string, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(string)
}

/// Whether y, without the sign bit of x, is below the field's prime 2^255 − 19.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let high = bytes[31] & 0x7f;
    !(high == 0x7f && bytes[1..31].iter().all(|&byte| byte == 0xff) && bytes[0] >= 0xed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8032, section 7.1, test 1.
    const RFC8032: [u8; 32] = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07,
        0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07,
        0x51, 0x1a,
    ];

    #[test]
    fn line_and_fingerprint_are_those_of_another_implementation() {
        let key = PublicKey::new(RFC8032, "ignored").unwrap();
        let other = russh::keys::ssh_key::PublicKey::from_openssh(&key.authorized_line()).unwrap();
        assert_eq!(
            key.fingerprint(),
            other.fingerprint(Default::default()).to_string()
        );
        assert_eq!(other.to_openssh().unwrap(), key.authorized_line());
        assert!(key.authorized_line().contains(BLOB_START));
        assert_eq!(key.authorized_line().len(), ED25519.len() + 1 + BLOB_DIGITS);
    }

    #[test]
    fn weak_and_foreign_points_are_refused() {
        let mut y = [0; 32];
        assert!(matches!(PublicKey::new(y, ""), Err(Refusal::WeakPoint)));
        y[0] = 1;
        assert!(matches!(PublicKey::new(y, ""), Err(Refusal::WeakPoint)));
        // y = 2 is not on the curve.
        y[0] = 2;
        assert!(matches!(PublicKey::new(y, ""), Err(Refusal::NotAPoint)));
        // p + 3 reduces to y = 3, which is a point of large order, but nobody writes it so.
        let mut three = [0; 32];
        three[0] = 3;
        assert!(PublicKey::new(three, "").is_ok());
        let mut alias = [0xff; 32];
        alias[0] = 0xed + 3;
        alias[31] = 0x7f;
        assert!(matches!(PublicKey::new(alias, ""), Err(Refusal::WeakPoint)));
    }

    #[test]
    fn comments_lose_what_a_terminal_would_obey() {
        let key = PublicKey::new(RFC8032, " a\u{1b}[31mda\u{202e}@\thost\r\n ").unwrap();
        assert_eq!(key.comment(), "a[31mda@ host");
        let long = PublicKey::new(RFC8032, &"x".repeat(5000)).unwrap();
        assert_eq!(long.comment().len(), COMMENT_LEN);
    }
}
