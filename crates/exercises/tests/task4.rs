//! Task 4's judge: what ran and passed passes, and what was skipped, failed or could not be seen does not.

use exercises::tasks::task4::{Alone, Functional, Runner, Seen, Status, Unprivileged, Upstream};
use exercises::verdict::Outcome;
use exercises::{Answer, Evidence, Observed, Seen as Any, State, judge};

/// `task4.solved` is of a tree without functional tests, `task4.upstream` of a whole one with a wallet.
fn fixture(name: &str) -> Evidence {
    let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    Evidence::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn seen(evidence: &mut Evidence) -> &mut Seen {
    let Any::Task4(seen) = &mut evidence.seen else {
        panic!("no evidence of task4");
    };
    seen
}

/// The whole tree's evidence with something changed about its own tests.
fn upstream(change: impl FnOnce(&mut Functional)) -> Evidence {
    let mut evidence = fixture("task4.upstream");
    let Upstream::Present(Observed::Known(tests)) = &mut seen(&mut evidence).upstream else {
        panic!("no tests were seen");
    };
    change(tests);
    evidence
}

fn finding(evidence: &Evidence, id: &str) -> (Outcome, String) {
    let verdict = judge(evidence);
    let found = verdict.findings.iter().find(|finding| finding.id == id);
    let found = found.unwrap_or_else(|| panic!("no finding {id}"));
    if found.result != Outcome::Right {
        assert_ne!(verdict.verdict, State::Passed);
    }
    let hint = found.hint.as_deref().unwrap_or_default();
    (found.result, format!("{} | {hint}", found.seen))
}

#[track_caller]
fn wrong(evidence: &Evidence, id: &str, pieces: &[&str]) {
    let (result, said) = finding(evidence, id);
    assert_eq!(result, Outcome::Wrong, "{said}");
    for piece in pieces {
        assert!(said.contains(piece), "{piece}: {said}");
    }
}

fn skipped(reason: &str) -> Alone {
    Alone {
        code: Some(77),
        said: format!(
            "2026-11-25T10:11:59.859073Z TestFramework (WARNING): Test Skipped: {reason}\n\
             2026-11-25T10:11:59.910201Z TestFramework (INFO): Test skipped"
        ),
    }
}

const NO_ROOT: &str = "no permissions to use BPF (please review the tests carefully before running them with higher privileges)";

#[test]
fn a_whole_tree_with_everything_passes() {
    let verdict = judge(&fixture("task4.upstream"));
    assert_eq!(verdict.verdict, State::Passed, "{verdict:#?}");
    let ids: Vec<_> = verdict.findings.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["unprivileged", "singly", "runner", "interface"]);
}

#[test]
fn a_tree_without_functional_tests_is_not_asked_for_them() {
    let verdict = judge(&fixture("task4.solved"));
    assert_eq!(verdict.verdict, State::Passed);
    let ids: Vec<_> = verdict.findings.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["unprivileged", "interface"]);
}

#[test]
fn a_test_that_was_skipped_did_not_pass() {
    for (reason, pieces) in [
        (NO_ROOT, ["for want of root", "`sudo -n id -u`"]),
        (
            "bcc python module not available",
            ["for want of BCC", "/usr/bin/python3"],
        ),
        (
            "wallet has not been compiled.",
            ["for want of a wallet", "-DENABLE_WALLET=ON"],
        ),
        (
            "bitcoind has not been built with USDT tracepoints enabled.",
            ["for want of tracepoints", "task1"],
        ),
        (
            "not on a Linux system",
            ["for want of Linux", "on the server"],
        ),
        ("the moon is full", ["the moon is full", "run it by itself"]),
    ] {
        let evidence = upstream(|tests| tests.singly[2].ended = Observed::Known(skipped(reason)));
        wrong(&evidence, "singly", &pieces);
        wrong(
            &evidence,
            "singly",
            &["interface_usdt_net.py was skipped", "skipped is not passed"],
        );
    }
}

