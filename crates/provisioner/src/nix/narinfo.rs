//! A `.narinfo`: what a binary cache says of one store path. Its archive may come from anywhere, since hash and
//! size of what it holds are signed.

use sha2::{Digest as _, Sha256};

use super::secret_key::SecretKey;
use super::{CacheKey, StorePath};

/// Nix's base 32, which leaves out e, o, t and u (src/libutil/hash.cc).
const DIGITS: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// A path of a binary cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NarInfo {
    /// The path.
    pub path: StorePath,
    /// Its archive, relative to the cache: `nar/HASH.nar.zst`.
    pub url: String,
    /// SHA-256 of the archive as it lies in the cache: 52 digits of Nix's base 32.
    pub file_hash: String,
    /// Bytes of the archive as it lies in the cache.
    pub file_size: u64,
    /// How the archive is compressed, in Nix's word.
    pub compression: String,
    /// SHA-256 of what the archive holds, which is what is signed: 52 digits of Nix's base 32.
    pub nar_hash: String,
    /// Bytes of what the archive holds.
    pub nar_size: u64,
    /// What it refers to, itself left out.
    pub references: Vec<StorePath>,
    /// What is signed.
    fingerprint: String,
    signatures: Vec<String>,
}

/// Not what Nix writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NarInfoError {
    /// A line that must be there is not.
    #[error("it has no line `{0}`")]
    Missing(&'static str),
    /// A line does not hold what belongs there.
    #[error("its line `{0}` does not hold what belongs there")]
    Wrong(&'static str),
}

impl NarInfo {
    /// Reads a `.narinfo`.
    ///
    /// # Errors
    /// [`NarInfoError`].
    pub fn parse(text: &str) -> Result<Self, NarInfoError> {
        let values = |name: &'static str| {
            text.lines().filter_map(move |line| {
                line.strip_prefix(name)?
                    .strip_prefix(':')
                    .map(|value| value.trim())
            })
        };
        let value = |name| values(name).next().ok_or(NarInfoError::Missing(name));
        let number = |name| {
            value(name)?
                .parse::<u64>()
                .map_err(|_| NarInfoError::Wrong(name))
        };
        let path: StorePath = value("StorePath")?
            .parse()
            .map_err(|_| NarInfoError::Wrong("StorePath"))?;
        let url = value("URL")?;
        // It becomes a path on this machine and on a builder.
        let archive = url.strip_prefix("nar/").unwrap_or_default();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'.';
        if archive.is_empty() || archive.starts_with('.') || !archive.bytes().all(plain) {
            return Err(NarInfoError::Wrong("URL"));
        }
        let sum = |name| {
            let sum = value(name)?
                .strip_prefix("sha256:")
                .ok_or(NarInfoError::Wrong(name))?;
            if sum.len() == 52 && sum.bytes().all(|b| DIGITS.contains(&b)) {
                Ok(sum)
            } else {
                Err(NarInfoError::Wrong(name))
            }
        };
        let references: Vec<StorePath> = value("References")?
            .split_ascii_whitespace()
            .map(|name| format!("/nix/store/{name}").parse())
            .collect::<Result<_, _>>()
            .map_err(|_| NarInfoError::Wrong("References"))?;
        let listed: Vec<&str> = references.iter().map(StorePath::as_str).collect();
        // ValidPathInfo::fingerprint in src/libstore/path-info.cc.
        let fingerprint = format!(
            "1;{path};sha256:{};{};{}",
            sum("NarHash")?,
            number("NarSize")?,
            listed.join(",")
        );
        Ok(Self {
            fingerprint,
            url: url.to_owned(),
            file_hash: sum("FileHash")?.to_owned(),
            file_size: number("FileSize")?,
            // Nix's own default (src/libstore/nar-info.cc).
            compression: values("Compression").next().unwrap_or("bzip2").to_owned(),
            nar_hash: sum("NarHash")?.to_owned(),
            nar_size: number("NarSize")?,
            signatures: values("Sig").map(str::to_owned).collect(),
            references: references.into_iter().filter(|it| *it != path).collect(),
            path,
        })
    }

    /// Whether `key` has signed it.
    pub fn is_signed_by(&self, key: &CacheKey) -> bool {
        self.signatures
            .iter()
            .any(|signature| key.signed(&self.fingerprint, signature))
    }

    /// The text of a `.narinfo` that says the same and is signed by `key` alone; `text` is this one's. Lines that Nix has
    /// no need of, which nobody signed, are left out.
    pub(super) fn text_signed_by(&self, text: &str, key: &SecretKey) -> String {
        const KEPT: [&str; 9] = [
            "StorePath",
            "URL",
            "Compression",
            "FileHash",
            "FileSize",
            "NarHash",
            "NarSize",
            "References",
            "Deriver",
        ];
        let mut kept = String::new();
        for name in KEPT {
            let line = text
                .lines()
                .find(|line| line.split(':').next() == Some(name));
            if let Some(line) = line {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        let signature = key.sign(&self.fingerprint);
        format!("{kept}Sig: {signature}\n")
    }

    /// The names of the keys that it claims to be signed by.
    pub fn signers(&self) -> Vec<&str> {
        self.signatures
            .iter()
            .filter_map(|signature| signature.split(':').next())
            .collect()
    }
}

/// SHA-256 of what `reader` gives, in Nix's base 32.
pub(super) fn sum(mut reader: impl std::io::Read) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(base32(&hasher.finalize()))
}

/// printHash32 of src/libutil/hash.cc: five bits a digit, from the end.
fn base32(bytes: &[u8]) -> String {
    let digits = (bytes.len() * 8).div_ceil(5);
    (0..digits)
        .rev()
        .map(|n| {
            let (byte, bit) = (n * 5 / 8, n * 5 % 8);
            let low = u16::from(bytes[byte]);
            let high = u16::from(bytes.get(byte + 1).copied().unwrap_or(0));
            char::from(DIGITS[usize::from((low | high << 8) >> bit & 31)])
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As Nix 2.8 wrote and signed it.
    pub(crate) const HOST: &str = "\
StorePath: /nix/store/lj4ijhfk3dbxd8zdbjc5l2c4cw2ga2a7-workshop-host-0.1.0
URL: nar/0c20pqc5hnfqrcjm156qnvr2kljh4paixghvi5wpadwq2pbf30bk.nar.zst
Compression: zstd
FileHash: sha256:0c20pqc5hnfqrcjm156qnvr2kljh4paixghvi5wpadwq2pbf30bk
FileSize: 422
NarHash: sha256:00hlvlx58pajilv0sic76zq7l4j31j16jzcwp42kwgvnj73j8b7q
NarSize: 2216
References: kkhdh0ldw6vycv1brh0aanh53gkblhnl-bitcoin-core-31.99-tree pvlhn4rab1qi84xar2a7rvbhp7j28j38-workshop-0.1.0 y2ahpqnqyb9xs9qwysxkznhz7rnk6c60-bitcoin-core-31.99
Deriver: kj1nrj4ch8mxybb9kykqi88n6wgxl970-workshop-host-0.1.0.drv
Sig: SIGNATURE
";

    const KEY: &str = "workshop-1:N/dzjCDetNZ3c3VL1TdPYaPzp/p3zqTPh9BhK1TKQu8=";
    const NIXS: &str = "workshop-1:iHCQtI1f4u+sHA6biR8pcjx2TUe16KZBGTjeBl6e6i6mGubrT0kfdb42ZC8DZu4v2/mmcVEMz7gK3yVk7o/kCg==";

    #[test]
    fn what_nix_has_signed_is_signed() {
        let info = NarInfo::parse(&HOST.replace("SIGNATURE", NIXS)).unwrap();
        let key: CacheKey = KEY.parse().unwrap();
        assert!(info.is_signed_by(&key));
        assert_eq!(info.signers(), ["workshop-1"]);
        assert_eq!(info.references.len(), 3);
        for (from, to) in [
            ("NarSize: 2216", "NarSize: 2217"),
            ("kkhdh0ldw6", "kkhdh0ldw7"),
            ("00hlvlx58", "00hlvlx59"),
        ] {
            let other = HOST.replace("SIGNATURE", NIXS).replace(from, to);
            assert!(!NarInfo::parse(&other).unwrap().is_signed_by(&key), "{to}");
        }
        let other = "workshop-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
        assert!(!info.is_signed_by(&other.parse().unwrap()));
    }

    #[test]
    fn nothing_leaves_the_cache_by_its_name() {
        for url in [
            "nar/../../etc/passwd",
            "nar/.x",
            "nar/",
            "/etc/passwd",
            "nar/a b",
            "x",
        ] {
            let text = HOST.replace(
                "nar/0c20pqc5hnfqrcjm156qnvr2kljh4paixghvi5wpadwq2pbf30bk.nar.zst",
                url,
            );
            assert_eq!(
                NarInfo::parse(&text),
                Err(NarInfoError::Wrong("URL")),
                "{url}"
            );
        }
        assert_eq!(
            NarInfo::parse("<html>404</html>"),
            Err(NarInfoError::Missing("StorePath"))
        );
    }

    #[test]
    fn sums_are_written_as_nix_writes_them() {
        // `nix-hash --type sha256 --flat --base32` of an empty file.
        assert_eq!(
            sum(std::io::empty()).unwrap(),
            "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"
        );
    }
}
