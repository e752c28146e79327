//! `~/.local/state/workshop/task3-runs.json`: what checks of task 3 counted, so that the numbers of any of them are
//! an answer.

use std::path::PathBuf;

use exercises::tasks::task3::Counts;

use super::lock::Lock;
use super::state_folder;

/// So many runs are remembered.
const KEPT: usize = 100;

fn path() -> miette::Result<PathBuf> {
    Ok(state_folder()?.join("workshop/task3-runs.json"))
}

/// The latest first. A file that is damaged or not there is no run.
pub(crate) fn read() -> Vec<Counts> {
    path()
        .ok()
        .and_then(|path| std::fs::read_to_string(path).ok())
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Remembers one more.
pub(crate) fn add(counts: Counts) -> miette::Result<()> {
    let lock = Lock::take()?;
    let mut runs = read();
    runs.insert(0, counts);
    runs.truncate(KEPT);
    let text = serde_json::to_string(&runs).unwrap_or_default();
    lock.write(&path()?, &(text + "\n"))
}
