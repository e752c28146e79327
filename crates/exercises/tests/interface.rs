//! The interface test's report, on what was really seen of a Bitcoin Core with a wallet: right as it is, and wrong
//! whatever is changed about it.

use exercises::interface::seen::{Seen, Value, Window};
use exercises::interface::{Line, Report, Result, report};
use exercises::{Evidence, Observed, State, Tracepoint};

/// All twenty tracepoints, seen on a real node.
fn seen() -> Seen {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/task4.upstream.json"
    );
    let evidence = Evidence::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
    let exercises::Seen::Task4(seen) = evidence.seen else {
        panic!("no evidence of task4");
    };
    let Observed::Known(seen) = seen.interface else {
        panic!("nothing was seen");
    };
    seen
}

fn windows(seen: &mut Seen) -> impl Iterator<Item = &mut Window> {
    seen.steps
        .iter_mut()
        .filter_map(|step| match &mut step.window {
            Observed::Known(window) => Some(window),
            Observed::Unknown { .. } => None,
        })
}

fn id(name: &str) -> Tracepoint {
    name.parse().unwrap()
}

/// The line of that tracepoint; all others must be right.
#[track_caller]
fn the_only_bad_one(report: &Report, name: &str) -> Line {
    let bad: Vec<_> = report
        .tracepoints
        .iter()
        .filter(|line| line.result != Result::Right)
        .collect();
    let [line] = bad[..] else {
        panic!("{bad:#?}");
    };
    assert_eq!(line.id, id(name));
    let verdict = match line.result {
        Result::Wrong => State::NotPassed,
        _ => State::CouldNotCheck,
    };
    assert_eq!(report.verdict, verdict);
    line.clone()
}

/// What the report says of a tracepoint that is wrong.
#[track_caller]
fn wrong(seen: &Seen, name: &str) -> String {
    let line = the_only_bad_one(&report(seen), name);
    assert_eq!(line.result, Result::Wrong, "{line:#?}");
    line.problems.join("\n")
}

/// What it says of one that could not be judged.
#[track_caller]
fn unknown(seen: &Seen, name: &str) -> String {
    let line = the_only_bad_one(&report(seen), name);
    assert_eq!(line.result, Result::Unknown, "{line:#?}");
    line.problems.join("\n")
}

#[test]
fn a_real_program_is_right() {
    let report = report(&seen());
    assert_eq!(report.verdict, State::Passed, "{report:#?}");
    assert_eq!(report.tracepoints.len(), 20);
    assert!(report.tracepoints.iter().all(|line| line.events > 0));
    // The types that differ since they exist are told, and are no fault.
    let remarks: Vec<_> = report
        .tracepoints
        .iter()
        .flat_map(|line| {
            line.remarks
                .iter()
                .map(move |remark| format!("{}: {remark}", line.id))
        })
        .collect();
    assert_eq!(remarks.len(), 4, "{remarks:#?}");
    assert!(
        remarks
            .iter()
            .all(|remark| remark.contains("documented as uint64_t and passed as signed, 64 bits"))
    );
    assert!(report.remarks.is_empty());
}

#[test]
fn what_was_seen_survives_its_file() {
    let seen = seen();
    let text = serde_json::to_string(&seen).unwrap();
    assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), seen);
}

/// Each two arguments of each tracepoint that a program could swap without anybody noticing by their types.
#[test]
fn any_two_swapped_arguments_are_seen() {
    let original = seen();
    let mut swaps = 0;
    for built in &original.tracepoints {
        let arguments = built.sites[0].len();
        for (one, other) in (0..arguments).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let layout = |at: usize| built.sites[0][at].layout;
            if layout(one) != layout(other) {
                continue;
            }
            swaps += 1;
            let mut seen = original.clone();
            for window in windows(&mut seen) {
                for event in window
                    .events
                    .iter_mut()
                    .filter(|event| event.id == built.id)
                {
                    event.args.swap(one, other);
                }
            }
            let said = wrong(&seen, &built.id.to_string());
            assert!(
                said.contains(" should be ") || said.contains("swapped"),
                "{said}"
            );
        }
    }
    assert!(swaps > 30, "{swaps}");
}

#[test]
fn a_swap_is_called_one() {
    let mut seen = seen();
    for window in windows(&mut seen) {
        for event in &mut window.events {
            if event.id == id("validation:block_connected") {
                event.args.swap(1, 3);
            }
        }
    }
    let said = wrong(&seen, "validation:block_connected");
    assert!(
        said.starts_with("height and inputs_spent are swapped: height should be 602 and is 4"),
        "{said}"
    );
}

/// A tracepoint whose arguments change places changes their types too, where those differ.
#[test]
fn any_two_swapped_types_are_seen() {
    let original = seen();
    for (at, built) in original.tracepoints.iter().enumerate() {
        let arguments = built.sites[0].len();
        for (one, other) in (0..arguments).flat_map(|one| (0..one).map(move |other| (one, other))) {
            let layout = |at: usize| built.sites[0][at].layout;
            if layout(one) == layout(other) {
                continue;
            }
            let mut seen = original.clone();
            seen.tracepoints[at].sites[0].swap(one, other);
            let line = the_only_bad_one(&report(&seen), &built.id.to_string());
            assert_eq!(line.result, Result::Wrong);
            assert!(line.problems[0].contains(" is documented as "), "{line:#?}");
        }
    }
}

#[test]
fn every_tracepoint_that_never_fires_is_seen() {
    let original = seen();
    for built in &original.tracepoints {
        let mut seen = original.clone();
        for window in windows(&mut seen) {
            window.events.retain(|event| event.id != built.id);
        }
        let said = wrong(&seen, &built.id.to_string());
        assert!(said.starts_with("it never fired, not even when "), "{said}");
    }
}

