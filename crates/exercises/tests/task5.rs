//! The judge of task 5: every trap has its own words, and what could not be seen is no pass.

use std::collections::{BTreeMap, BTreeSet};

use exercises::source::Kind;
use exercises::tasks::task5::Seen as Task5;
use exercises::tasks::task5::seen::{
    Build, CompilerError, Line, Moment, NewCall, Run, RunKind, Timeline, What,
};
use exercises::verdict::Outcome;
use exercises::{Answer, Evidence, Finding, Observed, Seen, State, Tracepoint, judge};

fn solved() -> Evidence {
    let path = format!(
        "{}/tests/fixtures/task5.solved.json",
        env!("CARGO_MANIFEST_DIR")
    );
    Evidence::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The solved evidence with a change.
fn with(change: impl FnOnce(&mut Task5)) -> Evidence {
    let mut evidence = solved();
    let Seen::Task5(seen) = &mut evidence.seen else {
        panic!("not task 5");
    };
    change(seen);
    evidence
}

fn finding(evidence: &Evidence, id: &str) -> Finding {
    let verdict = judge(evidence);
    let found = verdict.findings.iter().find(|finding| finding.id == id);
    let found = found.unwrap_or_else(|| panic!("no finding {id}")).clone();
    match found.result {
        Outcome::Right => {}
        Outcome::Wrong => assert_eq!(verdict.verdict, State::NotPassed),
        Outcome::Unknown => assert_ne!(verdict.verdict, State::Passed),
    }
    found
}

#[track_caller]
fn is_wrong(evidence: &Evidence, id: &str, words: &[&str]) {
    let found = finding(evidence, id);
    assert_eq!(found.result, Outcome::Wrong, "{found:#?}");
    let text = format!("{}\n{}", found.seen, found.hint.unwrap_or_default());
    for words in words {
        assert!(text.contains(words), "{text}");
    }
}

#[track_caller]
fn is_right(evidence: &Evidence, id: &str, words: &[&str]) {
    let found = finding(evidence, id);
    assert_eq!(found.result, Outcome::Right, "{found:#?}");
    let text = format!("{}\n{}", found.seen, found.remark.unwrap_or_default());
    for words in words {
        assert!(text.contains(words), "{text}");
    }
}

#[track_caller]
fn is_unknown(evidence: &Evidence, id: &str, words: &str) {
    let found = finding(evidence, id);
    assert_eq!(found.result, Outcome::Unknown, "{found:#?}");
    let text = format!("{}\n{}", found.seen, found.hint.unwrap_or_default());
    assert!(text.contains(words), "{text}");
}

/// How often a tracepoint fires in the parts of a run: starting, running, stopping.
type Counts = [u64; 3];

/// How often in each run: terminated, stopped, refused, killed.
type Firings = (&'static str, [Counts; 4]);

const START: [Counts; 4] = [[1, 0, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0]];
const STOP: [Counts; 4] = [[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 0]];
const NEVER: [Counts; 4] = [[0, 0, 0]; 4];

fn timeline(firings: &[Firings]) -> Timeline {
    let kinds = [
        RunKind::Terminated,
        RunKind::Stopped,
        RunKind::Refused,
        RunKind::Killed,
    ];
    let runs = kinds.into_iter().enumerate().map(|(index, kind)| {
        let mut moments = vec![What::Began];
        let fire = |part: usize, moments: &mut Vec<What>| {
            for (name, counts) in firings {
                for _ in 0..counts[index][part] {
                    moments.push(What::Fired(name.parse().unwrap()));
                }
            }
        };
        fire(0, &mut moments);
        if kind != RunKind::Refused {
            moments.extend([What::Answered, What::Used]);
            fire(1, &mut moments);
            moments.push(What::Asked);
            fire(2, &mut moments);
        }
        moments.push(What::Ended {
            clean: matches!(kind, RunKind::Terminated | RunKind::Stopped),
            how: "exit status: 0".into(),
        });
        Run {
            kind,
            pid: 100,
            moments: (0..)
                .zip(moments)
                .map(|(at, what)| Moment { at, what })
                .collect(),
            more: BTreeMap::new(),
        }
    });
    Timeline {
        runs: runs.collect(),
        lost: 0,
    }
}

/// A program with these new tracepoints, which fire so, each called in a function that something calls.
fn firing(firings: &[Firings]) -> Evidence {
    with(|seen| {
        new_names(seen, firings.iter().map(|(name, _)| *name));
        seen.timeline = Observed::Known(timeline(firings));
    })
}

fn new_names<'a>(seen: &mut Task5, names: impl Iterator<Item = &'a str>) {
    let Observed::Known(base) = &seen.base else {
        panic!("no base");
    };
    let Observed::Known(program) = &mut seen.program else {
        panic!("no program");
    };
    program.tracepoints.clone_from(&base.tracepoints);
    seen.calls.clear();
    for name in names {
        let tracepoint: Tracepoint = name.parse().unwrap();
        program.tracepoints.insert(tracepoint.clone());
        seen.calls.push(call(&tracepoint, Kind::Live));
    }
}

fn call(tracepoint: &Tracepoint, kind: Kind) -> NewCall {
    NewCall {
        file: "src/init.cpp".into(),
        first: 42,
        last: 42,
        kind,
        tracepoint: tracepoint.clone(),
        around: exercises::surroundings::Surroundings {
            function: Some("Shutdown".into()),
            never: false,
        },
        callers: vec![Line {
            file: "src/bitcoind.cpp".into(),
            line: 290,
        }],
    }
}

#[test]
fn right_in_different_ways() {
    let early = [[1, 0, 0]; 4];
    let guarded = [[0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]];
    for firings in [
        vec![("node:up", START), ("node:down", STOP)],
        vec![("node:up", START), ("node:down", guarded)],
        vec![("node:up", START), ("node:down", STOP), ("x:x", NEVER)],
        vec![("node:a", early), ("node:down", STOP), ("node:up", START)],
    ] {
        let evidence = firing(&firings);
        is_right(&evidence, "started", &["node:up fired once in each start"]);
        is_right(&evidence, "stopped", &["node:down fired once in each stop"]);
        assert_eq!(finding(&evidence, "started").remark, None);
    }
    // A start that failed must not be told as one: passed, with a remark.
    let evidence = firing(&[("node:up", early), ("node:down", STOP)]);
    is_right(
        &evidence,
        "started",
        &["it fires also when the start fails"],
    );
    is_right(&evidence, "stopped", &["which is normal there"]);
}

#[test]
fn each_way_to_miss_the_moments() {
    let both = [[1, 0, 1], [1, 0, 1], [2, 0, 0], [1, 0, 0]];
    let messages = [[0, 0, 0], [0, 30, 0], [0, 0, 0], [0, 20, 0]];
    let peer = [[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 1, 0]];
    let twice = [[2, 0, 0], [2, 0, 0], [0, 0, 0], [2, 0, 0]];
    let twice_stopping = [[0, 0, 2], [0, 0, 2], [2, 0, 0], [0, 0, 0]];
    let new_directory = [[1, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0]];
    let old_directory = [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]];
    let signal = [[0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]];
    let rpc = [[0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]];
    let odd = [[1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0]];
    let refused = [[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]];
    for (other, role, words) in [
        (("a:a", STOP), "started", "both fire when it stops"),
        (("z:z", START), "stopped", "both fire when it starts"),
        (("a:a", NEVER), "started", "a:a never fired"),
        (("a:a", NEVER), "stopped", "a:a never fired"),
        (("a:a", both), "started", "when it starts and when it stops"),
        (("a:a", both), "stopped", "when it starts and when it stops"),
        (("a:a", messages), "started", "30 times while the node was"),
        (("a:a", messages), "stopped", "messages, calls or blocks"),
        (
            ("a:a", peer),
            "started",
            "only when the node was already in",
        ),
        (("a:a", twice), "started", "fired 2 times in one start"),
        (("a:a", twice_stopping), "stopped", "2 times in one stop"),
        (
            ("a:a", new_directory),
            "started",
            "the data directory was new",
        ),
        (
            ("a:a", old_directory),
            "started",
            "was a data directory already",
        ),
        (
            ("a:a", signal),
            "stopped",
            "and not after `bitcoin-cli stop`",
        ),
        (("a:a", rpc), "stopped", "and not after SIGTERM"),
        (("a:a", odd), "started", "and not in all alike"),
        (("a:a", refused), "stopped", "and not in all alike"),
    ] {
        let taken = match role {
            "started" => ("node:down", STOP),
            _ => ("node:up", START),
        };
        let evidence = firing(&[other, taken]);
        is_wrong(&evidence, role, &[words]);
    }
    // What was surely meant for the other moment explains nothing about this one.
    let evidence = firing(&[("a:a", signal), ("node:down", STOP)]);
    is_wrong(&evidence, "started", &["the one for the start is missing"]);
    let evidence = firing(&[("a:a", new_directory), ("node:up", START)]);
    is_wrong(
        &evidence,
        "stopped",
        &["the one for the shutdown is missing"],
    );
}

