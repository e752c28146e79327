//! A builder that is somewhere else: the cache is on its own disk.
//!
//! What it lacks comes by the shortest way: what the user's cache has is sent once, as the compressed archives that
//! lie there; only the rest is built. What it built comes back into the user's cache, which outlives the workshop:
//! a downlink is wide, and the next workshop is spared a build of twenty minutes.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::time::Duration;

use super::builder::{self, BuildError, CACHE_FOLDER, Inputs};
use super::cache::Cache;
use super::upload::{TRANSFER, put, put_public};
use super::{Closure, NarInfo, StorePath};
use crate::host::{Limits, Script, Ssh};
use crate::job::Reporter;
use crate::step::TAIL;

/// What is being done, for whoever is told that it failed.
const SENDING: &str = "sending what was built before";

/// Removes whatever the web server would give out though its archive is not the signed one, and names the rest.
const LOOK: &str = r#"
set -eu
umask 022
mkdir -p "$cache/store/nar" "$cache/builds"
chmod 0755 "$cache" "$cache/store" "$cache/store/nar"
cd "$cache/store"
# Nix takes no folder without it for a cache; `nix copy` would write it, but a builder may have nothing to build.
[ -e nix-cache-info ] || { echo 'StoreDir: /nix/store' > nix-cache-info.new; mv nix-cache-info.new nix-cache-info; }
for info in *.narinfo; do
  [ -e "$info" ] || continue
  url='' hash=''
  while read -r name value; do
    case $name in URL:) url=$value ;; FileHash:) hash=${value#sha256:} ;; esac
  done < "$info"
  if [ -n "$url" ] && [ -f "$url" ] && [ "$(nix-hash --type sha256 --flat --base32 "$url")" = "$hash" ]; then
    echo "@has ${info%.narinfo}"
  else
    rm -f -- "$info" "$url"
  fi
done
if [ -e "../builds/$key" ]; then printf '@closure '; cat "../builds/$key"; fi
"#;

/// The closure of `inputs`, in a builder that serves it. The user's cache has it too afterwards, but for what
/// [`keep`] still has to fetch.
///
/// # Errors
/// [`BuildError`]; what the builder has by then stays there.
pub async fn provide(
    ssh: &Ssh,
    inputs: &Inputs,
    cache: &Cache,
    report: &Reporter,
) -> Result<Closure, BuildError> {
    let (has, recorded) = look(ssh, inputs).await?;
    if let Some(closure) = recorded
        && [&closure.host, &closure.bitcoin, &closure.tree]
            .iter()
            .all(|path| has.contains(path.hash()))
    {
        return Ok(closure);
    }
    if let Some(closure) = cache.look_up(&inputs.key()) {
        send(ssh, cache, &[&closure.host], &has, report).await?;
        record(ssh, inputs, &closure).await?;
        return Ok(closure);
    }
    // Another `workshop` for the same Bitcoin Core: what took twenty minutes to build is sent all the same.
    if let Some(core) = cache.look_up(&inputs.core_key()) {
        send(ssh, cache, &[&core.bitcoin, &core.tree], &has, report).await?;
    }
    // Only a builder that builds has to sign.
    let key = format!("{CACHE_FOLDER}/secret-key");
    put(ssh, &cache.secret_key(), &key, SENDING).await?;
    let closure = builder::build(ssh, inputs, report).await?;
    record(ssh, inputs, &closure).await?;
    Ok(closure)
}

/// Fetches into the user's cache what it lacks of the closure, and writes down what these inputs gave.
///
/// # Errors
/// [`BuildError`]; what came whole is kept, and nothing else.
pub async fn keep(
    ssh: &Ssh,
    inputs: &Inputs,
    closure: &Closure,
    cache: &Cache,
    report: &Reporter,
) -> Result<(), BuildError> {
    let mut wanted = vec![closure.host.clone()];
    let mut seen = BTreeSet::new();
    while let Some(path) = wanted.pop() {
        if !seen.insert(path.hash().to_owned()) || cache.closure_of(&[&path]).is_ok() {
            continue;
        }
        let file = format!("{CACHE_FOLDER}/store/{}", path.narinfo());
        let bad = |what: &str| BuildError::Command {
            what: "fetching the build",
            tail: vec![format!("{file}: {what}")],
        };
        let mut script = Script::default().with("file", &file);
        script.push("cat -- \"$file\"");
        let fetched = ssh
            .fetch(&script, tokio::io::empty(), Limits::default(), |_| {})
            .await?;
        let text = String::from_utf8(fetched.bytes).map_err(|_| bad("no text"))?;
        let info = NarInfo::parse(&text).map_err(|error| bad(&error.to_string()))?;
        // Its content is as trusted as its builder; that it is what hosts will accept is the signature's matter.
        let key = cache.public_key().parse();
        if info.path != path || !key.is_ok_and(|key| info.is_signed_by(&key)) {
            return Err(bad("it is not signed by our key"));
        }
        report.doing("fetching the build into this machine's cache");
        let to = cache.temporary().map_err(|source| BuildError::Read {
            path: cache.folder().to_owned(),
            source,
        })?;
        let mut script =
            Script::default().with("file", &format!("{CACHE_FOLDER}/store/{}", info.url));
        script.push("cat -- \"$file\"");
        let limits = Limits {
            deadline: TRANSFER,
            output: usize::try_from(info.file_size).unwrap_or(usize::MAX),
        };
        let output = ssh.save(&script, to.as_file(), limits).await?;
        if !output.success() {
            return Err(BuildError::Command {
                what: "fetching the build",
                tail: output.last_lines(TAIL),
            });
        }
        cache.adopt(&info, &text, to)?;
        wanted.extend(info.references);
    }
    Ok(cache.record_build(inputs, closure)?)
}

/// The hashes of the paths that the builder serves, and what these inputs gave on it.
async fn look(
    ssh: &Ssh,
    inputs: &Inputs,
) -> Result<(BTreeSet<String>, Option<Closure>), BuildError> {
    let mut script = Script::default()
        .with("cache", CACHE_FOLDER)
        .with("key", &inputs.key());
    script.push(LOOK);
    let limits = Limits {
        deadline: Duration::from_secs(600),
        ..Limits::default()
    };
    let output = ssh.run(&script, limits).await?;
    if !output.success() {
        return Err(BuildError::of("looking at the builder's cache", &output));
    }
    let has = output
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("@has "));
    Ok((
        has.map(str::to_owned).collect(),
        builder::read_closure(&output.text),
    ))
}

