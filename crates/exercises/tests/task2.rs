//! Task 2's judge: numbers and types that were true at some time since one looked, and what the participant's own
//! sessions have seen.

use exercises::tasks::task2::{Peer, Recorded, Seen, Window};
use exercises::verdict::Outcome;
use exercises::{Answer, Evidence, Observed, Seen as AnySeen, State, judge};
use jiff::SignedDuration;

fn solved() -> Evidence {
    let path = format!(
        "{}/tests/fixtures/task2.solved.json",
        env!("CARGO_MANIFEST_DIR")
    );
    Evidence::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn seen(evidence: &mut Evidence) -> &mut Seen {
    match &mut evidence.seen {
        AnySeen::Task2(seen) => seen,
        other => panic!("{other:?}"),
    }
}

fn window(evidence: &mut Evidence) -> &mut Window {
    match &mut seen(evidence).window {
        Observed::Known(window) => window,
        other => panic!("{other:?}"),
    }
}

fn answer(evidence: &mut Evidence, question: &str, text: &str) {
    let answer = Answer::new([text]).unwrap();
    evidence.answers.insert(question.to_owned(), answer);
}

/// How one finding comes out: right, or the hint, or why not.
fn finding(evidence: &Evidence, id: &str) -> Result<(), String> {
    let verdict = judge(evidence);
    let found = verdict.findings.iter().find(|finding| finding.id == id);
    let found = found.unwrap_or_else(|| panic!("no finding {id}"));
    match found.result {
        Outcome::Right => Ok(()),
        Outcome::Wrong => {
            assert_eq!(verdict.verdict, State::NotPassed);
            Err(found.hint.clone().unwrap_or_default())
        }
        Outcome::Unknown => {
            assert_ne!(verdict.verdict, State::Passed);
            Err(format!("unknown: {}", found.seen))
        }
    }
}

fn answered(evidence: &mut Evidence, question: &str, text: &str) -> Result<(), String> {
    answer(evidence, question, text);
    finding(evidence, question)
}

#[track_caller]
fn is_wrong(result: Result<(), String>, reason: &str) {
    let hint = result.expect_err(reason);
    assert!(hint.contains(reason), "{hint}");
}

/// An answer to the solved evidence: three peers, of whom two are inbound and one is manual.
fn to(question: &str, text: &str) -> Result<(), String> {
    answered(&mut solved(), question, text)
}

#[test]
fn every_form_of_the_number_is_taken() {
    for text in ["3", "3 peers", "three: 3", "2 inbound and 1 manual"] {
        assert_eq!(to("peers", text), Ok(()), "{text}");
    }
    is_wrong(to("peers", "many"), "give a number");
    is_wrong(to("peers", "2"), "so many are inbound");
    is_wrong(to("peers", "1"), "so many are not inbound");
    is_wrong(to("peers", "125"), "it has fewer just now");
    is_wrong(to("peers", "0"), "it has more just now");
}

/// A session that ended `hours` before the answer, with other numbers and types than now.
fn session(evidence: &mut Evidence, hours: i64, own_node: bool) {
    let answered = seen(evidence).answered.unwrap();
    let last = answered - SignedDuration::from_hours(hours) + SignedDuration::from_mins(30);
    seen(evidence).sessions.push(Recorded {
        program: "/home/workshop/bitcoin/build/bin/bitcoind".into(),
        own_node,
        last: Some(last),
        numbers: [7, 8].into(),
        types: ["feeler".to_owned()].into(),
        handshakes: 1,
        pongs: 1,
    });
}

#[test]
fn what_was_so_while_one_watched_is_right() {
    let mut evidence = solved();
    is_wrong(answered(&mut evidence, "peers", "8"), "it has fewer");
    is_wrong(
        answered(&mut evidence, "types", "inbound manual feeler"),
        "no connection is of the type feeler",
    );
    session(&mut evidence, 0, true);
    assert_eq!(answered(&mut evidence, "peers", "8"), Ok(()));
    assert_eq!(
        answered(&mut evidence, "types", "inbound manual feeler"),
        Ok(())
    );
    // A session of yesterday says nothing about today.
    let mut evidence = solved();
    session(&mut evidence, 24, true);
    is_wrong(answered(&mut evidence, "peers", "8"), "it has fewer");
}

#[test]
fn the_node_in_the_tree_is_another() {
    let mut evidence = solved();
    seen(&mut evidence).sessions.clear();
    session(&mut evidence, 0, false);
    is_wrong(
        answered(&mut evidence, "peers", "8"),
        "so many had /home/workshop/bitcoin/build/bin/bitcoind",
    );
    is_wrong(
        answered(&mut evidence, "exchange", "ping"),
        "you watched /home/workshop/bitcoin/build/bin/bitcoind",
    );
}

#[test]
fn peers_that_come_and_go_during_the_check_count() {
    let mut evidence = solved();
    let window = window(&mut evidence);
    // Two went and two others came: there were three at both ends, and one or five in between.
    let since = window.after[0].since;
    window.after = (100..102)
        .map(|id| Peer {
            id,
            connection_type: "inbound".into(),
            since,
        })
        .chain(window.after.last().cloned())
        .collect();
    for (number, right) in [("1", true), ("5", true), ("7", true), ("8", false)] {
        assert_eq!(
            answered(&mut evidence, "peers", number).is_ok(),
            right,
            "{number}"
        );
    }
}

#[test]
fn every_form_of_the_types_is_taken() {
    for text in [
        "inbound manual",
        "manual, inbound",
        "Yes: inbound. The other is manual (addnode)",
        "INBOUND and MANUAL",
    ] {
        assert_eq!(to("types", text), Ok(()), "{text}");
    }
    is_wrong(to("types", "inbound"), "one more type is there");
    is_wrong(to("types", "manual, no inbound"), "one more type is there");
    is_wrong(
        to("types", "inbound manual feeler"),
        "no connection is of the type feeler",
    );
    is_wrong(to("types", "outbound"), "several kinds of outbound");
    is_wrong(to("types", "none"), "there are connections");
    is_wrong(to("types", "tcp"), "name types as the monitor's column");
}

#[test]
fn a_type_that_came_after_the_answer_is_not_asked_for() {
    let mut evidence = solved();
    let later = seen(&mut evidence).answered.unwrap() + SignedDuration::from_secs(1);
    let new = Peer {
        id: 99,
        connection_type: "block-relay-only".into(),
        since: later,
    };
    let window = window(&mut evidence);
    window.before.push(new.clone());
    window.after.push(new);
    assert_eq!(finding(&evidence, "types"), Ok(()));
    seen(&mut evidence).answered = Some(later);
    is_wrong(finding(&evidence, "types"), "one more type is there");
}

#[test]
fn what_was_seen_is_what_was_recorded() {
    for text in ["ping", "a ping and its pong", "yes, pings"] {
        assert_eq!(to("exchange", text), Ok(()), "{text}");
    }
    is_wrong(to("exchange", "handshake"), "beginning of a connection");
    is_wrong(to("exchange", "both"), "beginning of a connection");
    is_wrong(to("exchange", "no"), "in the log of a peer");
    is_wrong(to("exchange", "yes"), "say which");
    let mut evidence = solved();
    let session = seen(&mut evidence).sessions.last_mut().unwrap();
    (session.handshakes, session.pongs) = (2, 0);
    assert_eq!(answered(&mut evidence, "exchange", "handshake"), Ok(()));
    is_wrong(
        answered(&mut evidence, "exchange", "ping"),
        "`bitcoin-cli ping` makes the node ask",
    );
    seen(&mut evidence).sessions.last_mut().unwrap().handshakes = 0;
    is_wrong(
        finding(&evidence, "exchange"),
        "let the monitor run for longer",
    );
    seen(&mut evidence).sessions.clear();
    is_wrong(finding(&evidence, "exchange"), "watch the node first");
}

#[test]
fn what_the_check_cannot_see_is_no_pass_and_no_fault() {
    type Change = fn(&mut Window);
    let cases: [(Change, &str); 5] = [
        (
            |window| (window.before, window.after) = (vec![], vec![]),
            "unknown: the node has no peer just now",
        ),
        (|window| window.lost = 7, "unknown: 7 events were lost"),
        (
            |window| window.pinged = false,
            "unknown: the node did not take our request",
        ),
        (
            |window| window.messages = 0,
            "no message passed the tracepoints of /nix",
        ),
        (|_| {}, "unknown: no peer answered the node's ping"),
    ];
    for (change, reason) in cases {
        let mut evidence = solved();
        let window = window(&mut evidence);
        window.pongs = 0;
        change(window);
        is_wrong(finding(&evidence, "live"), reason);
    }
    let mut evidence = solved();
    seen(&mut evidence).window = Observed::unknown("bitcoind does not run", "start it");
    assert_eq!(judge(&evidence).verdict, State::CouldNotCheck);
    assert_eq!(
        finding(&evidence, "peers"),
        Err("unknown: bitcoind does not run".into())
    );
}

#[test]
fn answers_without_a_time_are_compared_with_everything() {
    let mut evidence = solved();
    session(&mut evidence, 24, true);
    seen(&mut evidence).answered = None;
    assert_eq!(answered(&mut evidence, "peers", "8"), Ok(()));
}
