//! Files that are written whole or not at all.

use std::io::{self, Write as _};
use std::path::Path;

/// Writes `content` to `path` (mode 0600): a temporary file beside it, flushed to disk, then renamed.
///
/// # Errors
/// What the file system says; what was at `path` is then still there.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // tempfile makes its files readable by their owner alone.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Makes a rename or a new file in `folder` survive a power cut.
///
/// # Errors
/// What the file system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}