/// Sends of `roots` and what they refer to whatever is not in `has`; archives first, so that a path is there whole.
async fn send(
    ssh: &Ssh,
    cache: &Cache,
    roots: &[&StorePath],
    has: &BTreeSet<String>,
    report: &Reporter,
) -> Result<(), BuildError> {
    let mut paths = cache.closure_of(roots)?;
    paths.retain(|info| !has.contains(info.path.hash()));
    let total: u64 = paths.iter().map(|info| info.file_size).sum();
    let mut sent = 0;
    let to = |name: &str| format!("{CACHE_FOLDER}/store/{name}");
    for info in &paths {
        report.progress(SENDING, sent >> 20, total >> 20);
        put_public(ssh, &cache.file(&info.url), &to(&info.url), SENDING).await?;
        sent += info.file_size;
    }
    // Referenced paths first: `closure_of` lists what refers before what it refers to.
    for info in paths.iter().rev() {
        let name = info.path.narinfo();
        put_public(ssh, &cache.file(&name), &to(&name), SENDING).await?;
    }
    Ok(())
}

async fn record(ssh: &Ssh, inputs: &Inputs, closure: &Closure) -> Result<(), BuildError> {
    let line = format!("{} {} {}\n", closure.host, closure.bitcoin, closure.tree);
    let path = format!("{CACHE_FOLDER}/builds/{}", inputs.key());
    let size = line.len() as u64;
    let output = ssh
        .upload(&path, Cursor::new(line), size, Limits::default())
        .await?;
    if output.success() {
        Ok(())
    } else {
        Err(BuildError::of("writing down the build", &output))
    }
}
