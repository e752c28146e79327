//! Task 3 judged from evidence: what real scripts printed under two versions of bpftrace, every trap, and every form
//! of an answer.
//!
//! `fixtures/task3.*.jsonl` are real runs of every solution, one a line, written by the test on real hosts
//! (`WORKSHOP_FIXTURE=FILE cargo test -p workshop --test hosts task3`).

use exercises::bpftrace::{MapSize, Number, Origin};
use exercises::distribution::Distribution;
use exercises::solutions::solutions;
use exercises::tasks::task3::{Counts, Ended, Run, Script, Seen, Traced};
use exercises::verdict::{Outcome, Verdict};
use exercises::{Answer, Evidence, Observed, Seen as AnySeen, State, judge};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    name: String,
    evidence: Evidence,
}

fn fixtures(version: &str) -> Vec<Line> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let text = std::fs::read_to_string(format!("{folder}/task3.{version}.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn what_real_scripts_printed_is_judged_as_they_deserve() {
    for version in ["bpftrace-0.17", "bpftrace-0.23"] {
        let mut fixtures = fixtures(version);
        for solution in solutions("task3").unwrap() {
            let at = fixtures.iter().position(|one| one.name == solution.name);
            let at = at.unwrap_or_else(|| panic!("no run of {} with {version}", solution.name));
            let verdict = judge(&fixtures.swap_remove(at).evidence);
            let misjudged = solution.misjudged(&verdict);
            assert!(
                misjudged.is_empty(),
                "{version} {}: {misjudged:?} {verdict:#?}",
                solution.name
            );
        }
        assert!(fixtures.is_empty(), "runs of what is no solution");
    }
}

/// A run of the reference, with all answers.
fn solved() -> Evidence {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/task3.solved.json"
    );
    Evidence::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn seen(evidence: &mut Evidence) -> &mut Seen {
    match &mut evidence.seen {
        AnySeen::Task3(seen) => seen,
        _ => panic!("not of task3"),
    }
}

/// The verdict when something is changed about the solved run.
fn changed(change: impl FnOnce(&mut Seen)) -> Verdict {
    let mut evidence = solved();
    change(seen(&mut evidence));
    judge(&evidence)
}

/// The verdict when the script printed something else, or another script did.
fn traced(change: impl FnOnce(&mut Run, &mut Traced)) -> Verdict {
    changed(|seen| {
        let Observed::Known(run) = &mut seen.run else {
            panic!("not run");
        };
        let mut traced = run.traced.take().unwrap();
        change(run, &mut traced);
        run.traced = Some(traced);
    })
}

fn number(label: &str, value: u64) -> Number {
    Number {
        label: label.into(),
        value: value.cast_signed(),
        origin: Origin::Map,
    }
}

/// What is said of the numbers when these are printed in place of the script's own.
fn printed(numbers: impl FnOnce(&Run) -> Vec<Number>) -> String {
    says(
        &traced(|run, traced| traced.printed.numbers = numbers(run)),
        "numbers",
    )
}

/// The hint of a wrong finding, or the reason of an unknown one.
#[track_caller]
fn says(verdict: &Verdict, id: &str) -> String {
    let found = verdict.findings.iter().find(|one| one.id == id);
    let found = found.unwrap_or_else(|| panic!("no finding {id}: {verdict:#?}"));
    assert_ne!(found.result, Outcome::Right, "{found:#?}");
    assert_ne!(verdict.verdict, State::Passed);
    format!(
        "{} | {}",
        found.seen,
        found.hint.clone().unwrap_or_default()
    )
}

#[track_caller]
fn holds(text: &str, words: &str) {
    assert!(text.contains(words), "“{words}” is not in: {text}");
}

#[test]
fn numbers_that_are_something_else_are_called_by_their_name() {
    let spent = |run: &Run| number("@spent", run.truth.spent.count);
    let one = |label: &'static str, value: fn(&Run) -> u64, words: &str| {
        let text = printed(|run| vec![number(label, value(run)), spent(run)]);
        holds(&text, words);
    };
    one(
        "@added",
        |run| run.truth.added.txids.unwrap(),
        "different txids",
    );
    one("@a", |_| 4096, "the most keys that a map holds");
    one("@a", |run| run.truth.added.sum_low, "adds up the values");
    one(
        "@a",
        |run| run.truth.added.sum_btc - 5000,
        "adds up the values",
    );
    one(
        "@a",
        |run| run.truth.uncached,
        "how often utxocache:uncache",
    );
    one("@a", |run| run.truth.added.count * 2, "each of them twice");
    one(
        "@a",
        |run| run.truth.added.count + run.truth.spent.count,
        "added and spent in one",
    );
    one("@a", |run| run.truth.added.count - 1, "one less");
    one("@a", |_| 7, "none of the numbers");
    // One of the two is enough to be wrong, and the other is not called wrong.
    let text = printed(|run| vec![number("@x", run.truth.added.count)]);
    holds(&text, "spent 15,986 (not printed)");
    holds(&text, "added 13,792 (@x)");
}