#[test]
fn a_runner_that_skipped_all_did_not_pass_whatever_it_exits_with() {
    // As it prints it: exit status 0, and a tick in the last line.
    let printed = format!(
        "1/2 - interface_usdt_mempool.py skipped ({NO_ROOT})\n\
         2/2 - interface_usdt_net.py skipped ({NO_ROOT})\n\n\
         TEST                            | STATUS    | DURATION\n\n\
         interface_usdt_mempool.py       | ○ Skipped | 0 s\n\
         interface_usdt_net.py           | ○ Skipped | 1 s\n\n\
         ALL                             | ✓ Passed  | 1 s (accumulated) \nRuntime: 1 s\n"
    );
    let evidence = upstream(|tests| {
        tests.runner = Observed::Known(Runner {
            code: Some(0),
            tests: Runner::table(&printed),
            said: printed,
        });
    });
    wrong(
        &evidence,
        "runner",
        &[
            "0 passed, 2 skipped, 0 failed",
            "no permissions to use BPF",
            "calls that a success all the same",
        ],
    );
}

#[test]
fn the_runner_s_table_is_read() {
    let printed = "TEST                            | STATUS    | DURATION\n\n\
        interface_usdt_coinselection.py | ✓ Passed  | 7 s\n\
        interface_usdt_mempool.py       | ✖ Failed  | 14 s\n\
        interface_usdt_net.py           | ○ Skipped | 20 s\n\
        interface_usdt_validation.py    | P Passed  | 1 s\n\
        ALL                             | ✖ Failed  | 54 s (accumulated)\n";
    let table = Runner::table(printed);
    let statuses: Vec<_> = table.iter().map(|(_, status)| *status).collect();
    assert_eq!(
        statuses,
        [
            Status::Passed,
            Status::Failed,
            Status::Skipped,
            Status::Passed
        ]
    );
    assert_eq!(table[1].0, "interface_usdt_mempool.py");
    assert!(Runner::table("").is_empty());
}

#[test]
fn a_test_that_failed_says_why() {
    let failed = |said: &str| {
        let ended = Alone {
            code: Some(1),
            said: said.to_owned(),
        };
        upstream(|tests| tests.singly[0].ended = Observed::Known(ended))
    };
    // BCC fails where others would skip.
    let headers = "modprobe: FATAL: Module kheaders not found in directory /lib/modules/6.18.44\n\
        Unable to find kernel headers. Try rebuilding kernel with CONFIG_IKHEADERS=m (module)\n\
        Exception: Failed to compile BPF module <text>";
    wrong(
        &failed(headers),
        "singly",
        &["for want of the kernel's headers", "BCC_KERNEL_SOURCE"],
    );
    wrong(
        &failed("AssertionError: not(3 == 2)\nInFO: Stopping nodes"),
        "singly",
        &[
            "interface_usdt_coinselection.py failed: AssertionError: not(3 == 2)",
            "as root",
        ],
    );
    // A signal, or Python itself.
    for code in [None, Some(2)] {
        let evidence = upstream(|tests| {
            tests.singly[0].ended = Observed::Known(Alone {
                code,
                said: String::new(),
            });
        });
        wrong(&evidence, "singly", &["it said nothing"]);
    }
    let evidence = upstream(|tests| {
        if let Observed::Known(runner) = &mut tests.runner {
            runner.tests[3].1 = Status::Failed;
            runner.code = Some(1);
        }
    });
    wrong(
        &evidence,
        "runner",
        &[
            "4 passed, 0 skipped, 1 failed",
            "run interface_usdt_utxocache.py by itself",
        ],
    );
}

#[test]
fn a_runner_that_runs_fewer_tests_or_fails_does_not_pass() {
    let evidence = upstream(|tests| {
        if let Observed::Known(runner) = &mut tests.runner {
            runner.tests.pop();
        }
    });
    wrong(
        &evidence,
        "runner",
        &["it did not run interface_usdt_validation.py"],
    );
    let evidence = upstream(|tests| {
        if let Observed::Known(runner) = &mut tests.runner {
            runner.code = Some(1);
            runner.said = "RuntimeError: no space".to_owned();
        }
    });
    wrong(&evidence, "runner", &["it failed: RuntimeError: no space"]);
}

#[test]
fn what_could_not_be_run_is_no_pass() {
    let unknown = || Observed::unknown("it did not end within 600 s", "");
    for (evidence, id) in [
        (
            upstream(|tests| tests.singly[0].ended = unknown()),
            "singly",
        ),
        (upstream(|tests| tests.singly.clear()), "singly"),
        (
            upstream(|tests| tests.runner = Observed::unknown("cut", "")),
            "runner",
        ),
    ] {
        assert_eq!(finding(&evidence, id).0, Outcome::Unknown);
        assert_eq!(judge(&evidence).verdict, State::CouldNotCheck);
    }
    let mut evidence = fixture("task4.solved");
    seen(&mut evidence).interface = Observed::unknown("no root", "");
    assert_eq!(judge(&evidence).verdict, State::CouldNotCheck);
    let mut evidence = fixture("task4.upstream");
    seen(&mut evidence).upstream = Upstream::Present(Observed::unknown("no root", ""));
    assert_eq!(judge(&evidence).verdict, State::CouldNotCheck);
}

