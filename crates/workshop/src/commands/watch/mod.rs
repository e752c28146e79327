//! `workshop watch [TASK]`: checks again whenever something changes, and ends when the task passes.

mod changes;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use exercises::task::Watched;
use exercises::verdict::{Finding, State, Verdict};
use exercises::{Task, judge};
use miette::IntoDiagnostic as _;

use self::changes::Files;
use super::check::{Document, count, look, outcome, verdict};
use super::participant::{Look, task_or_current};
use crate::cancel::Cancel;
use crate::cli::{Outcome, Result};
use crate::diagnostic;
use crate::gather;
use crate::output::{Output, wrapped};
use crate::participant::answers::Store;
use crate::participant::{Host, shown, work_folder};

/// How often the files are looked at. It costs a few system calls, and works for every editor and file system.
const PAUSE: Duration = Duration::from_millis(250);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The task, such as task3; without one, the task you are at.
    task: Option<String>,

    #[command(flatten)]
    look: Look,
}

/// Exit 0 when it passed. Ctrl-C ends it with the status of the last check: 1 not passed, 2 could not check.
pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let task = task_or_current(args.task.as_deref(), output)?;
    let paths = paths(task, &args.look)?;
    let cancel = Cancel::on_signals().into_diagnostic()?;
    let names: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    let says = format!("watching {} (Ctrl-C ends)", names.join(", "));
    output.remark(wrapped(&says, "", "  ", Some(80)));
    let mut last: Option<Verdict> = None;
    let mut trouble: Option<String> = None;
    let mut files = Files::of(paths);
    loop {
        match check(task, &args.look, &cancel, output) {
            Ok(now) => {
                let recovered = trouble.take().is_some();
                if last.as_ref() != Some(&now) {
                    count(&now, output);
                }
                tell(last.as_ref().filter(|_| !recovered), &now, output)?;
                let passed = now.verdict == State::Passed;
                last = Some(now);
                if passed {
                    break;
                }
            }
            Err(_) if cancel.is_set() => break,
            // Somebody is in the middle of an edit. What is wrong is told, and mended in a moment.
            Err(report) => {
                let text = diagnostic::render(report.as_ref());
                if trouble.as_ref() != Some(&text) {
                    output.remark(text.trim_end());
                }
                trouble = Some(text);
            }
        }
        if !wait(task, &mut files, &cancel) {
            break;
        }
    }
    let Some(verdict) = last else {
        return Ok(Outcome::CouldNot);
    };
    if output.json() {
        output.document("watch", &Document { verdict: &verdict })?;
    } else if cancel.is_set() {
        output.remark(format_args!("no longer watching {}", task.id));
    }
    Ok(outcome(verdict.verdict))
}

/// All that a check looks at and that can change under somebody's hands.
fn paths(task: &Task, look: &Look) -> miette::Result<Vec<PathBuf>> {
    let host = Host::here()?;
    let places = look.places();
    let mut paths = vec![Store::path_or_own(look.answers.as_deref())?];
    match &places.script {
        Some(script) => paths.push(script.clone()),
        None => {
            for starter in task.starters {
                paths.push(work_folder()?.join(starter.name));
            }
        }
    }
    let tree = host.tree(places.tree.as_deref());
    for watched in task.watch.files {
        let path = match watched {
            Watched::Node => gather::binary(&host, &places),
            Watched::UnitTests => places.binary.clone().or_else(|| {
                let tree = tree.as_ref()?;
                Some(tree.join(host.profile(Some(tree)).unit_tests))
            }),
        };
        paths.extend(path);
    }
    Ok(paths)
}

fn check(
    task: &'static Task,
    place: &Look,
    cancel: &Cancel,
    output: &Output,
) -> miette::Result<Verdict> {
    let store = Store::open(place.answers.as_deref())?;
    Ok(judge(&look(task, place, &store, cancel, output)?))
}

/// Waits until a check is due; false when somebody wants to end.
fn wait(task: &Task, files: &mut Files, cancel: &Cancel) -> bool {
    let due = task.watch.every.map(|every| Instant::now() + every);
    loop {
        if cancel.sleep(PAUSE) {
            return false;
        }
        if files.have_changed() {
            // A compiler writes for a while. The change is over when nothing changes any more.
            while files.have_changed() {
                if cancel.sleep(PAUSE) {
                    return false;
                }
            }
            return true;
        }
        if due.is_some_and(|due| Instant::now() >= due) {
            return true;
        }
    }
}

/// All of the first verdict, and of those after it what is new.
fn tell(last: Option<&Verdict>, now: &Verdict, output: &Output) -> miette::Result<()> {
    if output.json() || last == Some(now) {
        return Ok(());
    }
    let Some(last) = last else {
        return output.text(&verdict::render(now));
    };
    let new = |finding: &&Finding| !last.findings.contains(finding);
    let clock = jiff::ZonedDateTime::now().strftime("%H:%M:%S ").to_string();
    let mut text = String::new();
    for finding in now.findings.iter().filter(new) {
        text.push_str(&verdict::finding(finding, &clock));
    }
    if now.verdict != last.verdict {
        text.push_str(&verdict::state(&now.task, now.verdict));
    }
    output.text(&text)
}
