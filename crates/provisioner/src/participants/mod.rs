//! The people's keys: what they sent is cleaned where that is harmless, and judged.
//!
//! Nothing of a private key, and nothing else of a refused file, ever leaves this module.

mod block;
mod clean;
mod file;
mod find;
mod key;
pub(crate) mod private;
mod refuse;
pub(crate) mod text;

pub use clean::Cleaning;
pub use file::judge_file;
pub(crate) use file::{read_capped, read_file};
pub use key::PublicKey;
pub use private::is_private;
pub use refuse::{MAX_FILE, Refusal};

use clean::Cleanings;

/// A longer text is no path (Linux's PATH_MAX is 4096), and is not repeated in a message.
const MAX_PATH: usize = 1024;

/// What became of a text that somebody sent as their key.
#[derive(Debug)]
pub enum Verdict {
    /// A key, just as its file should be.
    Accepted {
        /// The key.
        key: PublicKey,
    },
    /// A key, once harmless things were put right.
    Cleaned {
        /// The key.
        key: PublicKey,
        /// What was put right; never empty.
        cleanings: Vec<Cleaning>,
    },
    /// No key to let anybody in with.
    Refused(Refusal),
}

impl Verdict {
    /// The key, unless it was refused.
    pub fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::Accepted { key } | Self::Cleaned { key, .. } => Some(key),
            Self::Refused(_) => None,
        }
    }

    /// What was put right; empty for a key that needed nothing, and for a refused one.
    pub fn cleanings(&self) -> &[Cleaning] {
        match self {
            Self::Cleaned { cleanings, .. } => cleanings,
            Self::Accepted { .. } | Self::Refused(_) => &[],
        }
    }
}

/// Judges what stands in a key file, or was pasted in its place.
pub fn judge_bytes(bytes: &[u8]) -> Verdict {
    let mut done = Cleanings::new();
    match judge(bytes, &mut done) {
        Err(refusal) => Verdict::Refused(refusal),
        Ok(key) if done.is_empty() => Verdict::Accepted { key },
        Ok(key) => Verdict::Cleaned {
            key,
            cleanings: done.into_iter().collect(),
        },
    }
}

fn judge(bytes: &[u8], done: &mut Cleanings) -> Result<PublicKey, Refusal> {
    if bytes.len() > MAX_FILE {
        return Err(Refusal::TooLarge);
    }
    // Before anything else looks at it.
    if private::is_private(bytes) {
        return Err(Refusal::PrivateKey);
    }
    let text = clean::decode(bytes, done).ok_or(Refusal::Binary)?;
    if private::find(&text).is_some() {
        return Err(Refusal::PrivateKey);
    }
    let plain = clean::plain(&text, done);
    if plain.trim().is_empty() {
        return Err(Refusal::Empty);
    }

    let mut candidates = find::named(&plain);
    if candidates.is_empty() {
        if let Some(read) = block::read(&plain, done) {
            return read;
        }
        candidates.extend(find::bare(&plain));
    }
    let mut taken: Option<find::Candidate> = None;
    let mut distinct: Vec<PublicKey> = Vec::new();
    let mut refused = Vec::new();
    let mut lines = 0;
    for candidate in candidates {
        lines += candidate.lines;
        match &candidate.key {
            Ok(key) if distinct.contains(key) => {
                done.insert(Cleaning::Repeated);
            }
            Ok(key) => {
                distinct.push(key.clone());
                taken = Some(candidate);
            }
            Err(_) => refused.extend(candidate.key.err()),
        }
    }
    if distinct.len() > 1 {
        return Err(Refusal::SeveralKeys {
            count: distinct.len(),
        });
    }
    let Some(taken) = taken else {
        return Err(match refused.into_iter().next() {
            Some(refusal) => refusal,
            None if block::is_fingerprint(&plain) => Refusal::Fingerprint,
            None if text.contains(char::REPLACEMENT_CHARACTER) => Refusal::Binary,
            None => Refusal::NoKey,
        });
    };
    if !refused.is_empty() {
        done.insert(Cleaning::OtherKeys);
    }
    let written = plain.lines().filter(|line| !line.trim().is_empty()).count();
    if written > lines {
        done.insert(Cleaning::OtherLines);
    }
    done.extend(taken.done);
    let key = taken.key?;
    // Whatever else was not as `ssh-keygen` writes it were blanks.
    let mut line = key.authorized_line();
    if !key.comment().is_empty() {
        line = format!("{line} {}", key.comment());
    }
    if done.is_empty() && plain.strip_suffix('\n').unwrap_or(&plain) != line {
        done.insert(Cleaning::Blanks);
    }
    Ok(key)
}

/// Whether a text that names a key is the key itself, or meant as one, rather than the path of a file.
pub fn is_inline(text: &str) -> bool {
    let text = text.trim();
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default().to_ascii_lowercase();
    // `ssh-keys/ada.pub` is a path; `ssh-rsa AAAA…` is none.
    let is_typed =
        words.next().is_some() && (first == key::ED25519 || refuse::known_type(&first).is_some());
    let is_blob = text.starts_with("AAAA") && text.len() >= 40;
    is_typed
        || is_blob
        || text.contains('\n')
        || text.len() > MAX_PATH
        || ["SHA256:", "MD5:", "---", "`"]
            .iter()
            .any(|start| text.starts_with(start))
        || text.to_ascii_lowercase().contains("ssh-ed25519 aaaa")
        || private::find(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_keys_are_told_apart() {
        for path in [
            "keys/ada.pub",
            "ssh-keys/ada.pub",
            "ssh-ed25519",
            "AAAA.pub",
            "sk-ada.pub",
            "~/My Keys/ada.pub",
            "",
        ] {
            assert!(!is_inline(path), "{path}");
        }
        for key in [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
            "SSH-RSA AAAAB3NzaC1yc2E",
            "no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI",
            "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
            "SHA256:N8sEb2VYd81gfcs0XYCyrWl7VX1n9DN5dxw35t61R3c",
            "AGE-SECRET-KEY-1QQQQ",
        ] {
            assert!(is_inline(key), "{key}");
        }
    }
}
