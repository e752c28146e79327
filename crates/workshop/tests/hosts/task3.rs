//! Task 3 on a real host: every right script passes, every wrong one fails for its own reason, and nothing of a
//! check goes on after it.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use exercises::profile::CMAKE;
use exercises::progress::Progress;
use exercises::solutions::{Solution, solutions};
use exercises::tasks::task3::TASK;
use exercises::verdict::{Outcome, Verdict};

use serde_json::Value;

use super::desk::{Desk, until};
use super::left::nothing_is_left;
use super::terminal::in_a_terminal;
use super::workshop::eventually;

const FOLDER: &str = "/tmp/workshop-task3-test";

/// The unit test, while it runs.
const TESTING: &str = "[t]est_bitcoin --run_test";

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
#[ignore = "takes two minutes; it writes the fixtures of the judge's tests, and a rehearsal runs the same scripts"]
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
    no_traces(&desk);
    desk.says(&format!("rm -r {FOLDER}"));
}

#[test]
fn an_interrupted_check_leaves_nothing_and_does_not_count() {
    let desk = Desk::open();
    let reference = &solutions("task3").unwrap()[0];
    assert_eq!(misjudged(&desk, reference), [] as [String; 0]);
    let progress = || {
        let text = desk.says("cat ~/.local/state/workshop/progress.json");
        serde_json::from_str::<Progress>(&text).unwrap().of("task3")
    };
    let before = progress();
    assert!(before.first_passed.is_some());
    let script = write(&desk, reference);
    let line = desk.check(&format!(
        "task3 --script {script} --answers {FOLDER}/answers.yaml"
    ));

    // What is looked for is there while a check goes on.
    let mut terminal = in_a_terminal(&desk, &line);
    desk.sees(&["[b]pftrace -f json", TESTING]);
    terminal.type_in("\u{3}");
    terminal.ends();
    no_traces(&desk);

    // While sudo asks nothing, bpftrace starts, the test runs, and bpftrace prints. A later one may come to its end
    // first, on a quick machine.
    for tenths in [1, 3, 6, 10, 14] {
        let moment = Duration::from_millis(tenths * 100);
        desk.sh(
            &format!("timeout -s KILL {} {line}", moment.as_secs_f64()),
            "",
        );
        no_traces(&desk);
        let mut interrupted = in_a_terminal(&desk, &line);
        std::thread::sleep(moment);
        interrupted.type_in("\u{3}");
        interrupted.ends();
        no_traces(&desk);
        let mut lost = in_a_terminal(&desk, &line);
        std::thread::sleep(moment);
        lost.lose();
        no_traces(&desk);
    }
    assert_eq!(progress().first_passed, before.first_passed);

    // The root side is killed: its children end with it, and the participant's side says so.
    let killer = format!("{}; sudo pkill -KILL -f '[o]bserve task3'", until(TESTING));
    let ran = desk.sh(
        &format!("({killer}) >/dev/null 2>&1 & {line}; is=$?; wait; exit $is"),
        "",
    );
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stdout.contains("could not check"), "{ran:?}");
    // Its folder is removed by the next check.
    assert_eq!(misjudged(&desk, reference), [] as [String; 0]);
    no_traces(&desk);

    // The server restarts in the middle of one: the test is stopped, so that the check cannot end before.
    let before = progress();
    let boot = || desk.sh("cat /proc/sys/kernel/random/boot_id", "");
    let last = boot().exits(0);
    let script = write(&desk, reference);
    let started = desk.sh(
        &format!("cp {script} ~/kept.bt && cp {FOLDER}/answers.yaml ~/kept.yaml"),
        "",
    );
    started.exits(0);
    let mut terminal = in_a_terminal(
        &desk,
        &desk.check("task3 --script ~/kept.bt --answers ~/kept.yaml"),
    );
    let restart = format!(
        "{}; sudo pkill -STOP -f '{TESTING}'; sudo systemctl reboot",
        until(TESTING)
    );
    desk.sh(&restart, "");
    terminal.ends();
    eventually("the server is there again", || match boot() {
        ran if ran.status == Some(0) && ran.stdout != last => Ok(()),
        ran => Err(format!("{ran:?}")),
    });
    no_traces(&desk);
    assert_eq!(progress().first_passed, before.first_passed);
    assert_eq!(progress().attempts, before.attempts);
    desk.says("rm ~/kept.bt ~/kept.yaml");
}

/// Nothing of a check is left there.
#[track_caller]
fn no_traces(desk: &Desk) {
    nothing_is_left(|line| desk.says(line));
}
