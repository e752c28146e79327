//! The questions of `workshop check` and `workshop reset` in a terminal.

use super::home::{CHECK, Home, NAMES};
use super::terminal::{CTRL_C, CTRL_D, Terminal};

const TRACEPOINTS: &str = "Which tracepoints does the bitcoind in the tree have?";
const ARGUMENTS: &str = "Which way of listing them also shows their arguments?";
const DOCUMENTED: &str = "Are all of them documented?";
const SOURCE: &str = "Where in the source is one of them called?";

#[test]
fn what_is_not_answered_is_asked_and_kept() {
    let home = Home::built();
    home.answer("documented", &["yes"]);
    let mut terminal = Terminal::run(&home, &CHECK);
    terminal.shows(TRACEPOINTS, 1);
    terminal.types(&format!("{}\n", NAMES.join(" ")));
    terminal.shows(ARGUMENTS, 1);
    // Enter leaves it open.
    terminal.types("\n");
    terminal.shows(SOURCE, 1);
    terminal.types("src/x.cpp:6\n");
    let (status, screen) = terminal.ends();
    assert_eq!(status, Some(1), "{screen}");
    assert!(!screen.contains(DOCUMENTED), "{screen}");
    for line in [
        "✓ the tracepoints of the program: 3 of 3 named",
        "✗ a way that shows arguments: not answered yet",
        "✓ one of them in the source: src/x.cpp:6 calls",
    ] {
        assert!(screen.contains(line), "{screen}");
    }
    assert!(
        home.read("workshop/answers.yaml")
            .contains("source: \"src/x.cpp:6\"")
    );
}

#[test]
fn ctrl_d_leaves_the_rest_open_and_checks() {
    let home = Home::built();
    let mut terminal = Terminal::run(&home, &CHECK);
    terminal.shows(TRACEPOINTS, 1);
    terminal.types("net:a\n");
    terminal.shows(ARGUMENTS, 1);
    terminal.types(CTRL_D);
    let (status, screen) = terminal.ends();
    assert_eq!(status, Some(1), "{screen}");
    assert!(!screen.contains(DOCUMENTED), "{screen}");
    assert!(screen.contains("0 of 3 named, 1 more"), "{screen}");
    assert!(screen.contains("task1: not passed"), "{screen}");
}

#[test]
fn ctrl_c_ends_at_once_and_keeps_what_was_answered() {
    let home = Home::built();
    let mut terminal = Terminal::run(&home, &CHECK);
    terminal.shows(TRACEPOINTS, 1);
    terminal.types("net:a\n");
    terminal.shows(ARGUMENTS, 1);
    terminal.types("half an ans");
    terminal.types(CTRL_C);
    let (status, screen) = terminal.ends();
    assert_eq!(status, Some(130), "{screen}");
    assert!(!screen.contains("task1: "), "{screen}");
    let answers = home.read("workshop/answers.yaml");
    assert!(
        answers.contains("net:a") && !answers.contains("half"),
        "{answers}"
    );
    // It was no attempt, and nothing is locked.
    assert!(home.run(&["progress"]).contains("task1  not started"));
    home.answer("arguments", &["readelf", "-n"]);
}

#[test]
fn a_paste_of_several_lines_is_one_answer() {
    let home = Home::built();
    let mut terminal = Terminal::run(&home, &CHECK);
    terminal.shows(TRACEPOINTS, 1);
    terminal.types(&format!("{}\n", NAMES.join("\n")));
    terminal.shows(ARGUMENTS, 1);
    terminal.types(CTRL_D);
    let (_, screen) = terminal.ends();
    assert!(screen.contains("3 of 3 named"), "{screen}");
    assert!(!screen.contains(DOCUMENTED), "{screen}");
}

#[test]
fn what_is_no_answer_is_asked_again() {
    let home = Home::built();
    let mut terminal = Terminal::run(&home, &CHECK);
    terminal.shows(TRACEPOINTS, 1);
    // An arrow key types an escape sequence, which is cleaned; Ctrl-A is no text.
    terminal.types("\u{1b}[D\u{1}\n");
    terminal.shows("the answer is not text", 1);
    terminal.shows(TRACEPOINTS, 2);
    terminal.types("\u{1b}[Dnet:a\n");
    terminal.shows(ARGUMENTS, 1);
    terminal.types(CTRL_D);
    terminal.ends();
    let answers = home.read("workshop/answers.yaml");
    assert!(answers.contains("tracepoints: \"net:a\""), "{answers}");
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    let home = Home::built();
    home.answer_all();
    home.answer(
        "tracepoints",
        &[
            "net:one_that_is_not_there",
            "mempool:nor_is_this_one",
            "utxocache:flush",
        ],
    );
    let (status, screen) = Terminal::run(&home, &CHECK).ends();
    assert_eq!(status, Some(1));
    assert!(screen.contains("\n    missing: 3"), "{screen}");
    for line in screen.lines() {
        assert!(line.chars().count() <= 80, "{line}\nin\n{screen}");
    }
}

#[test]
fn a_reset_wants_a_yes() {
    let home = Home::built();
    home.answer("documented", &["yes"]);
    for (typed, status) in [("\n", 2), ("no\n", 2), (CTRL_D, 2), (CTRL_C, 130)] {
        let mut terminal = Terminal::run(&home, &["reset", "task1"]);
        terminal.shows("[y/N]", 1);
        terminal.types(typed);
        let (ended, screen) = terminal.ends();
        assert_eq!(ended, Some(status), "{screen}");
        assert!(home.read("workshop/answers.yaml").contains("documented"));
    }
    let mut terminal = Terminal::run(&home, &["reset", "task1"]);
    terminal.shows("[y/N]", 1);
    terminal.types("yes\n");
    let (ended, screen) = terminal.ends();
    assert_eq!(ended, Some(0), "{screen}");
    assert!(!home.read("workshop/answers.yaml").contains("documented"));
}
