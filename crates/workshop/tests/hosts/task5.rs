//! Task 5 on a real host: a check that is interrupted leaves nothing. Right and wrong patches are rehearsed
//! (`rehearse.rs`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use exercises::Verdict;
use exercises::progress::Progress;
use exercises::solutions::{Build, Solution, solutions};

use super::desk::{Desk, until};
use super::left::nothing_is_left;
use super::terminal::in_a_terminal;

const FOLDER: &str = "/tmp/workshop-task5-test";
/// A node that the check starts.
const NODE: &str = "[b]itcoind -regtest";
const BUILD: &str = "cmake --build build --target bitcoind";

/// The source tree there, and the files of it that patches change, as they were.
struct Tree<'a> {
    desk: &'a Desk,
    path: String,
}

impl<'a> Tree<'a> {
    fn of(desk: &'a Desk) -> Self {
        let tree = Self {
            desk,
            path: "~/bitcoin".into(),
        };
        let files: BTreeSet<String> = solutions("task5").unwrap().iter().flat_map(files).collect();
        let files: Vec<String> = files.into_iter().collect();
        tree.says(&format!(
            "mkdir -p {FOLDER} && if [ ! -d {FOLDER}/src ]; then cp --parents {} {FOLDER}; fi",
            files.join(" ")
        ));
        // A run that was ended left its patch, and the files as they were.
        tree.restore_all();
        tree.build().exits(0);
        tree
    }

    /// Only what differs, for the rest would be compiled too.
    fn restore_all(&self) {
        self.says(&format!(
            "(cd {FOLDER} && find src -type f) | while read -r file; do \
             cmp -s {FOLDER}/$file $file || cp {FOLDER}/$file $file; done"
        ));
    }

    #[track_caller]
    fn says(&self, line: &str) -> String {
        self.desk.says(&format!("cd {} && {line}", self.path))
    }

    fn build(&self) -> super::workshop::Ran {
        self.desk.sh(&format!("cd {} && {BUILD}", self.path), "")
    }

    #[track_caller]
    fn apply(&self, solution: &Solution) {
        let patch = format!("{FOLDER}/patch");
        self.desk.write(&patch, solution.body);
        self.says(&format!("git apply {patch}"));
        let status = match solution.build {
            Build::Succeeds => 0,
            Build::Fails => 1,
            Build::Skipped => return,
        };
        self.build().exits(status);
    }

    #[track_caller]
    fn restore(&self, solution: &Solution) {
        for file in files(solution) {
            self.says(&format!("cp {FOLDER}/{file} {file}"));
        }
    }
}

impl Drop for Tree<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.restore_all();
            self.build().exits(0);
            self.says(&format!("rm -r {FOLDER}"));
        }
    }
}

/// The files that a patch changes.
fn files(solution: &Solution) -> Vec<String> {
    let lines = solution.body.lines();
    lines
        .filter_map(|line| line.strip_prefix("+++ b/"))
        .map(str::to_owned)
        .collect()
}

/// The options that name a file with the solution's answers.
fn answers(desk: &Desk, solution: &Solution) -> String {
    let path = format!("{FOLDER}/answers.yaml");
    let mut text = "task5:\n".to_owned();
    for (question, answer) in &solution.answers {
        let _ = writeln!(text, "  {question}: \"{}\"", answer.text());
    }
    desk.write(&path, &text);
    format!("--answers {path}")
}

fn check(desk: &Desk, options: &str) -> Result<Verdict, String> {
    let ran = desk.sh(&desk.check(&format!("task5 --json {options}")), "");
    serde_json::from_str(&ran.stdout).map_err(|error| format!("no verdict: {error}: {ran:?}"))
}

#[test]
fn an_interrupted_check_leaves_nothing() {
    let desk = Desk::open();
    let tree = Tree::of(&desk);
    let all = solutions("task5").unwrap();
    let solution = &all[0];
    tree.apply(solution);
    let options = answers(&desk, solution);
    let passed = |verdict: &Verdict| solution.misjudged(verdict).is_empty();
    assert!(passed(&check(&desk, &options).unwrap()));
    let passed_at = || {
        let text = desk.says("cat ~/.local/state/workshop/progress.json");
        let progress: Progress = serde_json::from_str(&text).unwrap();
        progress.tasks["task5"].first_passed
    };
    let before = passed_at();
    assert!(before.is_some());
    let line = desk.check(&format!("task5 --json {options}"));

    // What is looked for is there while a check goes on.
    let mut terminal = in_a_terminal(&desk, &line);
    desk.sees(&[NODE]);
    terminal.ends();

    // In a check of two seconds: before, in and after each of its runs. On a quick machine a later one may come to its
    // end first.
    for tenths in [1, 5, 9, 13] {
        let moment = Duration::from_millis(tenths * 100);
        // The participant's side is killed: the other side must notice.
        desk.sh(
            &format!("timeout -s KILL {} {line}", moment.as_secs_f64()),
            "",
        );
        no_traces(&desk);
        // Ctrl-C in a terminal.
        let mut interrupted = in_a_terminal(&desk, &line);
        std::thread::sleep(moment);
        interrupted.type_in("\u{3}");
        interrupted.ends();
        no_traces(&desk);
        // The connection is lost.
        let mut lost = in_a_terminal(&desk, &line);
        std::thread::sleep(moment);
        lost.lose();
        no_traces(&desk);
    }
    // The root side is killed: the participant's side says so.
    let killer = format!("{}; sudo pkill -KILL -f '[o]bserve starts'", until(NODE));
    let ran = desk.sh(
        &format!("({killer}) >/dev/null 2>&1 & {line}; is=$?; wait; exit $is"),
        "",
    );
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stdout.contains("could-not-check"), "{ran:?}");
    // Its folder is removed by the next check.
    assert!(passed(&check(&desk, &options).unwrap()));
    no_traces(&desk);
    assert_eq!(passed_at(), before);
    tree.restore(solution);
}

/// Nothing of a check is left there.
#[track_caller]
fn no_traces(desk: &Desk) {
    nothing_is_left(|line| desk.says(line));
}
