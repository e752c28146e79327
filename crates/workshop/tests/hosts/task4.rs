//! Task 4 and `workshop interface-test` on a real host: the program as it is passes; each program with a tracepoint
//! renamed, removed, never reached or with two arguments swapped fails, for that and nothing else; and what is
//! interrupted leaves nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use exercises::Verdict;
use exercises::interface::{Report, Result as Came};
use exercises::solutions::{Solution, solutions};
use exercises::verdict::State;

use super::desk::{Desk, until};
use super::left::{no_process_is_left, nothing_is_left};
use super::workshop::Ran;

/// Where this test works, beside the participant's tree.
const FOLDER: &str = "~/workshop-task4-test";
const PROGRAM: &str = "~/bitcoin/build/bin/bitcoind";

fn report(ran: Ran, status: i32) -> Report {
    serde_json::from_str(&ran.exits(status)).unwrap()
}

fn interface_test(desk: &Desk, program: &str) -> Ran {
    desk.sh(
        &desk.workshop(&format!("interface-test --json {program}")),
        "",
    )
}

#[test]
fn the_program_as_it_is_passes() {
    let desk = Desk::open();
    // The host's own tree, and a program by its name.
    for program in ["", PROGRAM] {
        let report = report(interface_test(&desk, program), 0);
        assert_eq!(report.verdict, State::Passed, "{report:#?}");
        let mut results = BTreeMap::<_, usize>::new();
        for line in &report.tracepoints {
            *results.entry(format!("{:?}", line.result)).or_default() += 1;
            assert!(line.result == Came::NotBuilt || line.events > 0, "{line:?}");
        }
        // The crate registry's tree has no wallet.
        assert_eq!(results["Right"], 16);
        assert_eq!(results.get("NotBuilt"), Some(&4));
    }
    // Root is not needed, and does no harm.
    let by_root = desk.sh(
        &format!("sudo {}", desk.workshop("interface-test --json")),
        "",
    );
    assert_eq!(report(by_root, 0).verdict, State::Passed);
    no_traces(&desk);
    what_cannot_be_tested_says_why(&desk);
}

fn what_cannot_be_tested_says_why(desk: &Desk) {
    for (arguments, says) in [
        (
            "/usr/bin/true",
            "/usr/bin/true has no tracepoints: it was built without them",
        ),
        ("/nowhere/bitcoind", "/nowhere/bitcoind"),
        ("/etc/passwd", "/etc/passwd"),
        (
            "~/bitcoin/build/bin/test_bitcoin",
            "does not tell its version",
        ),
        ("--no-sudo", "tracing needs CAP_BPF and CAP_PERFMON"),
    ] {
        let ran = desk.sh(&desk.workshop(&format!("interface-test {arguments}")), "");
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(says), "{ran:?}");
        assert!(ran.stderr.contains("\nhint: "), "{ran:?}");
    }
    let program = desk.workshop("");
    let line = format!("w=$(command -v {program}) && PATH=/nowhere $w interface-test");
    let ran = desk.sh(&line, "");
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("sudo cannot be run"), "{ran:?}");
    no_traces(desk);
}

#[test]
#[ignore = "takes five minutes: each of the programs is built"]
fn every_program_is_judged_as_it_deserves() {
    let wanted = std::env::var("WORKSHOP_ONLY").unwrap_or_default();
    judge_programs(&Desk::open(), |solution| solution.name.contains(&wanted));
}

fn judge_programs(desk: &Desk, wanted: impl Fn(&Solution) -> bool) {
    let copy = Copy::of(desk);
    let mut misjudged = Vec::new();
    for solution in solutions("task4").unwrap().iter().filter(|one| wanted(one)) {
        let program = copy.build(solution);
        let answer = solution.answers["unprivileged"].text();
        let verdict = check(desk, &format!("--binary {program}"), &answer);
        let mut wrong = solution.misjudged(&verdict);
        // Nothing but what was changed.
        let changed = solution
            .says
            .iter()
            .find(|(finding, _)| *finding == "interface");
        let changed = changed.map(|(_, says)| says.split(": ").next().unwrap());
        let ran = interface_test(desk, &program);
        let report = report(ran, i32::from(changed.is_some()));
        let bad: Vec<_> = report
            .tracepoints
            .iter()
            .filter(|line| !matches!(line.result, Came::Right | Came::NotBuilt))
            .map(|line| line.id.to_string())
            .collect();
        if bad != changed.into_iter().collect::<Vec<_>>() {
            wrong.push(format!("these are told to be wrong: {bad:?}"));
        }
        misjudged.extend(wrong.iter().map(|why| format!("{}: {why}", solution.name)));
    }
    assert!(misjudged.is_empty(), "{}", misjudged.join("\n"));
    no_traces(desk);
}

/// A copy of the participant's tree, whose own is never touched.
struct Copy<'a>(&'a Desk);