#[test]
fn every_event_that_is_missing_or_one_too_many_is_seen() {
    let original = seen();
    for built in &original.tracepoints {
        let mut fewer = original.clone();
        let mut more = original.clone();
        let window = windows(&mut fewer)
            .find(|window| window.events.iter().any(|event| event.id == built.id));
        let events = &mut window.unwrap().events;
        let at = events
            .iter()
            .position(|event| event.id == built.id)
            .unwrap();
        let event = events.remove(at);
        wrong(&fewer, &built.id.to_string());
        let window = windows(&mut more).find(|window| window.events.contains(&event));
        window.unwrap().events.push(event);
        let said = wrong(&more, &built.id.to_string());
        assert!(
            said.starts_with("it also fired when nothing happened: ("),
            "{said}"
        );
    }
}

#[test]
fn a_tracepoint_that_is_gone_or_has_another_name_is_seen() {
    for (new_name, says) in [
        (None, "it is not in the program"),
        (
            Some("mempool:adde"),
            "it is not in the program; is mempool:adde meant to be it?",
        ),
    ] {
        let mut seen = seen();
        let at = seen
            .tracepoints
            .iter()
            .position(|one| one.id == id("mempool:added"));
        let mut built = seen.tracepoints.remove(at.unwrap());
        if let Some(name) = new_name {
            built.id = id(name);
            seen.tracepoints.push(built);
        }
        assert_eq!(wrong(&seen, "mempool:added"), says);
        let remarks = report(&seen).remarks;
        assert_eq!(
            remarks.len(),
            usize::from(new_name.is_some()),
            "{remarks:?}"
        );
    }
}

#[test]
fn only_without_a_wallet_the_wallet_s_tracepoints_may_be_missing() {
    let mut seen = seen();
    seen.tracepoints
        .retain(|built| built.id.context != "coin_selection");
    assert_eq!(report(&seen).verdict, State::NotPassed);
    seen.wallet = false;
    let report = report(&seen);
    assert_eq!(report.verdict, State::Passed);
    let not_built = report
        .tracepoints
        .iter()
        .filter(|line| line.result == Result::NotBuilt);
    assert_eq!(not_built.count(), 4);
}

#[test]
fn sums_that_differ_from_rpc_s_are_seen() {
    let mut seen = seen();
    for window in windows(&mut seen) {
        for sum in window
            .sums
            .iter_mut()
            .filter(|sum| sum.told == "bytesrecv_per_msg")
            .take(1)
        {
            sum.total += 1;
        }
    }
    let said = wrong(&seen, "net:inbound_message");
    assert!(said.contains("message_size of all with peer_id "), "{said}");
    assert!(
        said.contains("24 bytes beside each; bytesrecv_per_msg says "),
        "{said}"
    );
}

#[test]
fn what_could_not_be_seen_is_no_pass() {
    let original = seen();
    // A step that could not be done.
    let mut seen = original.clone();
    for step in seen
        .steps
        .iter_mut()
        .filter(|step| step.name == "too many peers connect")
    {
        step.window = Observed::unknown("the node does not fill up", "");
    }
    let said = unknown(&seen, "net:evicted_inbound_connection");
    assert_eq!(said, "too many peers connect: the node does not fill up");
    // No step at all.
    seen.steps
        .retain(|step| step.name != "too many peers connect");
    let said = unknown(&seen, "net:evicted_inbound_connection");
    assert_eq!(said, "this program does not know how to make it fire");
    // Events that were lost, though what is left is right.
    let mut seen = original.clone();
    for step in seen
        .steps
        .iter_mut()
        .filter(|step| step.name == "too many peers connect")
    {
        if let Observed::Known(window) = &mut step.window {
            window.lost = 3;
        }
    }
    let said = unknown(&seen, "net:evicted_inbound_connection");
    assert_eq!(said, "3 events were lost on the way");
    // An operand that we cannot decode.
    let mut seen = original.clone();
    for built in seen
        .tracepoints
        .iter_mut()
        .filter(|one| one.id == id("mempool:rejected"))
    {
        built.sites[0][1].layout = None;
    }
    for window in windows(&mut seen) {
        for event in window
            .events
            .iter_mut()
            .filter(|one| one.id == id("mempool:rejected"))
        {
            event.args[1] = Value::Undecodable;
        }
    }
    let said = unknown(&seen, "mempool:rejected");
    assert!(said.starts_with("reason cannot be decoded: "), "{said}");
    // An argument that we expect nothing of.
    let mut seen = original.clone();
    for documented in &mut seen.interface.tracepoints {
        if documented.id == id("mempool:rejected") {
            documented.args[1].name = "mood".into();
        }
    }
    let said = unknown(&seen, "mempool:rejected");
    assert_eq!(said, "this program does not know what mood should be");
    // Nothing documented.
    let mut seen = original;
    seen.interface.tracepoints.clear();
    assert_eq!(report(&seen).verdict, State::CouldNotCheck);
}

#[test]
fn an_argument_that_is_not_passed_or_points_nowhere_is_seen() {
    let original = seen();
    let mut seen = original.clone();
    for built in seen
        .tracepoints
        .iter_mut()
        .filter(|one| one.id == id("mempool:rejected"))
    {
        built.sites[0].truncate(1);
    }
    assert!(wrong(&seen, "mempool:rejected").starts_with("reason is not passed"));
    let mut seen = original;
    for window in windows(&mut seen) {
        for event in window
            .events
            .iter_mut()
            .filter(|one| one.id == id("mempool:rejected"))
        {
            event.args[0] = Value::Unreadable;
        }
    }
    let said = wrong(&seen, "mempool:rejected");
    assert!(
        said.contains("and is an address that cannot be read"),
        "{said}"
    );
}
