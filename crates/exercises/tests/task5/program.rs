//! The program beside its source, and beside the base.

use super::*;

#[test]
fn why_nothing_is_new() {
    let up = Tracepoint::new("node", "up");
    let nothing = |calls: Vec<NewCall>| {
        with(|seen| {
            new_names(seen, [].into_iter());
            seen.calls = calls;
            seen.timeline = Observed::unknown("there was nothing to trace", "add");
        })
    };
    let evidence = nothing(vec![]);
    is_wrong(&evidence, "added", &["nothing new", "look in src/init.cpp"]);
    is_unknown(&evidence, "started", "nothing new to watch yet");
    for (kind, words) in [
        (Kind::Comment, "is in a comment"),
        (Kind::Text, "inside a string"),
        (Kind::Disabled, "the preprocessor removes"),
        (Kind::Directive, "in a macro that nothing uses"),
        (Kind::Companion, "the call itself is missing"),
        (Kind::Live, "is that file a part of it, and was it built?"),
    ] {
        let evidence = nothing(vec![call(&up, kind)]);
        is_wrong(&evidence, "added", &["node:up at src/init.cpp:42", words]);
    }
    let mut dead = call(&up, Kind::Live);
    dead.around.never = true;
    // The semaphore comes first in the file, and is not what is to be told.
    let evidence = nothing(vec![call(&up, Kind::Companion), dead]);
    is_wrong(&evidence, "added", &["the condition before it is always"]);
    let mut uncalled = call(&up, Kind::Live);
    uncalled.callers.clear();
    let evidence = nothing(vec![uncalled.clone()]);
    is_wrong(&evidence, "added", &["nothing calls Shutdown()"]);
    // main() is called by no source.
    uncalled.around.function = Some("MAIN_FUNCTION".into());
    let evidence = nothing(vec![uncalled]);
    is_wrong(&evidence, "added", &["was it built?"]);
}

#[test]
fn the_tracepoints_of_before_stay() {
    let gone = |names: &[&str], new: &[&str]| {
        with(|seen| {
            new_names(seen, new.iter().copied());
            let Observed::Known(program) = &mut seen.program else {
                panic!("no program");
            };
            for name in names {
                program.tracepoints.remove(&name.parse().unwrap());
            }
        })
    };
    is_right(&gone(&[], &["node:up"]), "kept", &["all 16 are there"]);
    is_wrong(
        &gone(&["net:inbound_message"], &["node:up", "node:down"]),
        "kept",
        &[
            "gone: net:inbound_message; new: node:down and node:up",
            "by the old name",
        ],
    );
    is_wrong(
        &gone(&["net:inbound_message"], &[]),
        "kept",
        &["gone: net:inbound_message", "put them back"],
    );
    let none = with(|seen| {
        if let Observed::Known(program) = &mut seen.program {
            program.tracepoints.clear();
        }
    });
    is_wrong(
        &none,
        "kept",
        &["no tracepoints at all", "built without them"],
    );
    let wallet = with(|seen| {
        if let Observed::Known(base) = &mut seen.base {
            let tracepoint = Tracepoint::new("coin_selection", "selected_coins");
            base.tracepoints.insert(tracepoint);
        }
    });
    is_wrong(&wallet, "kept", &["those are the wallet's"]);
}

#[test]
fn a_program_that_is_older_than_its_source() {
    let stale = with(|seen| {
        seen.build = Observed::Known(Build::Stale {
            newer: "src/init.cpp".into(),
        });
    });
    is_wrong(
        &stale,
        "built",
        &["src/init.cpp is newer than", "cmake --build build"],
    );
    for id in [
        "kept", "added", "started", "stopped", "names", "place", "unclean",
    ] {
        is_unknown(&stale, id, "build it first");
    }
    let broken = |message: &str, change: &dyn Fn(&mut Task5)| {
        with(|seen| {
            seen.build = Observed::Known(Build::Broken {
                newer: "src/init.cpp".into(),
                error: CompilerError {
                    at: "src/init.cpp:2361:16".into(),
                    message: message.into(),
                },
            });
            change(seen);
        })
    };
    let semaphore = "'node_started_semaphore' was not declared in this scope";
    let no_calls: &dyn Fn(&mut Task5) = &|seen| seen.calls.clear();
    is_wrong(
        &broken(semaphore, no_calls),
        "built",
        &[
            "src/init.cpp:2361:16: 'node_started_semaphore'",
            "declares once",
        ],
    );
    let declared: &dyn Fn(&mut Task5) = &|seen| {
        let started = Tracepoint::new("node", "started");
        seen.calls = vec![call(&started, Kind::Companion)];
    };
    is_wrong(
        &broken(semaphore, declared),
        "built",
        &["it is declared at src/init.cpp:42"],
    );
    is_wrong(
        &broken("'TRACEPOINT' was not declared in this scope", no_calls),
        "built",
        &["does not know the macro yet"],
    );
    is_wrong(
        &broken("expected ';' before '}' token", no_calls),
        "built",
        &["mend that line"],
    );
}

#[test]
fn what_could_not_be_seen_is_no_pass() {
    let no_root = with(|seen| seen.timeline = Observed::unknown("no root", "sudo"));
    assert_eq!(judge(&no_root).verdict, State::CouldNotCheck);
    is_unknown(&no_root, "started", "no root");
    is_right(&no_root, "names", &[]);
    let no_base = with(|seen| seen.base = Observed::unknown("no base", "--base"));
    assert_eq!(judge(&no_base).verdict, State::CouldNotCheck);
    is_unknown(&no_base, "kept", "no base");
    let no_program = with(|seen| seen.program = Observed::unknown("no program", "build it"));
    assert_eq!(judge(&no_program).verdict, State::CouldNotCheck);
    is_unknown(&no_program, "built", "no program");
    let no_source = with(|seen| seen.build = Observed::unknown("no source", "--tree"));
    assert_eq!(judge(&no_source).verdict, State::CouldNotCheck);
    for kind in [RunKind::Stopped, RunKind::Refused, RunKind::Killed] {
        let part = with(|seen| {
            if let Observed::Known(timeline) = &mut seen.timeline {
                timeline.runs.retain(|run| run.kind != kind);
            }
        });
        is_unknown(&part, "started", "not every start and stop was made");
        is_unknown(&part, "unclean", "not every start and stop was made");
    }
}