impl<'a> Copy<'a> {
    fn of(desk: &'a Desk) -> Self {
        desk.says(&format!(
            "rm -rf {FOLDER} && mkdir -p {FOLDER} && cp -a ~/bitcoin {FOLDER}/tree"
        ));
        Self(desk)
    }

    /// Builds a program of it, which takes ten seconds.
    fn build(&self, solution: &Solution) -> String {
        let name = solution.name.replace('/', "-");
        let patch = format!("{FOLDER}/{name}.patch");
        self.0.write(&patch, solution.body);
        let apply = format!("cd {FOLDER}/tree && git apply {patch}");
        self.0.says(&apply);
        // The build knows the tree by its path: there we put the copy, for this build alone.
        self.0.says(&format!(
            "sudo unshare --mount sh -c \"mount --bind $(echo {FOLDER})/tree $HOME/bitcoin && \
             cd $HOME/bitcoin && sudo -u $USER cmake --build build --target bitcoind\" && \
             cp {FOLDER}/tree/build/bin/bitcoind {FOLDER}/{name}"
        ));
        self.0.says(&format!("{apply} --reverse"));
        format!("{FOLDER}/{name}")
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.says(&format!("rm -rf {FOLDER}"));
        }
    }
}

fn check(desk: &Desk, options: &str, answer: &str) -> Verdict {
    let answers = match answer {
        "" => String::new(),
        answer => format!("task4: {{unprivileged: {answer:?}}}\n"),
    };
    desk.write(&format!("{FOLDER}-answers.yaml"), &answers);
    let line = desk.check(&format!(
        "task4 --json --answers {FOLDER}-answers.yaml {options}"
    ));
    let ran = desk.sh(&line, "");
    desk.says(&format!("rm {FOLDER}-answers.yaml"));
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn the_task_passes_with_the_right_answer_alone() {
    let desk = Desk::open();
    for (answer, state) in [
        ("", State::NotPassed),
        ("works", State::NotPassed),
        ("it is skipped", State::NotPassed),
        ("it could not: tracing needs CAP_BPF", State::Passed),
    ] {
        let verdict = check(&desk, "", answer);
        assert_eq!(verdict.verdict, state, "{answer}: {verdict:#?}");
    }
    let verdict = check(&desk, "--binary /usr/bin/true", "it could not");
    assert_eq!(verdict.verdict, State::CouldNotCheck, "{verdict:#?}");
    no_traces(&desk);
}

#[test]
#[ignore = "needs a whole tree of Bitcoin Core on the desk, built with a wallet: WORKSHOP_WHOLE_TREE"]
fn the_tests_of_a_whole_tree_run_and_pass() {
    let tree = std::env::var("WORKSHOP_WHOLE_TREE").unwrap();
    let desk = Desk::open();
    let tree = format!("--tree {tree}");
    let passed = check(&desk, &tree, "it is skipped, for want of BPF permissions");
    assert_eq!(passed.verdict, State::Passed, "{passed:#?}");
    let ids: Vec<_> = passed.findings.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["unprivileged", "singly", "runner", "interface"]);
    no_traces(&desk);
    let line = desk.check(&format!("task4 {tree}"));
    for seconds in [3, 8, 20] {
        for signal in ["INT", "KILL"] {
            interrupt(&desk, &line, signal, Duration::from_secs(seconds));
            no_traces(&desk);
        }
    }
}

#[test]
fn an_interrupted_test_leaves_nothing() {
    let desk = Desk::open();
    let line = desk.workshop("interface-test");
    // Two seconds is all that it takes.
    for tenths in [1, 3, 5, 7, 9, 11, 13, 15] {
        for signal in ["INT", "TERM", "HUP", "KILL"] {
            interrupt(&desk, &line, signal, Duration::from_millis(tenths * 100));
            no_traces(&desk);
        }
    }
    // The root side is killed: the participant's side says so.
    let killer = format!(
        "{}; sudo pkill -KILL -f '[o]bserve interface'",
        until("[b]itcoind -regtest")
    );
    let ran = desk.sh(
        &format!("({killer}) >/dev/null 2>&1 & {line}; rc=$?; wait; exit $rc"),
        "",
    );
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains("looking as root ended with signal: 9"),
        "{ran:?}"
    );
    no_process_is_left(&desk);
    // Its folder is removed by the next run.
    interface_test(&desk, "").exits(0);
    no_traces(&desk);
}

/// Sends a signal: to all that a terminal would send it to, or `KILL` to the first alone.
fn interrupt(desk: &Desk, line: &str, signal: &str, moment: Duration) {
    let whom = if signal == "KILL" { "$p" } else { "-- -$p" };
    let moment = moment.as_secs_f64();
    // It may have ended before.
    desk.sh(
        &format!(
            "setsid {line} >/dev/null 2>&1 & p=$!; sleep {moment}; kill -{signal} {whom} 2>/dev/null; wait $p"
        ),
        "",
    );
}

/// Nothing of a test is left there.
#[track_caller]
fn no_traces(desk: &Desk) {
    nothing_is_left(|line| desk.says(line));
}
