//! `workshop reset`: a task anew, with everything that there was kept.

use std::fs;

use super::home::{CHECK, Home, without_moments};

#[test]
fn everything_is_kept_and_forgotten() {
    let _filters = without_moments();
    let home = Home::built();
    home.answer_all();
    home.run(&["answer", "task0", "memory", "3", "GiB"]);
    home.run(&["answer", "task3", "binary", "test_bitcoin"]);
    home.run(&["hint", "task1"]);
    home.run(&["start", "task3"]);
    home.run(&CHECK);
    let mut runs = vec![
        home.run(&["reset", "task1"]),
        home.run(&["reset", "task1", "--yes"]),
        home.run(&["reset", "task1", "--yes"]),
        home.run(&["reset", "task3", "-y", "--json"])
            .replace(home.path("").to_str().unwrap(), "HOME/"),
        home.run(&["tasks"]),
        home.run(&["progress"]),
        home.read("workshop/answers.yaml"),
        home.read("workshop/kept/task1.1/answers.yaml"),
        home.read("workshop/kept/task1.1/progress.json"),
    ];
    assert!(
        home.read("workshop/kept/task3.1/task3.bt")
            .contains("bpftrace")
    );
    assert!(!home.path("workshop/task3.bt").exists());
    // A second time goes into a second folder.
    home.answer("documented", &["no"]);
    runs.push(home.run(&["reset", "1", "--yes"]));
    insta::assert_snapshot!(runs.join("\n"));
}

#[test]
fn answers_that_are_not_understood_stop_a_reset() {
    let home = Home::new();
    let text = "task1: {documented: yes}\n";
    home.write("workshop/answers.yaml", text.as_bytes());
    let run = home.run(&["reset", "task1", "--yes"]);
    assert!(
        run.contains("hint: remove `task1:`") && run.ends_with("[exit 2]\n"),
        "{run}"
    );
    assert_eq!(home.read("workshop/answers.yaml"), text);
    let kept = fs::read_dir(home.path("workshop/kept"));
    assert!(kept.is_err(), "nothing was begun");
}