#[test]
fn one_alone() {
    let evidence = firing(&[("node:up", START)]);
    is_wrong(
        &evidence,
        "added",
        &["only node:up is new", "two are asked"],
    );
    is_right(&evidence, "started", &[]);
    is_wrong(&evidence, "stopped", &["for the shutdown is missing"]);
    let evidence = firing(&[("node:down", STOP)]);
    is_wrong(&evidence, "added", &["only node:down is new"]);
    is_wrong(&evidence, "started", &["the one for the start is missing"]);
}

#[test]
fn a_call_that_is_never_reached_is_pointed_at() {
    let mut evidence = firing(&[("node:up", NEVER), ("node:down", STOP)]);
    is_wrong(&evidence, "started", &["Follow it from main()"]);
    let Seen::Task5(seen) = &mut evidence.seen else {
        panic!("not task 5");
    };
    seen.calls[0].callers.clear();
    is_wrong(
        &evidence,
        "started",
        &["src/init.cpp:42 is never reached: nothing calls Shutdown()"],
    );
}

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

#[test]
fn lost_events_are_no_pass() {
    let lossy = |firings: &[Firings]| {
        let mut evidence = firing(firings);
        if let Seen::Task5(Task5 {
            timeline: Observed::Known(timeline),
            ..
        }) = &mut evidence.seen
        {
            timeline.lost = 7;
        }
        evidence
    };
    let evidence = lossy(&[("node:up", START), ("node:down", STOP)]);
    is_unknown(&evidence, "started", "7 events");
    is_unknown(&evidence, "stopped", "7 events");
    let evidence = lossy(&[("node:up", NEVER), ("node:down", STOP)]);
    is_unknown(&evidence, "started", "7 events");
    // It is the one that fires so often which is wrong.
    let flood = [[0, 0, 0], [0, 1000, 0], [0, 0, 0], [0, 1000, 0]];
    let evidence = lossy(&[("node:up", flood), ("node:down", STOP)]);
    is_wrong(&evidence, "started", &["1000 times"]);
}

