//! The judge of task 5: every trap has its own words, and what could not be seen is no pass.

mod answers;
mod moments;
mod program;

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
