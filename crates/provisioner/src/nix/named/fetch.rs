//! The closure from a named cache into this machine's own, for hosts that have no way to the named one.

use std::collections::BTreeSet;
use std::io::Write as _;

use super::super::builder::Inputs;
use super::super::cache::Cache;
use super::super::{Closure, NarInfo, StorePath};
use super::{Named, NamedError, unpacked};
use crate::job::Reporter;

/// A `.narinfo` names what its path refers to: a path of nixpkgs refers to some dozens, of 100 bytes each.
const LONGEST_NARINFO: usize = 1 << 16;

impl Named {
    /// Fetches what these inputs gave into `cache`, signed there by its own key: hosts need trust nobody else. Where the
    /// named cache has Bitcoin Core with another `workshop` alone, that comes, and `None` says that the rest is still to be built.
    ///
    /// # Errors
    /// [`NamedError`]; paths that came whole are kept, and the next run goes on with the others.
    pub async fn fetch(
        &self,
        inputs: &Inputs,
        cache: &Cache,
        report: &Reporter,
    ) -> Result<Option<Closure>, NamedError> {
        match self.ask(inputs).await {
            Ok(closure) => {
                self.fetch_paths(&closure, cache, report).await?;
                cache.record_build(inputs, &closure)?;
                Ok(Some(closure))
            }
            Err(none @ NamedError::NoBuild { .. }) => {
                let core = inputs.core_key();
                if cache.look_up(&core).is_none() {
                    // Of the two answers the first says what is to be done.
                    let Ok((closure, _)) = self.ask_for(&core).await else {
                        return Err(none);
                    };
                    self.fetch_paths(&closure, cache, report).await?;
                    cache.record(&core, &closure)?;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn fetch_paths(
        &self,
        closure: &Closure,
        cache: &Cache,
        report: &Reporter,
    ) -> Result<(), NamedError> {
        let mut wanted: Vec<StorePath> = vec![
            closure.tree.clone(),
            closure.bitcoin.clone(),
            closure.host.clone(),
        ];
        let mut seen = BTreeSet::new();
        let key = cache.signing_key()?;
        while let Some(path) = wanted.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let info = match cache.path(&path) {
                Ok(info) => info,
                Err(_) => {
                    let (info, text) = self.narinfo(&path).await?;
                    let archive = self.archive(&info, cache, report).await?;
                    cache.adopt(&info, &info.text_signed_by(&text, &key), archive)?;
                    info
                }
            };
            wanted.extend(info.references);
        }
        Ok(())
    }

    async fn narinfo(&self, path: &StorePath) -> Result<(NarInfo, String), NamedError> {
        let name = path.narinfo();
        let text = self.text(&name, LONGEST_NARINFO).await?;
        let info = NarInfo::parse(&text).map_err(|source| NamedError::NarInfo {
            url: self.at(&name),
            source,
        })?;
        if info.path != *path || !info.is_signed_by(&self.cache.key) {
            return Err(NamedError::Unsigned {
                url: self.at(&name),
                wanted: self.cache.key.name().to_owned(),
            });
        }
        Ok((info, text))
    }

    /// The archive, in a file that is gone unless it is taken in.
    async fn archive(
        &self,
        info: &NarInfo,
        cache: &Cache,
        report: &Reporter,
    ) -> Result<tempfile::NamedTempFile, NamedError> {
        let url = self.at(&info.url);
        let bad = |why: String| NamedError::Archive {
            url: url.clone(),
            why,
        };
        // Only the size of what it holds is signed, and compressing makes nothing much larger.
        let most = info.nar_size + info.nar_size / 64 + 4096;
        if info.file_size > most {
            return Err(bad(format!(
                "{} bytes are more than it holds",
                info.file_size
            )));
        }
        let folder = cache.folder();
        let io = |source: std::io::Error| {
            let (url, folder) = (url.clone(), folder.to_owned());
            match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    NamedError::Full {
                        url,
                        folder,
                        source,
                    }
                }
                _ => NamedError::Cache(crate::nix::cache::CacheError::Io {
                    path: folder,
                    source,
                }),
            }
        };
        let mut response = self.get(&info.url).await?;
        let mut file = cache.temporary().map_err(io)?;
        let mut got = 0;
        while let Some(chunk) =
            (response.chunk().await).map_err(|error| NamedError::lost(url.clone(), error))?
        {
            got += chunk.len() as u64;
            if got > info.file_size {
                return Err(bad(format!("it goes on after {} bytes", info.file_size)));
            }
            // Into the page cache: a few microseconds.
            file.write_all(&chunk).map_err(io)?;
            report.progress(
                format!("fetching the closure from {}", self.cache.url),
                got >> 20,
                info.file_size >> 20,
            );
        }
        report.doing(format!("unpacking and comparing {}", info.path));
        let info = info.clone();
        let compared = tokio::task::spawn_blocking(move || {
            let wrong = unpacked::wrong(&info, file.as_file_mut());
            (wrong, file)
        });
        let (wrong, file) =
            (compared.await).unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        match wrong.map_err(io)? {
            Some(why) => Err(bad(why)),
            None => Ok(file),
        }
    }
}
