//! Task 3 on a real host: every right script passes, every wrong one fails for its own reason, and nothing of a
//! check goes on after it.

use std::fs::File;
use std::io::Write as _;

use exercises::profile::CMAKE;
use exercises::solutions::{Solution, solutions};
use exercises::tasks::task3::TASK;
use exercises::verdict::{Outcome, Verdict};

use serde_json::Value;

use super::desk::Desk;

const FOLDER: &str = "/tmp/workshop-task3-test";

fn write(desk: &Desk, solution: &Solution) -> String {
    let path = format!("{FOLDER}/{}.bt", solution.name.replace('/', "-"));
    desk.write(&path, &solution.filled(&TASK, &CMAKE).unwrap());
    path
}

/// Answers for a file, of which the ones about a run are right for any.
fn answers(solution: &Solution) -> String {
    let mut text = "task3:\n".to_owned();
    for (question, answer) in &solution.answers {
        text.push_str(&format!("  {question}: \"{}\"\n", answer.text()));
    }
    text
}

/// What is wrong with the verdict on a solution.
fn misjudged(desk: &Desk, solution: &Solution) -> Vec<String> {
    let script = write(desk, solution);
    let file = format!("{FOLDER}/answers.yaml");
    desk.write(&file, &answers(solution));
    let saved = format!("{FOLDER}/evidence.json");
    let ran = desk.sh(
        &desk.check(&format!(
            "task3 --json --script {script} --answers {file} --evidence {saved}"
        )),
        "",
    );
    keep(desk, solution, &saved);
    let Ok(verdict) = serde_json::from_str::<Verdict>(&ran.stdout) else {
        return vec![format!("no verdict: {ran:?}")];
    };
    let mut wrong = solution.misjudged(&verdict);
    let status = if solution.right { 0 } else { 1 };
    if ran.status != Some(status) {
        wrong.push(format!("exit status {:?}", ran.status));
    }
    let answers = verdict.findings.iter().filter(|one| one.question.is_some());
    wrong.extend(
        answers
            .filter(|one| one.result != Outcome::Right)
            .map(|one| format!("{}: {} | {:?}", one.id, one.seen, one.hint)),
    );
    wrong
}

/// Adds the evidence to a file, from which the judge is tested without a host.
fn keep(desk: &Desk, solution: &Solution, saved: &str) {
    let Ok(file) = std::env::var("WORKSHOP_FIXTURE") else {
        return;
    };
    let evidence: Value = serde_json::from_str(&desk.says(&format!("cat {saved}"))).unwrap();
    let line = serde_json::json!({"name": solution.name, "evidence": evidence});
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(file)
        .unwrap();
    writeln!(file, "{line}").unwrap();
}

#[test]
fn every_script_is_judged_as_it_deserves() {
    let desk = Desk::open();
    // To look at one of them again.
    let wanted = std::env::var("WORKSHOP_ONLY").unwrap_or_default();
    let mut all = Vec::new();
    for solution in solutions("task3").unwrap() {
        if solution.name.contains(&wanted) {
            let wrong = misjudged(&desk, &solution);
            if !wrong.is_empty() {
                all.push(format!("{}:\n{}", solution.name, wrong.join("\n")));
            }
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n\n"));
    desk.says(&format!("rm -r {FOLDER}"));
}
