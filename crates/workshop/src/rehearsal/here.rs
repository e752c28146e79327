//! Runs the pieces of a rehearsal in this account, one after the other, by the commands a participant has.

use std::time::{Duration, Instant};

use exercises::verdict::{State, Verdict};

use super::place::{Place, somebody_s_work};
use super::plan::{Piece, Tried};
use crate::cancel::Cancel;
use crate::live::CouldNot;
use crate::participant::Host;

/// The longest check, with all that it tries for a script that never ends, takes less than a minute on two cores.
const CHECK: Duration = Duration::from_secs(10 * 60);

/// Tries each piece, and hands on what came of it.
pub(crate) fn rehearse(
    pieces: &[Piece],
    cancel: &Cancel,
    mut tell: impl FnMut(&Tried) -> miette::Result<()>,
) -> miette::Result<()> {
    if let Some(work) = somebody_s_work() {
        return Err(miette::miette!(
            help = "`workshop rehearse` on the instructor's machine rehearses beside a participant's work; or remove it",
            "somebody has worked here: {} is not empty",
            work.display()
        ));
    }
    let host = Host::here()?;
    let tree = host
        .tree(None)
        .filter(|tree| tree.is_dir())
        .ok_or_else(|| {
            miette::miette!(
                help = "a rehearsal needs a host that `workshop provision` has made",
                "there is no source tree here"
            )
        })?;
    let profile = host.profile(Some(&tree));
    let place = Place::new(tree, profile, cancel).map_err(report)?;
    for piece in pieces {
        let start = Instant::now();
        let misjudged = attempt(&place, piece);
        place.clear().map_err(report)?;
        if cancel.is_set() {
            return Err(report(CouldNot::cancelled()));
        }
        tell(&Tried {
            task: piece.task.id.to_owned(),
            name: piece.name().to_owned(),
            title: piece.title().to_owned(),
            right: piece.right(),
            misjudged,
            seconds: start.elapsed().as_secs_f64(),
        })?;
    }
    Ok(())
}

fn report(could_not: CouldNot) -> miette::Report {
    miette::miette!(help = could_not.remedy, "{}", could_not.why)
}

/// What was not as it should be.
fn attempt(place: &Place<'_>, piece: &Piece) -> Vec<String> {
    let Some(solution) = &piece.solution else {
        let verdict = place
            .starter(piece.task)
            .and_then(|()| check(place, piece.task.id));
        return match verdict {
            Ok(verdict) if verdict.verdict == State::NotPassed => Vec::new(),
            Ok(verdict) => vec![format!("the starter is {:?}", verdict.verdict)],
            Err(why) => vec![why],
        };
    };
    let verdict = place
        .put(piece.task, solution)
        .and_then(|()| check(place, piece.task.id));
    let taken_back = match solution.kind {
        exercises::solutions::Body::Patch => place.take_back(solution),
        _ => Ok(()),
    };
    let mut misjudged =
        verdict.map_or_else(|why| vec![why], |verdict| solution.misjudged(&verdict));
    misjudged.extend(taken_back.err());
    misjudged
}

fn check(place: &Place<'_>, task: &str) -> Result<Verdict, String> {
    let ended = place
        .workshop(&["check", task, "--json"], CHECK)
        .map_err(|could_not| could_not.why)?;
    let verdict: Verdict = serde_json::from_str(&ended.stdout)
        .map_err(|error| format!("no verdict ({error}): {}", ended.stderr.trim()))?;
    let status = match verdict.verdict {
        State::Passed => 0,
        State::NotPassed => 1,
        State::CouldNotCheck => 2,
    };
    if ended.status.code() != Some(status) {
        return Err(format!("{:?}, and yet {}", verdict.verdict, ended.status));
    }
    Ok(verdict)
}
