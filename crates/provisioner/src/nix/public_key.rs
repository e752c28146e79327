//! The public half of a binary cache's signing key.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};

/// `name:base64`, as `trusted-public-keys` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    text: String,
    key: VerifyingKey,
}

/// Not the public key of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheKeyError {
    /// No name in front of it.
    #[error("it has no name and `:` in front of the base64")]
    NoName,
    /// The name would not be one word in a configuration file.
    #[error("its name has other characters than letters, digits, `.`, `_` and `-`")]
    Name,
    /// Something else than base64.
    #[error("what follows the `:` is not base64")]
    Base64,
    /// The half that nobody else may have.
    #[error("this is the secret half: 64 bytes where a public key has 32")]
    Secret,
    /// Another number of bytes.
    #[error("it has {0} bytes where a public key has 32")]
    Length(usize),
    /// 32 bytes that are no point of the curve.
    #[error("its bytes are no ed25519 key")]
    NoKey,
}

impl CacheKey {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part in front of the `:`, which signatures carry too.
    pub fn name(&self) -> &str {
        self.text.split(':').next().unwrap_or_default()
    }

    /// Whether `signature` (`name:base64`) is this key's for `message`.
    pub fn signed(&self, message: &str, signature: &str) -> bool {
        let Some((name, signature)) = signature.split_once(':') else {
            return false;
        };
        let bytes = STANDARD.decode(signature).ok();
        let Some(signature) = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok()) else {
            return false;
        };
        name == self.name()
            && self
                .key
                .verify_strict(message.as_bytes(), &signature)
                .is_ok()
    }
}

impl FromStr for CacheKey {
    type Err = CacheKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, key) = text.split_once(':').ok_or(CacheKeyError::NoName)?;
        if name.is_empty() {
            return Err(CacheKeyError::NoName);
        }
        if !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        {
            return Err(CacheKeyError::Name);
        }
        let bytes = STANDARD.decode(key).map_err(|_| CacheKeyError::Base64)?;
        let bytes: [u8; 32] = match bytes.len() {
            // libsodium's secret key: seed and public key.
            64 => return Err(CacheKeyError::Secret),
            length => bytes
                .try_into()
                .map_err(|_| CacheKeyError::Length(length))?,
        };
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| CacheKeyError::NoKey)?;
        Ok(Self {
            text: text.to_owned(),
            key,
        })
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_key_is_wrong_in_its_own_way() {
        let nixos = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
        assert_eq!(
            nixos.parse::<CacheKey>().unwrap().name(),
            "cache.nixos.org-1"
        );
        let secret = format!("mine:{}", STANDARD.encode([7; 64]));
        for (text, wrong) in [
            (
                "6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=",
                CacheKeyError::NoName,
            ),
            (
                ":6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=",
                CacheKeyError::NoName,
            ),
            (
                "a b:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=",
                CacheKeyError::Name,
            ),
            ("mine:6NCHdD59X431o0", CacheKeyError::Base64),
            ("mine:AAAA", CacheKeyError::Length(3)),
            (&secret, CacheKeyError::Secret),
        ] {
            assert_eq!(text.parse::<CacheKey>(), Err(wrong), "{text}");
        }
    }
}
