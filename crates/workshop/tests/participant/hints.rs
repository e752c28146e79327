//! `workshop hint`: graded, one more each time, remembered.

use super::home::Home;

#[test]
fn one_more_each_time_and_then_all_again() {
    let home = Home::new();
    let mut runs = vec![home.run(&["hint", "task0", "--seen"])];
    runs.extend((0..5).map(|_| home.run(&["hint", "task0"])));
    runs.push(home.run(&["hint", "task1", "--json"]));
    runs.push(home.run(&["hint", "task1", "--seen"]));
    insta::assert_snapshot!(runs.join("\n"));
    let progress = home.run(&["progress"]);
    assert!(
        progress.contains("task0  not checked yet; 4 hints"),
        "{progress}"
    );
    assert!(
        progress.contains("task1  not checked yet; 1 hint\n"),
        "{progress}"
    );
}

#[test]
fn without_a_task_it_is_about_the_one_that_one_is_at() {
    let home = Home::new();
    let first = home.run(&["hint"]);
    assert!(
        first.contains("1 of 4:") && first.contains("\ntask0: Log in"),
        "{first}"
    );
    home.answer("source", &["src/x.cpp:6"]);
    let second = home.run(&["hint"]);
    assert!(
        second.contains("\ntask1: List the tracepoints\n"),
        "{second}"
    );
    let tasks = home.run(&["tasks"]);
    assert!(tasks.contains("started  <- you are here\n"), "{tasks}");
}

#[test]
fn two_terminals_are_told_different_hints() {
    let home = Home::new();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let mut hint = home.command();
            hint.args(["hint", "task0"])
                .stdout(std::process::Stdio::piped());
            hint.stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    let mut told: Vec<String> = runs
        .into_iter()
        .map(|run| {
            let output = run.wait_with_output().unwrap();
            String::from_utf8(output.stdout).unwrap()[..7].to_owned()
        })
        .collect();
    told.sort();
    assert_eq!(told, ["1 of 4:", "2 of 4:", "3 of 4:", "4 of 4:"]);
}
