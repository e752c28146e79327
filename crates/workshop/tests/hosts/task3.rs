//! Task 3 on a real host: every right script passes, every wrong one fails for its own reason, and nothing of a
//! check goes on after it.

use exercises::profile::CMAKE;
use exercises::solutions::{Expected, Solution, TASK3};
use exercises::tasks::task3::Run;
use exercises::{Evidence, Observed, Seen};
use serde_json::Value;

use super::desk::Desk;

const FOLDER: &str = "/tmp/workshop-task3-test";

/// Answers that are right after a run.
fn answer_everything(desk: &Desk) -> String {
    let run = reference_run(desk);
    let answers = format!("{FOLDER}/answers.yaml");
    let text = format!(
        "task3:\n  binary: ./build/bin/test_bitcoin\n  argument: the value in satoshi\n  counts: {} added, {} spent\n  \
         values: evenly spread\n",
        run.truth.added.count, run.truth.spent.count
    );
    desk.write(&answers, &text);
    answers
}

fn reference_run(desk: &Desk) -> Run {
    let script = write(desk, &TASK3[0]);
    let saved = format!("{FOLDER}/evidence.json");
    let check = desk.check(&format!("task3 --script {script} --evidence {saved}"));
    // Nothing is answered yet.
    desk.sh(&check, "").exits(1);
    let evidence = Evidence::from_json(&desk.says(&format!("cat {saved}"))).unwrap();
    let Seen::Task3(seen) = evidence.seen else {
        panic!("evidence of another task");
    };
    match seen.run {
        Observed::Known(run) => run,
        unknown @ Observed::Unknown { .. } => panic!("{unknown:?}"),
    }
}

fn write(desk: &Desk, solution: &Solution) -> String {
    let name = solution.name.replace('/', "-");
    let path = format!("{FOLDER}/{name}.bt");
    desk.write(&path, &solution.text(&CMAKE).unwrap());
    path
}

/// What is wrong with the verdict on a solution.
fn misjudged(desk: &Desk, solution: &Solution, answers: &str) -> Option<String> {
    let script = write(desk, solution);
    let check = desk.check(&format!(
        "task3 --json --script {script} --answers {answers}"
    ));
    let ran = desk.sh(&check, "");
    let Ok(document) = serde_json::from_str::<Value>(&ran.stdout) else {
        return Some(format!("{}: no verdict: {ran:?}", solution.name));
    };
    let expected = Expected::of(&solution.text(&CMAKE).unwrap()).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let told = findings.iter().map(|finding| {
        let [result, seen, hint] = ["result", "seen", "hint"].map(|key| finding[key].as_str());
        let seen = seen.unwrap_or_default();
        format!(
            "{} {seen} | {}",
            result.unwrap_or_default(),
            hint.unwrap_or_default()
        )
    });
    let told: Vec<String> = told.collect();
    let as_expected = match &expected {
        Expected::Passed => document["verdict"] == "passed" && ran.status == Some(0),
        Expected::NotPassed(reason) => {
            document["verdict"] == "not-passed"
                && ran.status == Some(1)
                && told
                    .iter()
                    .any(|line| line.starts_with("wrong") && line.contains(reason))
                && answers_are_right(findings)
        }
    };
    (!as_expected).then(|| {
        format!(
            "{}: expected {expected:?}:\n{}",
            solution.name,
            told.join("\n")
        )
    })
}

fn answers_are_right(findings: &[Value]) -> bool {
    findings
        .iter()
        .filter(|finding| !finding["question"].is_null())
        .all(|finding| finding["result"] == "right")
}

#[test]
fn every_script_is_judged_as_it_deserves() {
    let desk = Desk::open();
    let answers = answer_everything(&desk);
    let wanted = std::env::var("WORKSHOP_ONLY").unwrap_or_default();
    let misjudged: Vec<String> = TASK3
        .iter()
        .filter(|solution| solution.name.contains(&wanted))
        .filter_map(|solution| misjudged(&desk, solution, &answers))
        .collect();
    assert!(misjudged.is_empty(), "{}", misjudged.join("\n\n"));
    nothing_is_left(&desk);
    desk.says(&format!("rm -r {FOLDER}"));
}

/// No process and no folder of a check.
#[track_caller]
fn nothing_is_left(desk: &Desk) {
    let left = desk.says("pgrep -a 'bpftrace|test_bitcoin' || true; pgrep -af '[w]orkshop observe' || true; ls -d /tmp/workshop-check-* 2>/dev/null || true");
    assert_eq!(left, "");
}
