//! What participants answer, and advice.

use super::*;

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
