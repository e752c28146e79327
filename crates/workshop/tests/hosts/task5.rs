//! Task 5 on a real host: every right patch passes and every wrong one fails for its own reason, and a check that
//! is interrupted leaves nothing.
//!
//! The patches are applied to the participant's tree and taken back, each built incrementally.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use exercises::Verdict;
use exercises::progress::Progress;
use exercises::solutions::{Build, Solution, solutions};

use super::desk::Desk;
use super::workshop::eventually;

const FOLDER: &str = "/tmp/workshop-task5-test";
const BUILD: &str = "cmake --build build --target bitcoind";

/// One of each kind, for a run of all tests; each takes a build of ten seconds. `every_patch` takes the rest.
const FEW: [&str; 8] = [
    "right/reference",
    "right/another-file",
    "wrong/if-false",
    "wrong/uncalled-and-kept",
    "wrong/one-for-both",
    "wrong/signal-alone",
    "wrong/no-semaphore",
    "wrong/not-built",
];

#[test]
fn a_few_patches_are_judged_as_they_deserve() {
    judge_patches(&Desk::open(), |solution| FEW.contains(&solution.name));
}

#[test]
#[ignore = "takes ten minutes: each of the 33 patches is built"]
fn every_patch_is_judged_as_it_deserves() {
    let wanted = std::env::var("WORKSHOP_ONLY").unwrap_or_default();
    judge_patches(&Desk::open(), |solution| solution.name.contains(&wanted));
}

fn judge_patches(desk: &Desk, wanted: impl Fn(&Solution) -> bool) {
    let tree = Tree::of(desk);
    // Before anything is added, the task is not passed.
    let verdict = check(desk, "").unwrap();
    assert!(
        says(&verdict, "added", "nothing new is in the program"),
        "{verdict:#?}"
    );

    let all = solutions("task5").unwrap();
    let mut misjudged = Vec::new();
    for solution in all.iter().filter(|solution| wanted(solution)) {
        tree.apply(solution);
        let verdict = check(desk, &answers(desk, solution));
        let wrong = verdict.map_or_else(|why| vec![why], |verdict| solution.misjudged(&verdict));
        tree.restore(solution);
        misjudged.extend(wrong.iter().map(|why| format!("{}: {why}", solution.name)));
    }
    assert!(misjudged.is_empty(), "{}", misjudged.join("\n"));
    nothing_is_left(desk);
}

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

fn says(verdict: &Verdict, id: &str, words: &str) -> bool {
    let mut findings = verdict.findings.iter();
    findings.any(|finding| finding.id == id && finding.seen.contains(words))
}

/// No process and no folder of a check.
#[track_caller]
fn nothing_is_left(desk: &Desk) {
    eventually("nothing of a check is left", || {
        let left = left(desk);
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
}

fn left(desk: &Desk) -> String {
    // The brackets keep the search from finding itself.
    desk.says(
        "pgrep -af '[b]itcoind -regtest|[o]bserve starts|[c]heck task5' || true; \
         ls -d /tmp/workshop-check-* 2>/dev/null || true",
    )
}

#[test]
#[ignore = "takes minutes: a check is interrupted in three ways at nine moments"]
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
    eventually("a check is seen", || match left(&desk) {
        there if there.contains("-regtest") && there.contains("workshop-check-") => Ok(()),
        there => Err(there),
    });
    terminal.ends();

    // In a check of two seconds: before, in and after each of its runs.
    for tenths in [1, 3, 5, 7, 9, 11, 13, 15, 17] {
        let moment = Duration::from_millis(tenths * 100);
        // The participant's side is killed: the other side must notice.
        let killed = format!("timeout -s KILL {} {line}", moment.as_secs_f64());
        assert_ne!(desk.sh(&killed, "").status, Some(0));
        nothing_is_left(&desk);
        // Ctrl-C in a terminal.
        let mut interrupted = in_a_terminal(&desk, &line);
        std::thread::sleep(moment);
        interrupted.type_in("\u{3}");
        interrupted.ends();
        nothing_is_left(&desk);
        // The connection is lost.
        let mut lost = in_a_terminal(&desk, &line);
        std::thread::sleep(moment);
        lost.child.kill().unwrap();
        lost.child.wait().unwrap();
        nothing_is_left(&desk);
    }
    // The root side is killed: the participant's side says so.
    let killer = "while ! pgrep -f '[o]bserve starts' >/dev/null; do sleep 0.01; done; sleep 0.5; \
                  sudo pkill -KILL -f '[o]bserve starts'";
    let ran = desk.sh(&format!("({killer}) >/dev/null 2>&1 & {line}; wait"), "");
    assert!(ran.stdout.contains("could-not-check"), "{ran:?}");
    // Its folder is removed by the next check.
    assert!(passed(&check(&desk, &options).unwrap()));
    nothing_is_left(&desk);
    assert_eq!(passed_at(), before);
    tree.restore(solution);
}

/// A command in a terminal of its own there.
struct Terminal {
    child: std::process::Child,
}

fn in_a_terminal(desk: &Desk, line: &str) -> Terminal {
    let there = desk.command(line);
    let mut command = Command::new(there.get_program());
    assert_eq!(command.get_program(), "ssh", "a terminal is had over SSH");
    command.arg("-tt").args(there.get_args());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Terminal {
        child: command.spawn().unwrap(),
    }
}

impl Terminal {
    fn type_in(&mut self, text: &str) {
        use std::io::Write as _;
        let stdin = self.child.stdin.as_mut().unwrap();
        // It may have ended already.
        let _ = stdin
            .write_all(text.as_bytes())
            .and_then(|()| stdin.flush());
    }

    fn ends(&mut self) {
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(60), "it goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