#[test]
fn what_was_not_kept_one_by_one_counts() {
    let mut evidence = firing(&[("node:up", START), ("node:down", STOP)]);
    if let Seen::Task5(Task5 {
        timeline: Observed::Known(timeline),
        ..
    }) = &mut evidence.seen
    {
        let up = Tracepoint::new("node", "up");
        timeline.runs[0].more.insert(up, 5_000);
    }
    is_wrong(&evidence, "started", &["5000 times"]);
}

#[test]
fn a_program_that_crashes_when_it_stops() {
    let evidence = with(|seen| {
        let Observed::Known(timeline) = &mut seen.timeline else {
            panic!("no timeline");
        };
        let moments = timeline.runs[0].moments.last_mut();
        moments.unwrap().what = What::Ended {
            clean: false,
            how: "signal: 6 (SIGABRT)".into(),
        };
    });
    is_wrong(&evidence, "stopped", &["ended with signal: 6 (SIGABRT)"]);
}

fn answered(question: &str, answer: &str) -> Evidence {
    let mut evidence = firing(&[("node:up", START), ("node:down", STOP), ("node:x", NEVER)]);
    evidence
        .answers
        .insert(question.into(), Answer::new(answer.lines()).unwrap());
    evidence
}

#[test]
fn the_names() {
    for answer in [
        "node:up node:down",
        "node:down, node:up",
        "`node:up` and `node:down`",
        "start: usdt:/home/workshop/bitcoin/build/bin/bitcoind:node:up\nstop: node:down",
        "node:up node:down node:x",
    ] {
        is_right(&answered("names", answer), "names", &[]);
    }
    for (answer, words) in [
        ("up and down", "as context:event"),
        ("node:up", "give both"),
        ("node:up net:inbound_message", "was there before"),
        ("node:up node:dwon", "did you mean node:down?"),
        ("node:up bitcoin:finished", "list its tracepoints"),
        ("node:up node:x", "fires at the shutdown is not among them"),
        ("node:x node:down", "fires at the start is not among them"),
    ] {
        is_wrong(&answered("names", answer), "names", &[words]);
    }
}

