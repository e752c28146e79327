//! Is the program up to date, what is new in it, what is gone from it: judged from notes and source alone.

use std::collections::BTreeSet;

use super::advice;
use super::seen::{Build, CompilerError, NewCall, Program, Seen};
use crate::evidence::Observed;
use crate::source::Kind;
use crate::tracepoint::Tracepoint;
use crate::verdict::Judged;

/// What is new and what is gone, of a program that is up to date.
pub(super) struct Difference<'a> {
    pub(super) program: &'a Program,
    pub(super) base: &'a Program,
    pub(super) new: BTreeSet<&'a Tracepoint>,
    pub(super) gone: BTreeSet<&'a Tracepoint>,
}

/// Compares the programs. What stands in the way is already a judgement, and [`built`] and [`kept`] tell it in
/// full.
pub(super) fn difference(seen: &Seen) -> Result<Difference<'_>, Judged> {
    match (&seen.program, &seen.base) {
        (Observed::Known(_), Observed::Known(_)) => compare(seen),
        _ => Err(Judged::Unknown {
            why: "there were no two programs to compare".to_owned(),
            remedy: "see above".to_owned(),
        }),
    }
}

fn compare(seen: &Seen) -> Result<Difference<'_>, Judged> {
    let unknown = |program: &Observed<Program>| program.judge(|_| Judged::right(""));
    let (program, base) = match (&seen.program, &seen.base) {
        (Observed::Known(program), Observed::Known(base)) => (program, base),
        (Observed::Known(_), base) => return Err(unknown(base)),
        (program, _) => return Err(unknown(program)),
    };
    if let Observed::Known(Build::Stale { .. } | Build::Broken { .. }) = seen.build {
        return Err(Judged::Unknown {
            why: "the program is older than its source".to_owned(),
            remedy: "build it first".to_owned(),
        });
    }
    Ok(Difference {
        program,
        base,
        new: program.tracepoints.difference(&base.tracepoints).collect(),
        gone: base.tracepoints.difference(&program.tracepoints).collect(),
    })
}

pub(super) fn built(seen: &Seen) -> Judged {
    seen.program.judge(|program| {
        let path = &program.path;
        seen.build.judge(|build| match build {
            Build::Current => Judged::right(format!("{path} is newer than its source")),
            Build::Stale { newer } => Judged::wrong(
                format!("{newer} is newer than {path}"),
                format!("build it: {}", seen.habits.build),
            ),
            Build::Broken { error, .. } => Judged::wrong(
                format!("it does not compile: {}: {}", error.at, error.message),
                mend(error, seen),
            ),
        })
    })
}

fn mend(error: &CompilerError, seen: &Seen) -> String {
    let declared = error.semaphore().and_then(|name| {
        let mut calls = seen.calls.iter();
        calls.find(|call| {
            let Tracepoint { context, event } = &call.tracepoint;
            call.kind == Kind::Companion && name == format!("{context}_{event}")
        })
    });
    if let Some(NewCall { file, first, .. }) = declared {
        format!(
            "it is declared at {file}:{first}: what is used must be declared before, and in the same file"
        )
    } else if error.no_semaphore() && seen.habits.semaphores {
        "every tracepoint has a semaphore, which its file declares once: compare src/net.cpp"
            .to_owned()
    } else if error.no_macro() {
        "the file does not know the macro yet: compare what src/net.cpp includes".to_owned()
    } else {
        format!("mend that line, then build it: {}", seen.habits.build)
    }
}

pub(super) fn kept(seen: &Seen) -> Judged {
    let difference = match compare(seen) {
        Ok(difference) => difference,
        Err(judged) => return judged,
    };
    let Difference {
        program,
        base,
        new,
        gone,
    } = &difference;
    if gone.is_empty() {
        return Judged::right(format!("all {} are there", base.tracepoints.len()));
    }
    let names = list(gone);
    if program.tracepoints.is_empty() {
        return Judged::wrong(
            format!("{} has no tracepoints at all", program.path),
            format!(
                "it was built without them; build it with them: {}",
                seen.habits.build
            ),
        );
    }
    if gone.iter().all(|one| one.context == "coin_selection") {
        return Judged::wrong(
            format!("gone: {names}"),
            "those are the wallet's: was it left out when the program was configured?",
        );
    }
    if !new.is_empty() && gone.len() <= new.len() {
        return Judged::wrong(
            format!("gone: {names}; new: {}", list(new)),
            "others trace by the old name: leave the old one as it was, and add one of its own",
        );
    }
    Judged::wrong(
        format!("gone: {names}"),
        "others trace by these names: put them back",
    )
}

pub(super) fn added(seen: &Seen) -> Judged {
    let difference = match difference(seen) {
        Ok(difference) => difference,
        Err(judged) => return judged,
    };
    let new = &difference.new;
    let missing = || {
        // Of a tracepoint that the program has, another call may be dead.
        let calls = seen.calls.iter();
        calls
            .filter(|call| !difference.program.tracepoints.contains(&call.tracepoint))
            // A semaphore stands before its call, and says less.
            .min_by_key(|call| call.kind == Kind::Companion)
            .map(why_missing)
    };
    match new.len() {
        0 => Judged::wrong(
            "nothing new is in the program",
            missing().unwrap_or_else(|| {
                "look in src/init.cpp for where the start is complete and where the shutdown begins"
                    .to_owned()
            }),
        ),
        1 => Judged::wrong(
            format!("only {} is new", list(new)),
            missing().unwrap_or_else(|| {
                "two are asked for: one for the start, one for the shutdown".to_owned()
            }),
        ),
        _ => Judged::right(list(new)).with_remark(advice::on_names(
            new,
            &difference.base.tracepoints,
            seen.documented.as_ref(),
        )),
    }
}

/// Why the source has it and the program does not.
fn why_missing(call: &NewCall) -> String {
    let NewCall {
        file,
        first,
        tracepoint,
        ..
    } = call;
    let place = format!("{tracepoint} at {file}:{first}");
    match call.kind {
        Kind::Comment => format!("{place} is in a comment"),
        Kind::Text => format!("{place} is inside a string"),
        Kind::Disabled => format!("{place}: the preprocessor removes that line (#if 0)"),
        Kind::Directive => format!("{place} is in a macro that nothing uses"),
        Kind::Companion => {
            format!("{place} is about the semaphore; the call itself is missing")
        }
        Kind::Live => match why_dead(call) {
            Some(why) => format!("{place}: {why}, so the compiler leaves it out"),
            None => format!(
                "{place} is not in the program: is that file a part of it, and was it built?"
            ),
        },
    }
}

/// Why a call that compiles can never be reached, as far as its source shows.
pub(super) fn why_dead(call: &NewCall) -> Option<String> {
    if call.around.never {
        return Some("the condition before it is always false".to_owned());
    }
    let function = call.around.function.as_deref()?;
    // main is called by no source.
    let called =
        !call.callers.is_empty() || function == "main" || function.ends_with("MAIN_FUNCTION");
    (!called).then(|| format!("nothing calls {function}()"))
}

/// At most five, and how many more.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a &'a Tracepoint>) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = names.into_iter().map(ToString::to_string).collect();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    match (more, names.split_last()) {
        (0, Some((last, [first @ .., second]))) => {
            let first: String = first.iter().map(|name| format!("{name}, ")).collect();
            format!("{first}{second} and {last}")
        }
        (0, _) => names.join(", "),
        (more, _) => format!("{} and {more} more", names.join(", ")),
    }
}
