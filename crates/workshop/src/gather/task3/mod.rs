//! What task 3 looks at: the participant's script, and a run of the unit test that it traces next to our probes.

mod hooked;
mod trace;
mod truth;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use exercises::evidence::Observed;
use exercises::profile::PROFILES;
use exercises::tasks::task3::{Counts, Run, Script, Seen};
use exercises::tracepoint::Tracepoint;
use exercises::{Answers, documented};

pub(crate) use trace::Trace;

use super::{Places, task1, tools};
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::root;
use crate::participant::{self, Host, runs};
use crate::progress::Doing;

/// No script by hand has more.
const LARGEST_SCRIPT: u64 = 256 << 10;
/// bpftrace tells its version in a few milliseconds; a small busy server takes longer.
const VERSION: Duration = Duration::from_secs(10);

pub(super) fn look(
    host: &Host,
    places: &Places,
    answers: &Answers,
    cancel: &Cancel,
    doing: &Doing,
) -> Seen {
    let tree = host.tree(places.tree.as_deref());
    let profile = host.profile(tree.as_deref());
    let script = script(places.script.as_deref());
    let earlier = runs::read();
    // Without a script only these answers need a run.
    let wanted = matches!(script, Script::Text { .. })
        || ["counts", "values"]
            .iter()
            .any(|id| answers.contains_key(*id));
    let run = if wanted {
        doing.say("runs the unit test beside the script and probes of its own");
        traced(host, places, &script, cancel)
    } else {
        Err(CouldNot::new(
            "there was no script to run",
            "write one, or name it with --script FILE",
        ))
    };
    if let Ok(run) = &run {
        // Only for the question how many there were: a full disk is no reason to fail.
        let _ = runs::add(Counts {
            added: run.truth.added.count,
            spent: run.truth.spent.count,
        });
    }
    Seen {
        script,
        binary: profile.unit_tests.to_owned(),
        arguments: arguments(&task1::interface(host, tree.as_deref())),
        run: run.map_or_else(Observed::from, Observed::Known),
        earlier,
    }
}

fn arguments(interface: &documented::Interface) -> Vec<String> {
    let add = interface.get(&Tracepoint::new("utxocache", "add"));
    add.into_iter()
        .flat_map(|documented| documented.args.iter().map(|arg| arg.name.to_string()))
        .collect()
}

fn traced(host: &Host, places: &Places, script: &Script, cancel: &Cancel) -> Result<Run, CouldNot> {
    let profile = host.profile(host.tree(places.tree.as_deref()).as_deref());
    let build = || format!("build it: {}", profile.build.join(" && "));
    let tree = host.tree(places.tree.as_deref()).ok_or_else(|| {
        CouldNot::new(
            "there is no source tree here",
            "name it: workshop check task3 --tree DIR",
        )
    })?;
    let tree = tree.canonicalize().map_err(|error| {
        CouldNot::new(
            format!("there is no source tree at {}: {error}", tree.display()),
            "name it: workshop check task3 --tree DIR",
        )
    })?;
    let binary = places
        .binary
        .clone()
        .unwrap_or_else(|| tree.join(profile.unit_tests));
    let binary = binary
        .canonicalize()
        .map_err(|error| CouldNot::new(format!("{}: {error}", binary.display()), build()))?;
    let others = PROFILES.iter().map(|one| one.coins_test);
    let mut tests = vec![profile.coins_test.to_owned()];
    tests.extend(
        others
            .filter(|test| *test != profile.coins_test)
            .map(str::to_owned),
    );
    let (script, name) = match script {
        Script::Text { path, text } => (Some(text.clone()), path.clone()),
        _ => (None, String::new()),
    };
    let request = Trace {
        script,
        name,
        tree,
        binary,
        tests,
        seed: places.seed.clone(),
    };
    std::thread::scope(|scope| {
        let version = scope.spawn(bpftrace_version);
        let mut run = root::observe(&request, cancel)?;
        if let Some(traced) = &mut run.traced {
            traced.version = version.join().ok().flatten();
        }
        Ok(run)
    })
}

fn bpftrace_version() -> Option<String> {
    let printed = tools::run(Command::new("bpftrace").arg("--version"), VERSION).ok()?;
    Some(printed.stdout.trim().to_owned())
}

/// The given script, else the participant's own.
fn script(given: Option<&Path>) -> Script {
    let own = || {
        participant::home()
            .map(|home| home.join("workshop/task3.bt"))
            .unwrap_or_else(|_| PathBuf::from("task3.bt"))
    };
    let path = given.map_or_else(own, Path::to_owned);
    let shown = participant::shown(&path);
    let unreadable = |why: String| Script::Unreadable {
        path: shown.clone(),
        why,
    };
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && given.is_none() => {
            return Script::Missing { path: shown };
        }
        Err(error) => return unreadable(error.to_string()),
        Ok(found) if found.is_dir() => return unreadable("it is a directory".to_owned()),
        // Reading a FIFO would wait for somebody who writes.
        Ok(found) if !found.is_file() => return unreadable("it is no plain file".to_owned()),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(&path)
        .and_then(|file| file.take(LARGEST_SCRIPT + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => unreadable(error.to_string()),
        Ok(count) if u64::try_from(count).is_ok_and(|count| count > LARGEST_SCRIPT) => {
            unreadable("it is larger than 256 KiB".to_owned())
        }
        Ok(_) => match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Script::Text { path: shown, text },
            _ => unreadable("it is no text".to_owned()),
        },
    }
}