#[test]
fn swapped_names_are_told_and_free_names_are_not() {
    let text = printed(|run| {
        vec![
            number("@spent", run.truth.added.count),
            number("@added", run.truth.spent.count),
        ]
    });
    holds(&text, "swapped");
    let text = printed(|run| {
        vec![
            number("@spent", run.truth.added.count),
            number("@y", run.truth.spent.count),
        ]
    });
    holds(&text, "swapped");
    for [added, spent] in [
        ["@spend_or_add", "@y"],
        ["@", "@"],
        ["@b", "@a"],
        [
            "UTXOs added, then spent: 1, 2",
            "UTXOs added, then spent: 1, 2",
        ],
    ] {
        let verdict = traced(|run, traced| {
            traced.printed.numbers = vec![
                number(added, run.truth.added.count),
                number(spent, run.truth.spent.count),
            ];
        });
        assert_eq!(verdict.verdict, State::Passed, "{added} {verdict:#?}");
    }
}

#[test]
fn numbers_that_were_not_measured_are_none() {
    // Of a run that was seen before.
    let verdict = changed(|seen| {
        seen.earlier = vec![Counts {
            added: 13_800,
            spent: 16_000,
        }];
        let Observed::Known(run) = &mut seen.run else {
            panic!("not run");
        };
        run.traced.as_mut().unwrap().printed.numbers =
            vec![number("@added", 13_800), number("@spent", 16_000)];
    });
    let text = says(&verdict, "numbers");
    holds(&text, "13,800 is the number of an earlier run");
    // Out of a file; even where it is right by chance, nobody measured it.
    let text = printed(|run| {
        let foreign = |label: &str, value| Number {
            origin: Origin::Foreign,
            ..number(label, value)
        };
        vec![
            foreign("added", run.truth.added.count),
            foreign("spent", run.truth.spent.count),
        ]
    });
    holds(&text, "was not measured in this run");
}

#[test]
fn a_full_map_is_told() {
    let verdict = traced(|run, traced| {
        traced.printed.numbers = vec![number("@added", 9000), number("@s", run.truth.spent.count)];
        traced.printed.maps = vec![MapSize {
            name: "@added".into(),
            keys: 4096,
        }];
    });
    holds(&says(&verdict, "numbers"), "a map holds 4,096 keys");
}

#[test]
fn coinbase_outputs_alone_are_told_where_there_are_any() {
    let verdict = traced(|run, traced| {
        run.truth.added.coinbase = Some(120);
        traced.printed.numbers = vec![number("@added", 120), number("@s", run.truth.spent.count)];
    });
    holds(&says(&verdict, "numbers"), "coinbase outputs alone");
}

#[test]
fn a_script_that_did_not_run_as_it_should_is_judged_by_that_alone() {
    for (ended, words) in [
        (Ended::Late(30), "not attached to anything after 30 s"),
        (Ended::Testing, "calls exit()"),
        (Ended::Starting, "ended with status 1 and said nothing"),
        (Ended::Killed(10), "did not end within 10 s"),
    ] {
        let verdict = traced(|_, traced| {
            traced.ended = ended;
            traced.status = Some(1);
            traced.messages.clear();
        });
        holds(&says(&verdict, "script"), words);
        for id in ["numbers", "histograms"] {
            assert!(verdict.findings.iter().all(|one| one.id != id), "{ended:?}");
        }
    }
    // That bpftrace does not end may be anybody's fault.
    let killed = traced(|_, traced| traced.ended = Ended::Killed(10));
    assert_eq!(killed.verdict, State::CouldNotCheck);
}

