//! Brings the participants' work to the instructor's machine: what they wrote, what they changed in the tree, what
//! they answered and how far they came. One folder a host, whole or as it was.

mod folder;
mod unpack;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::{Limits, Script, last_lines, printable};
use crate::provision::{Failure, ProvisionError};
use crate::room::Seat;
use crate::state::{self, Life, LockError, Locked};
use crate::steps::TREE;
use crate::visit::{Visit, Visited, Visits, visit};

/// What one file may have: scripts and answers have a few KB.
const EACH_KIB: u64 = 1 << 10;

/// Files of one host.
const MOST_FILES: usize = 500;

/// A patch of some lines has a few KB.
const MOST_PATCH: u64 = 2 << 20;

/// All that one host may send.
const MOST: usize = 8 << 20;

/// A tree is unpacked and compared in two seconds; a busy host takes longer.
const LONGEST: Duration = Duration::from_secs(180);

/// What was collected from one host.
#[derive(Clone, Debug, Serialize)]
pub struct Work {
    /// Where it is.
    pub folder: PathBuf,
    /// How many files.
    pub files: usize,
    /// Their size in bytes.
    pub bytes: u64,
    /// What was not collected.
    pub left_out: Vec<LeftOut>,
    /// Where the work of an earlier host of this word is now.
    pub earlier: Option<PathBuf>,
}

/// Something that stayed on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// What, as the host calls it.
    pub path: String,
    /// Why.
    pub why: String,
}

/// Nothing can be collected at all.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum CollectError {
    /// The folder for it cannot be used.
    #[error("cannot collect into {}", path.display())]
    #[diagnostic(help("Is there room, and may you write there? --into names another folder."))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another run collects there.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// The state cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    State(#[from] state::WorkplaceError),
}

impl From<CollectError> for ProvisionError {
    fn from(error: CollectError) -> Self {
        Self::Collect(Box::new(error))
    }
}

/// Where work is collected unless somebody names another folder: beside the inventory.
pub fn folder_of(inventory: &Path) -> PathBuf {
    inventory
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .join("collected")
}

/// Collects from the hosts of `seats` into `into`, side by side. A host that fails is one of the results, and what
/// was collected from it earlier stays.
///
/// # Errors
/// [`CollectError`], before any host is asked.
pub async fn collect(
    path: &Path,
    into: &Path,
    seats: Vec<Seat>,
    visits: Visits,
) -> Result<Vec<Visited<Work>>, CollectError> {
    let _lock: Locked = folder::prepare(into)?;
    let lives = state::lives(path)?;
    let into = into.to_owned();
    let lives = std::sync::Arc::new(lives);
    Ok(visit(path, seats, visits, move |visit| {
        let (into, lives) = (into.clone(), std::sync::Arc::clone(&lives));
        async move { one(visit, &into, &lives).await }
    })
    .await)
}

async fn one(visit: Visit, into: &Path, lives: &BTreeMap<String, Life>) -> Result<Work, Failure> {
    let word = visit.seat.word.clone();
    visit.report.doing("collecting");
    let limits = Limits {
        deadline: LONGEST,
        output: MOST,
    };
    let fetched = visit
        .ssh
        .fetch(&script(), tokio::io::empty(), limits, |_| {})
        .await
        .map_err(|error| Failure::new(&error))?;
    if fetched.status != Some(0) && !fetched.cut {
        let said = last_lines(&fetched.errors, 3).join("; ");
        return Err(Failure {
            message: format!("{word}: its work could not be read: {said}"),
            hint: None,
        });
    }
    let life = lives.get(&word).copied().unwrap_or_default().number;
    let (into, seat) = (into.to_owned(), visit.seat.clone());
    // Unpacking waits for the disk.
    let work = tokio::task::spawn_blocking(move || {
        let unpacked = unpack::unpack(&fetched.bytes, fetched.cut);
        folder::put(&into, &seat, life, unpacked)
    });
    let work = work.await.map_err(|error| Failure {
        message: format!("{word}: {error}"),
        hint: None,
    })?;
    let work = work.map_err(|error| Failure::new(&error))?;
    visit.report.done(format!("collected {} files", work.files));
    Ok(work)
}

fn script() -> Script {
    let mut script = Script::default()
        .with("each_kib", &EACH_KIB.to_string())
        .with("most_files", &MOST_FILES.to_string())
        .with("most_patch", &MOST_PATCH.to_string())
        .with(
            "progress",
            "/home/workshop/.local/state/workshop/progress.json",
        )
        .with("tree", TREE)
        .with("stamp", "/var/lib/workshop/tree")
        .with("shell", "/etc/workshop/nix/tree-shell.nix");
    script.push(include_str!("fetch.sh"));
    script
}

/// A host's text on one line.
fn line(bytes: &[u8]) -> String {
    let text = printable(bytes).replace(['\n', '\t'], " ");
    text.chars().take(300).collect()
}
