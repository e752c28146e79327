//! `~/.local/state/workshop/progress.json`: what a participant has begun and achieved; survives a reboot.

use std::path::{Path, PathBuf};

use exercises::progress::{BadProgress, LARGEST, Progress};
use miette::IntoDiagnostic as _;

use super::lock::Lock;
use super::{shown, state_folder};
use crate::output::Output;

fn path() -> miette::Result<PathBuf> {
    Ok(state_folder()?.join("workshop/progress.json"))
}

/// What is known so far. A file that cannot be read is told, and left where it is.
pub(crate) fn read(output: &Output) -> miette::Result<Progress> {
    let path = path()?;
    load(&path)?.or_else(|why| {
        output.remark(format_args!(
            "remark: {} {why}; the next command that counts keeps it beside and begins a new one",
            shown(&path)
        ));
        Ok(Progress::default())
    })
}

/// Changes what is known, alone. A file that cannot be read is moved aside and told, never lost.
pub(crate) fn change<T>(
    lock: &Lock,
    output: &Output,
    change: impl FnOnce(&mut Progress) -> T,
) -> miette::Result<T> {
    let path = path()?;
    let before = match load(&path)? {
        Ok(progress) => progress,
        Err(why) => {
            let aside = aside(&path);
            fs_err::rename(&path, &aside).into_diagnostic()?;
            output.remark(format_args!(
                "remark: {} {why}; it is kept as {}, and counting begins anew",
                shown(&path),
                shown(&aside)
            ));
            Progress::default()
        }
    };
    let mut after = before.clone();
    let result = change(&mut after);
    if after != before {
        let text = serde_json::to_string_pretty(&after).into_diagnostic()?;
        lock.write(&path, &(text + "\n"))?;
    }
    Ok(result)
}

/// The same for a command whose result does not depend on it: a full disk takes no verdict and no answer away.
pub(crate) fn note(output: &Output, change: impl FnOnce(&mut Progress)) {
    if let Err(report) = Lock::take().and_then(|lock| self::change(&lock, output, change)) {
        let causes: Vec<String> = report.chain().map(ToString::to_string).collect();
        output.remark(format_args!("remark: not counted: {}", causes.join(": ")));
    }
}

/// What the file says; inside, why it cannot be read.
fn load(path: &Path) -> miette::Result<Result<Progress, BadProgress>> {
    match fs_err::metadata(path) {
        Ok(file) if file.is_file() && file.len() > LARGEST as u64 => {
            return Ok(Err(BadProgress::TooLarge));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Ok(Progress::default()));
        }
        Err(error) => return Err(error).into_diagnostic(),
    }
    let bytes = fs_err::read(path).into_diagnostic()?;
    Ok(Progress::from_json(&bytes))
}

/// A name that is free, beside the file.
fn aside(path: &Path) -> PathBuf {
    let second = jiff::Timestamp::now().as_second();
    (second..)
        .map(|number| path.with_extension(format!("{number}.json")))
        .find(|aside| !aside.exists())
        .unwrap_or_else(|| path.with_extension("old.json"))
}