#[test]
fn a_copy_of_the_program_is_another_one() {
    let verdict = traced(|_, traced| {
        for hooked in traced.hooked.iter_mut().flatten() {
            hooked.tested = false;
            hooked.file = "/tmp/test_bitcoin".into();
        }
    });
    let text = says(&verdict, "script");
    holds(&text, "your script hooked /tmp/test_bitcoin");
    holds(&text, "a copy of it is another one");
    let verdict = traced(|_, traced| traced.hooked = Some(vec![]));
    holds(&says(&verdict, "script"), "attached to no tracepoint");
}

#[test]
fn what_cannot_be_seen_of_the_hooks_is_judged_by_the_numbers() {
    assert_eq!(
        traced(|_, traced| traced.hooked = None).verdict,
        State::Passed
    );
    let verdict = traced(|_, traced| {
        traced.hooked = None;
        traced.printed.numbers.clear();
        traced.printed.histograms.clear();
    });
    assert_eq!(verdict.verdict, State::NotPassed);
}

#[test]
fn lost_events_of_ours_cost_no_verdict() {
    let verdict = traced(|run, _| {
        for side in [&mut run.truth.added, &mut run.truth.spent] {
            side.coinbase = None;
            side.txids = None;
        }
    });
    assert_eq!(verdict.verdict, State::Passed);
    // Without any values nobody can tell of what a histogram is.
    let verdict = traced(|run, _| run.truth.added.values = Distribution::default());
    assert_ne!(verdict.verdict, State::Passed);
}

#[test]
fn what_is_no_script() {
    let path = "~/workshop/task3.bt".to_owned();
    let script = |script| says(&changed(|seen| seen.script = script), "script");
    holds(
        &script(Script::Missing { path: path.clone() }),
        "`workshop start task3`",
    );
    let verdict = changed(|seen| {
        seen.script = Script::Unreadable {
            path: path.clone(),
            why: "it is a directory".into(),
        };
    });
    assert_eq!(verdict.verdict, State::CouldNotCheck);
    holds(&says(&verdict, "script"), "it is a directory");
    for text in ["", "\n// later\n", "/* later */"] {
        let text = text.to_owned();
        let path = path.clone();
        holds(&script(Script::Text { path, text }), "is empty");
    }
    let text = "#!/usr/bin/python3\nfrom bcc import BPF\n".to_owned();
    holds(
        &script(Script::Text { path, text }),
        "not a program that calls it",
    );
}

#[test]
fn without_a_run_nothing_passes() {
    let verdict = changed(|seen| seen.run = Observed::unknown("there is no root", "become it"));
    assert_eq!(verdict.verdict, State::CouldNotCheck);
    holds(&says(&verdict, "script"), "there is no root");
    // A run that was made for the answers alone.
    let verdict = changed(|seen| {
        if let Observed::Known(run) = &mut seen.run {
            run.traced = None;
        }
    });
    assert_eq!(verdict.verdict, State::CouldNotCheck);
}

fn answered(question: &str, answer: &str) -> Result<String, String> {
    let mut evidence = solved();
    let answer = Answer::new([answer]).unwrap();
    evidence.answers.insert(question.into(), answer);
    let verdict = judge(&evidence);
    let found = verdict
        .findings
        .iter()
        .find(|one| one.id == question)
        .unwrap();
    match found.result {
        Outcome::Right => Ok(found.seen.clone()),
        _ => Err(found.hint.clone().unwrap_or_default()),
    }
}

#[track_caller]
fn right(question: &str, answers: &[&str]) {
    for answer in answers {
        let judged = answered(question, answer);
        assert!(judged.is_ok(), "{answer}: {judged:?}");
    }
}

