//! The secret half of a binary cache's signing key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};

/// `name:base64` of seed and public key, as Nix and libsodium write it. It is never shown.
pub(super) struct SecretKey {
    name: String,
    key: SigningKey,
}

impl SecretKey {
    /// Reads it; none when Nix would not take it either.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, secret) = text.trim().split_once(':')?;
        let bytes: [u8; 64] = STANDARD.decode(secret).ok()?.try_into().ok()?;
        Some(Self {
            name: name.to_owned(),
            key: SigningKey::from_keypair_bytes(&bytes).ok()?,
        })
    }

    /// The public half, as `trusted-public-keys` takes it.
    pub(super) fn public(&self) -> String {
        let bytes = self.key.verifying_key().to_bytes();
        format!("{}:{}", self.name, STANDARD.encode(bytes))
    }

    /// `name:base64`, as behind `Sig:`.
    pub(super) fn sign(&self, message: &str) -> String {
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        format!("{}:{}", self.name, STANDARD.encode(signature))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::nix::CacheKey;

    /// A key whose seed is this byte.
    pub(crate) fn key(name: &str, seed: u8) -> SecretKey {
        SecretKey {
            name: name.to_owned(),
            key: SigningKey::from_bytes(&[seed; 32]),
        }
    }

    #[test]
    fn what_is_signed_is_verified_by_its_public_half_alone() {
        let (one, two) = (key("one", 1), key("two", 2));
        let public: CacheKey = one.public().parse().unwrap();
        assert!(public.signed("text", &one.sign("text")));
        assert!(!public.signed("other", &one.sign("text")));
        assert!(!public.signed("text", &two.sign("text")));
        assert!(SecretKey::parse(public.as_str()).is_none());
    }
}
