//! The demo's own workshop: a folder with a copy of the repository's inventory, so that whoever joins is written into
//! the copy.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::run::{root, shown};

/// The people of inventory.yaml, as their key files are called there, and who walks in.
const PEOPLE: &[&str] = &["ada", "grace", "hedy", super::joins::KEY];

/// Makes `demo/` with the inventory and everybody's key pair, as far as they are not there yet.
pub(super) fn make() -> Result<PathBuf> {
    let folder = root().join("demo");
    let failed = |path: &Path, error| format!("{}: {error}", path.display());
    let keys = folder.join("demo-keys");
    std::fs::create_dir_all(&keys).map_err(|error| failed(&keys, error))?;
    let ours = root().join("inventory.yaml");
    let ours = std::fs::read_to_string(&ours).map_err(|error| failed(&ours, error))?;
    let copy = folder.join("inventory.yaml");
    // Who joined in an earlier run stands behind it; another inventory than before begins anew.
    let kept = std::fs::read_to_string(&copy).is_ok_and(|copy| copy.starts_with(&ours));
    if !kept {
        std::fs::write(&copy, ours).map_err(|error| failed(&copy, error))?;
    }
    for person in PEOPLE {
        let key = keys.join(person);
        if !key.with_extension("pub").exists() {
            let mut command = Command::new("ssh-keygen");
            command
                .args(["-q", "-t", "ed25519", "-N", "", "-C"])
                .arg(format!("{person}@demo"))
                .arg("-f")
                .arg(&key);
            shown(&mut command)?;
        }
    }
    Ok(folder)
}
