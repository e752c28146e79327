//! `builds/KEY` of a named cache: what certain inputs gave, signed.
//!
//! Signatures of paths alone would let whoever can change the web server have hosts install an older closure, or that of
//! another Bitcoin Core: all of them are signed. So this one ties the paths to what they were built of.

use super::secret_key::SecretKey;
use super::{CacheKey, Closure};

/// Bytes of a record: three store paths of at most 255 each, and a few signatures.
pub(super) const LONGEST: usize = 4096;

/// Not a record that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Something else lies there, such as a page of HTML.
    #[error("it is no record of a build")]
    Form,
    /// Nobody whom the inventory names has signed it.
    #[error(
        "it is signed by {}, and not by {wanted}",
        if signers.is_empty() { "nobody".to_owned() } else { signers.join(", ") }
    )]
    Signer {
        /// Whose signatures it has, by the names that they give themselves.
        signers: Vec<String>,
        /// The name of the key that the inventory names.
        wanted: String,
    },
    /// It says that it is signed by that key, and is not, or not for these inputs.
    #[error("its signature by {wanted} is wrong: it was changed, or is of another build")]
    Forged {
        /// The name of the key that the inventory names.
        wanted: String,
    },
}

/// What is signed. The first word keeps it apart from the fingerprint of a `.narinfo`, which begins with `1;`.
fn message(inputs: &str, closure: &Closure) -> String {
    let Closure {
        host,
        bitcoin,
        tree,
    } = closure;
    format!("workshop-build;1;{inputs};{host};{bitcoin};{tree}")
}

/// The record's text.
pub(super) fn signed(inputs: &str, closure: &Closure, key: &SecretKey) -> String {
    let signature = key.sign(&message(inputs, closure));
    let Closure {
        host,
        bitcoin,
        tree,
    } = closure;
    format!("{host} {bitcoin} {tree}\nSig: {signature}\n")
}

/// What `inputs` gave, if `key` says so.
pub(super) fn verified(text: &str, inputs: &str, key: &CacheKey) -> Result<Closure, RecordError> {
    let mut lines = text.lines();
    let mut paths = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(|path| path.parse().ok());
    let mut next = || paths.next().flatten().ok_or(RecordError::Form);
    let closure = Closure {
        host: next()?,
        bitcoin: next()?,
        tree: next()?,
    };
    if paths.next().is_some() {
        return Err(RecordError::Form);
    }
    let signatures: Vec<&str> = lines
        .filter_map(|line| line.strip_prefix("Sig: "))
        .collect();
    let message = message(inputs, &closure);
    if signatures.iter().any(|it| key.signed(&message, it)) {
        return Ok(closure);
    }
    let name = |signature: &&str| signature.split(':').next().unwrap_or_default().to_owned();
    let signers: Vec<String> = signatures.iter().map(name).collect();
    let wanted = key.name().to_owned();
    if signers.contains(&wanted) {
        return Err(RecordError::Forged { wanted });
    }
    // They come from the network and go into a message.
    let signers = signers
        .iter()
        .map(|it| crate::host::printable(it.as_bytes()))
        .collect();
    Err(RecordError::Signer { signers, wanted })
}

#[cfg(test)]
mod tests {
    use super::super::secret_key::tests::key;
    use super::*;

    fn closure(digit: char) -> Closure {
        let path = |name: &str| {
            let hash = digit.to_string().repeat(32);
            format!("/nix/store/{hash}-{name}").parse().unwrap()
        };
        Closure {
            host: path("host"),
            bitcoin: path("bitcoin"),
            tree: path("tree"),
        }
    }

    #[test]
    fn a_record_counts_for_its_inputs_its_paths_and_its_key() {
        let (one, two) = (key("one", 1), key("two", 2));
        let public = |key: &SecretKey| key.public().parse::<CacheKey>().unwrap();
        let text = signed("abc", &closure('1'), &one);
        assert_eq!(verified(&text, "abc", &public(&one)), Ok(closure('1')));
        let forged = Err(RecordError::Forged {
            wanted: "one".into(),
        });
        // Of an older build, moved to these inputs' name.
        assert_eq!(verified(&text, "abd", &public(&one)), forged);
        let other = text.replacen("-tree", "-trees", 1);
        assert_eq!(verified(&other, "abc", &public(&one)), forged);
        // Another key of the same name.
        assert_eq!(verified(&text, "abc", &public(&key("one", 9))), forged);
        assert_eq!(
            verified(&text, "abc", &public(&two))
                .unwrap_err()
                .to_string(),
            "it is signed by one, and not by two"
        );
        let bare = text.lines().next().unwrap();
        assert_eq!(
            verified(bare, "abc", &public(&two))
                .unwrap_err()
                .to_string(),
            "it is signed by nobody, and not by two"
        );
        // Whoever takes the cache over signs as well, until all inventories name the new key.
        let both = format!(
            "{text}{}",
            signed("abc", &closure('1'), &two).lines().nth(1).unwrap()
        );
        assert_eq!(verified(&both, "abc", &public(&two)), Ok(closure('1')));
        for none in [
            "",
            "<!doctype html>\n",
            "/nix/store/x y z",
            &format!("{bare} /x"),
        ] {
            assert_eq!(verified(none, "abc", &public(&one)), Err(RecordError::Form));
        }
    }
}
