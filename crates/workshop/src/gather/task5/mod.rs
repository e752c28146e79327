//! What task 5 looks at: the notes of two programs, whether the program is up to date, the calls in the source,
//! and a few starts and stops of it.

mod build;
mod calls;
mod sources;

use std::collections::BTreeSet;
use std::path::Path;

use exercises::Tracepoint;
use exercises::documented::Interface;
use exercises::evidence::Observed;
use exercises::profile::Profile;
use exercises::tasks::task5::seen::{Build, Habits, Program, Seen, Timeline};

use self::sources::Sources;
use super::{Places, binary};
use crate::live::cancel::Cancel;
use crate::live::root;
use crate::live::starts::Starts;
use crate::participant::{Host, shown};
use crate::progress::Doing;

pub(super) fn look(host: &Host, places: &Places, cancel: &Cancel, doing: &Doing) -> Seen {
    let tree = host.tree(places.tree.as_deref());
    let tree = tree.as_deref();
    let profile = host.profile(tree);
    let file = binary(host, places);
    let program = match &file {
        Some(file) => program(file, profile),
        None => Observed::unknown(
            "there is no program to look at here",
            "name the source tree: workshop check task5 --tree DIR",
        ),
    };
    let base = base(host, places, file.as_deref());
    let sources = tree.map(Sources::find);
    doing.say("sees whether the program is built from the source");
    let build = match (tree, &sources, &file) {
        (Some(tree), Some(sources), Some(file)) => {
            build::build(tree, sources, file, profile, cancel)
        }
        _ => Observed::unknown(
            "there is no source to compare the program with",
            "name the source tree: workshop check task5 --tree DIR",
        ),
    };
    let calls = match (&sources, &base) {
        (Some(sources), Observed::Known(base)) => calls::new_calls(sources, &base.tracepoints),
        _ => vec![],
    };
    doing.say("starts and stops the program");
    let timeline = timeline(file.as_deref(), &program, &base, &build, cancel);
    Seen {
        program,
        base,
        build,
        calls,
        documented: tree.and_then(documented),
        timeline,
        habits: habits(profile),
    }
}

fn habits(profile: &Profile) -> Habits {
    Habits {
        build: profile.build_node.to_owned(),
        semaphores: profile.semaphores,
    }
}

fn program(file: &Path, profile: &Profile) -> Observed<Program> {
    match probe::usdt::read_file(file) {
        Ok(found) => Observed::Known(Program {
            path: shown(file),
            tracepoints: found
                .tracepoints
                .iter()
                .map(|one| Tracepoint::new(one.id.provider.clone(), one.id.name.clone()))
                .collect(),
        }),
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(|cause| format!(": {cause}"))
                .unwrap_or_default();
            Observed::unknown(
                format!("{error}{cause}"),
                format!("build it: {}", profile.build_node),
            )
        }
    }
}

/// The program to compare with: the given one, else the node that the host runs.
fn base(host: &Host, places: &Places, file: Option<&Path>) -> Observed<Program> {
    const REMEDY: &str = "name one that was built from the same source without your change: \
                          workshop check task5 --base FILE";
    let Some(base) = places.base.as_ref().or(host.node_binary.as_ref()) else {
        return Observed::unknown("there is no program to compare with", REMEDY);
    };
    let same = |one: &Path, other: &Path| one.canonicalize().ok() == other.canonicalize().ok();
    if file.is_some_and(|file| same(file, base)) {
        return Observed::unknown(
            format!("{} would be compared with itself", base.display()),
            REMEDY,
        );
    }
    match program(base, host.profile(None)) {
        Observed::Known(program) if program.tracepoints.is_empty() => Observed::unknown(
            format!(
                "{} was built without tracepoints and cannot be compared with",
                program.path
            ),
            REMEDY,
        ),
        Observed::Unknown { why, .. } => Observed::unknown(why, REMEDY),
        known @ Observed::Known(_) => known,
    }
}

/// What the tree's own document describes, if it has one.
fn documented(tree: &Path) -> Option<BTreeSet<Tracepoint>> {
    let text = std::fs::read_to_string(tree.join("doc/tracing.md")).ok()?;
    let interface = Interface::from_markdown(&text)?;
    Some(
        interface
            .tracepoints
            .into_iter()
            .map(|one| one.id)
            .collect(),
    )
}

/// Starts and stops the program, when it is up to date and has something new to be traced.
fn timeline(
    file: Option<&Path>,
    program: &Observed<Program>,
    base: &Observed<Program>,
    build: &Observed<Build>,
    cancel: &Cancel,
) -> Observed<Timeline> {
    let (Some(file), Observed::Known(program), Observed::Known(base)) = (file, program, base)
    else {
        return Observed::unknown("there was no program to start", "see above");
    };
    if let Observed::Known(Build::Stale { .. } | Build::Broken { .. }) = build {
        return Observed::unknown("the program was not started: it is old", "build it first");
    }
    let new: Vec<Tracepoint> = program
        .tracepoints
        .difference(&base.tracepoints)
        .cloned()
        .collect();
    if new.is_empty() {
        return Observed::unknown("there was nothing to trace", "add tracepoints first");
    }
    // The root side starts in another folder.
    let file = match file.canonicalize() {
        Ok(file) => file,
        Err(error) => return Observed::unknown(format!("{}: {error}", file.display()), "build it"),
    };
    let starts = Starts {
        program: file,
        tracepoints: new,
    };
    match root::observe(&starts, cancel) {
        Ok(timeline) => Observed::Known(timeline),
        Err(could_not) => could_not.into(),
    }
}