#[test]
fn the_places() {
    let at = |answer: &str| {
        let mut evidence = answered("place", answer);
        if let Seen::Task5(seen) = &mut evidence.seen {
            seen.calls[0].around.function = Some("AppInitMain".into());
            seen.calls[0].first = 2360;
            seen.calls[0].last = 2361;
        }
        evidence
    };
    for answer in [
        "src/init.cpp:2360 src/init.cpp:42",
        "src/init.cpp",
        "at the end of AppInitMain() and where Shutdown() begins",
    ] {
        is_right(&at(answer), "place", &[]);
    }
    for (answer, words) in [
        ("where it belongs", "give file and line of both"),
        ("src/init.cpp:2360", "where is node:down?"),
        ("src/init.cpp:42", "where is node:up?"),
        ("src/init.cpp:2364 src/init.cpp:42", "a few lines off"),
        (
            "src/init.cpp:9 src/init.cpp:42",
            "no new tracepoint is called at",
        ),
        ("src/net.cpp", "no new tracepoint is called in src/net.cpp"),
    ] {
        is_wrong(&at(answer), "place", &[words]);
    }
    let unseen = with(|seen| seen.calls.clear());
    is_unknown(&unseen, "place", "no call of a new tracepoint was found");
}

#[test]
fn the_shutdown_that_is_not_clean() {
    is_right(&answered("unclean", "no"), "unclean", &[]);
    is_right(
        &answered("unclean", "yes on SIGTERM, not on SIGKILL"),
        "unclean",
        &[],
    );
    is_wrong(&answered("unclean", "yes"), "unclean", &["nothing fired"]);
    is_wrong(&answered("unclean", "perhaps"), "unclean", &["yes or no"]);
    // The truth is what was seen, and no constant.
    let fires = [[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 1]];
    let mut evidence = firing(&[("node:up", START), ("node:down", fires)]);
    is_wrong(&evidence, "unclean", &["it fired"]);
    let yes = Answer::new(["yes"]).unwrap();
    evidence.answers.insert("unclean".into(), yes);
    is_right(&evidence, "unclean", &[]);
    // Without one for the shutdown there is nothing to be true or false.
    is_unknown(
        &firing(&[("node:up", START)]),
        "unclean",
        "no new tracepoint",
    );
}

#[test]
fn advice_is_a_remark_and_decides_nothing() {
    let mut evidence = firing(&[("net:Up", START), ("test:down", STOP)]);
    if let Seen::Task5(seen) = &mut evidence.seen {
        seen.documented = Some(BTreeSet::new());
    }
    let words = [
        "snake_case",
        "no test any more",
        "net is the context",
        "doc/tracing.md",
    ];
    is_right(&evidence, "added", &words);
    for (question, answer) in [("names", "net:Up test:down"), ("place", "src/init.cpp")] {
        let answer = Answer::new([answer]).unwrap();
        evidence.answers.insert(question.into(), answer);
    }
    assert_eq!(judge(&evidence).verdict, State::Passed);
}
