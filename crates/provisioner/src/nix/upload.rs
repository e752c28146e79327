//! Files of this machine on a builder.

use std::path::Path;
use std::time::Duration;

use super::builder::BuildError;
use crate::host::{Limits, Script, Ssh};

/// A closure has 80 MB; at 100 kB/s, the slowest uplink anybody teaches from, that is a quarter of an hour.
pub(super) const TRANSFER: Duration = Duration::from_secs(3600);

/// Puts `file` there, whole or not at all, readable by root alone. `what` is told when it fails.
pub(super) async fn put(
    ssh: &Ssh,
    file: &Path,
    to: &str,
    what: &'static str,
) -> Result<(), BuildError> {
    let read = |source| BuildError::Read {
        path: file.to_owned(),
        source,
    };
    let content = tokio::fs::File::open(file).await.map_err(read)?;
    let size = content.metadata().await.map_err(read)?.len();
    let limits = Limits {
        deadline: TRANSFER,
        ..Limits::default()
    };
    let output = ssh.upload(to, content, size, limits).await?;
    if output.success() {
        return Ok(());
    }
    Err(BuildError::of(what, &output))
}

/// As [`put`], for what the web server, another user, gives out.
pub(super) async fn put_public(
    ssh: &Ssh,
    file: &Path,
    to: &str,
    what: &'static str,
) -> Result<(), BuildError> {
    put(ssh, file, to, what).await?;
    let mut script = Script::default().with("file", to);
    script.push("chmod 0644 -- \"$file\"");
    let output = ssh.run(&script, Limits::default()).await?;
    if output.success() {
        return Ok(());
    }
    Err(BuildError::of(what, &output))
}

/// As [`put`], unless a file with this SHA-256 (in hex) is there already.
pub(super) async fn put_once(
    ssh: &Ssh,
    file: &Path,
    sum: &str,
    to: &str,
    what: &'static str,
) -> Result<(), BuildError> {
    let mut look = Script::default().with("sum", sum).with("file", to);
    look.push(r#"[ "$(sha256sum < "$file" 2>/dev/null)" = "$sum  -" ]"#);
    if ssh.run(&look, Limits::default()).await?.success() {
        return Ok(());
    }
    put(ssh, file, to, what).await
}