#[track_caller]
fn wrong(question: &str, answers: &[(&str, &str)]) {
    for (answer, reason) in answers {
        let hint = answered(question, answer).expect_err(answer);
        assert!(hint.contains(reason), "{answer}: {hint}");
    }
}

#[test]
fn the_program() {
    right(
        "binary",
        &[
            "build/bin/test_bitcoin",
            "./build/bin/test_bitcoin",
            "test_bitcoin",
            "~/bitcoin/build/bin/test_bitcoin",
            "/home/workshop/bitcoin/build/bin/test_bitcoin",
            "the unit tests, `test_bitcoin`, not bitcoind",
        ],
    );
    wrong(
        "binary",
        &[
            ("bitcoind", "runs no unit test"),
            ("build/bin/bitcoind", "runs no unit test"),
            ("src/test/test_bitcoin", "another folder"),
            ("the kernel", "name the program"),
        ],
    );
}

#[test]
fn the_fourth_argument() {
    right(
        "argument",
        &[
            "value",
            "the value of the coin in satoshi",
            "int64 value",
            "Amount (sats)",
            "arg3: nValue",
            "how many satoshis it is worth",
        ],
    );
    wrong(
        "argument",
        &[
            ("the height", "argument 3, which bpftrace calls arg2"),
            ("is_coinbase", "argument 5, which bpftrace calls arg4"),
            ("txid", "argument 1, which bpftrace calls arg0"),
            ("value in BTC", "its unit is another one"),
            ("a number", "what is it of the coin"),
        ],
    );
}

#[test]
fn the_counts() {
    right(
        "counts",
        &[
            "13792 15986",
            "13,792 added and 15,986 spent",
            "spent 15986, added 13792",
            "13500 16300",
        ],
    );
    assert!(
        answered("counts", "13792 15986")
            .unwrap()
            .contains("a run we saw")
    );
    let near = answered("counts", "13500 16300").unwrap();
    assert!(near.contains("within 5 %"), "{near}");
    wrong(
        "counts",
        &[
            ("15986 13792", "the other way round"),
            ("13792 9", "added may be right"),
            ("9 15986", "spent may be right"),
            ("27584 31972", "which tests ran"),
            ("9 9", "read the numbers off"),
            ("13792", "one number is missing"),
            ("lots", "two numbers"),
        ],
    );
    // A run that was seen before is one that we saw.
    let mut evidence = solved();
    seen(&mut evidence).earlier = vec![Counts {
        added: 27_000,
        spent: 31_000,
    }];
    let answer = Answer::new(["27000 31000"]).unwrap();
    evidence.answers.insert("counts".into(), answer);
    assert_eq!(judge(&evidence).verdict, State::Passed);
}

#[test]
fn the_most_common_values() {
    right(
        "values",
        &[
            "8M-16M BTC",
            "[8M, 16M)",
            "8388608 to 16777215 BTC",
            "8 to 16 million bitcoin",
            "between 1125899906842624 and 2251799813685247 satoshi",
            "[1P, 2P)",
            "2^50 - 2^51 sat",
            "around 12 million BTC",
            "they are uniform: every bar has the same height",
            "evenly distributed from 0 to 21M",
        ],
    );
    wrong(
        "values",
        &[
            ("8M-16M satoshi", "in which unit"),
            ("0 to 100 BTC", "other values are more common"),
            ("1 BTC", "other values are more common"),
            ("0 to 21000000 BTC", "all of them"),
            ("small ones", "the bounds of the tallest bar"),
        ],
    );
    // Before v24 the test's values had 32 bits.
    let mut evidence = solved();
    if let Observed::Known(run) = &mut seen(&mut evidence).run {
        run.truth.added.values = Distribution::of((0..4096).map(|at| at << 20).collect());
    }
    for (answer, right) in [
        ("16-32 BTC", true),
        ("[2G, 4G) sat", true),
        ("8M-16M BTC", false),
    ] {
        let text = Answer::new([answer]).unwrap();
        evidence.answers.insert("values".into(), text);
        let verdict = judge(&evidence);
        let found = verdict
            .findings
            .iter()
            .find(|one| one.id == "values")
            .unwrap();
        assert_eq!(found.result == Outcome::Right, right, "{answer}: {found:?}");
    }
}
