//! `~/.local/state/workshop/progress.json`: what a participant has achieved; survives a reboot.

use std::fs::File;
use std::path::PathBuf;

use exercises::progress::{Progress, SCHEMA};
use exercises::verdict::State;
use miette::IntoDiagnostic as _;

use super::{state_folder, write};
use crate::output::Output;

fn path() -> miette::Result<PathBuf> {
    Ok(state_folder()?.join("workshop/progress.json"))
}

/// What was achieved so far. A file that cannot be read is moved aside and said, never lost.
pub(crate) fn read(output: &Output) -> miette::Result<Progress> {
    let path = path()?;
    let text = match fs_err::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Progress::default());
        }
        Err(error) => return Err(error).into_diagnostic(),
    };
    match serde_json::from_str::<Progress>(&text) {
        Ok(progress) if progress.schema == SCHEMA => Ok(progress),
        _ => {
            let aside = path.with_extension(format!("{}.json", jiff::Timestamp::now().as_second()));
            fs_err::rename(&path, &aside).into_diagnostic()?;
            output.remark(format_args!(
                "remark: the progress could not be read by this version; it is kept as {}, and counting begins anew",
                aside.display()
            ));
            Ok(Progress::default())
        }
    }
}

/// Adds the result of one check. Two checks at once wait for each other.
pub(crate) fn record(task: &str, verdict: State, output: &Output) -> miette::Result<()> {
    let path = path()?;
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).into_diagnostic()?;
    }
    let lock = File::create(path.with_extension("lock")).into_diagnostic()?;
    lock.lock().into_diagnostic()?;
    let mut progress = read(output)?;
    progress.record(task, verdict, jiff::Timestamp::now());
    let text = serde_json::to_string_pretty(&progress).into_diagnostic()?;
    write(&path, &(text + "\n"))
}