#[test]
fn a_tracepoint_that_is_wrong_fails_the_task() {
    let mut evidence = fixture("task4.solved");
    let Observed::Known(interface) = &mut seen(&mut evidence).interface else {
        panic!("nothing was seen");
    };
    interface
        .tracepoints
        .retain(|built| built.id.event != "flush");
    wrong(
        &evidence,
        "interface",
        &[
            "15 of 20 documented tracepoints are right, 4 are not in this program",
            "utxocache:flush: it is not in",
        ],
    );
}

/// The judgement of an answer to the question about a test without root.
fn answered(evidence: &Evidence, answer: &str) -> (Outcome, String) {
    let mut evidence = evidence.clone();
    evidence
        .answers
        .insert("unprivileged".into(), Answer::new([answer]).unwrap());
    finding(&evidence, "unprivileged")
}

#[track_caller]
fn answers(evidence: &Evidence, right: &[&str], not_right: &[(&str, &str)]) {
    for answer in right {
        let (result, said) = answered(evidence, answer);
        assert_eq!(result, Outcome::Right, "{answer}: {said}");
    }
    for (answer, hint) in not_right {
        let (result, said) = answered(evidence, answer);
        assert_eq!(result, Outcome::Wrong, "{answer}: {said}");
        assert!(said.contains(hint), "{answer}: {said}");
    }
}

#[test]
fn without_root_the_tree_s_tests_are_skipped() {
    answers(
        &fixture("task4.upstream"),
        &[
            "skipped",
            "It is SKIPPED, for want of BPF permissions",
            "Test Skipped: no permissions to use BPF",
            "exit status 77",
            "they all skip",
            "it does not run at all",
        ],
        &[
            ("it passes", "does it say so itself?"),
            ("works", "does it say so itself?"),
            ("it fails", "a failure has the exit status 1"),
            (
                "it is not skipped, it fails",
                "a failure has the exit status 1",
            ),
            ("permission denied", "what does the test call this"),
            ("I need to be root", "what does the test call this"),
            ("purple", "run one without sudo"),
        ],
    );
}

#[test]
fn without_root_our_own_test_says_that_it_could_not() {
    answers(
        &fixture("task4.solved"),
        &[
            "it could not run",
            "error: tracing needs CAP_BPF and CAP_PERFMON",
            "not permitted",
            "permission denied, exit 2",
            "It can't trace",
        ],
        &[
            ("it is skipped", "other tests do that"),
            ("works as before", "did it run without root?"),
            ("it passes", "did it run without root?"),
            ("purple", "workshop interface-test --no-sudo"),
        ],
    );
}

#[test]
fn where_it_runs_without_root_that_is_the_answer() {
    let mut evidence = fixture("task4.solved");
    seen(&mut evidence).unprivileged = Observed::Known(Unprivileged::Own { refused: None });
    answers(
        &evidence,
        &["it works", "it passes"],
        &[
            ("skipped", "here it runs"),
            ("not permitted", "here it runs"),
        ],
    );
    let mut evidence = fixture("task4.upstream");
    for (code, right, other) in [(0, "it passes", "skipped"), (1, "it fails", "skipped")] {
        seen(&mut evidence).unprivileged = Observed::Known(Unprivileged::Upstream(Alone {
            code: Some(code),
            said: String::new(),
        }));
        assert_eq!(answered(&evidence, right).0, Outcome::Right);
        assert_eq!(answered(&evidence, other).0, Outcome::Wrong);
    }
    seen(&mut evidence).unprivileged = Observed::Known(Unprivileged::Upstream(Alone {
        code: Some(2),
        said: String::new(),
    }));
    assert_eq!(answered(&evidence, "skipped").0, Outcome::Unknown);
    seen(&mut evidence).unprivileged = Observed::unknown("root cannot see it", "");
    assert_eq!(answered(&evidence, "skipped").0, Outcome::Unknown);
}
