//! When the new tracepoints fire.

use super::*;

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
    let not_killed = [[1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]];
    let also_used = [[0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 1, 0]];
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
        (("a:a", not_killed), "started", "and not in all alike"),
        (("a:a", also_used), "stopped", "and not in all alike"),
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
    // The semaphore stands before it, outside of all functions.
    let mut semaphore = call(&Tracepoint::new("node", "up"), Kind::Companion);
    semaphore.around.function = None;
    seen.calls.insert(0, semaphore);
    is_wrong(
        &evidence,
        "started",
        &["src/init.cpp:42 is never reached: nothing calls Shutdown()"],
    );
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
