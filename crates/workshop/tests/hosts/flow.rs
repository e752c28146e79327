//! A participant's way through a task on a real host, in a terminal: start, watch, and leaving at any moment.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};

use exercises::profile::CMAKE;
use exercises::solutions::solutions;
use exercises::{TASKS, task};

use super::desk::Desk;
use super::left::nothing_is_left;
use super::workshop::eventually;

/// A home for these tests, so that nobody's work is touched.
const HOME: &str = "/tmp/workshop-flow-test";

/// A run in a terminal on the host.
struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn run(desk: &Desk, line: &str) -> Self {
        let line = line.replace('\'', r"'\''");
        let line = format!("SHELL=/bin/sh HOME={HOME} TERM=xterm script -qfec '{line}' /dev/null");
        let mut child = desk.command(&line).stdin(Stdio::piped()).spawn().unwrap();
        let screen = Arc::<Mutex<Vec<u8>>>::default();
        let ours = Arc::clone(&screen);
        let mut output = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                ours.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            keyboard: child.stdin.take(),
            child,
            screen,
        }
    }

    fn shows(&self, text: &str) {
        eventually(&format!("{text:?} is shown"), || {
            let screen = String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned();
            screen.contains(text).then_some(()).ok_or(screen)
        });
    }

    fn types(&mut self, text: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(text.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    fn ends(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

/// A command of the participant's program in the tests' home.
fn workshop(desk: &Desk, arguments: &str) -> String {
    format!("HOME={HOME} {} {arguments}", desk.program())
}

#[test]
fn from_a_starter_to_a_pass_in_a_second_terminal() {
    let desk = Desk::open();
    desk.says(&format!("rm -rf {HOME}; mkdir -p {HOME}"));
    for task in TASKS {
        let started = desk.says(&workshop(&desk, &format!("start {}", task.id)));
        for starter in task.starters {
            assert!(started.contains(starter.name), "{started}");
        }
    }
    let watch = Terminal::run(&desk, &format!("{} watch task3", desk.program()));
    watch.shows("task3: not passed");
    let right = solutions("task3")
        .unwrap()
        .into_iter()
        .find(|solution| solution.right)
        .unwrap();
    for (question, answer) in &right.answers {
        let answer = format!("answer task3 {question} '{}'", answer.text());
        desk.says(&workshop(&desk, &answer));
    }
    let script = right.filled(task("task3").unwrap(), &CMAKE).unwrap();
    desk.write(&format!("{HOME}/workshop/task3.bt"), &script);
    watch.shows("task3: passed");
    watch.shows("next: workshop show");
    assert_eq!(watch.ends(), Some(0));
    let tasks = desk.says(&workshop(&desk, "tasks"));
    let task3 = tasks.lines().find(|line| line.starts_with("task3"));
    assert!(task3.unwrap().contains("passed 20"), "{tasks}");
    nothing_is_left(|line| desk.says(line));
    desk.says(&format!("rm -r {HOME}"));
}

#[test]
fn a_check_that_is_left_leaves_nothing() {
    let desk = Desk::open();
    desk.says(&format!("rm -rf {HOME}; mkdir -p {HOME}"));
    desk.says(&workshop(&desk, "start task3"));
    for (moment, how) in ["[b]pftrace -f json", "[-]-run_test="]
        .into_iter()
        .flat_map(|moment| ["Ctrl-C", "kill -9", "hang-up"].map(|how| (moment, how)))
    {
        let mut watch = Terminal::run(&desk, &format!("exec {} watch task3", desk.program()));
        desk.sees(&[moment]);
        match how {
            "Ctrl-C" => watch.types("\u{3}"),
            "kill -9" => {
                desk.says("pkill -9 -xf '[^ ]*workshop[^ ]* watch task3'");
            }
            // The terminal goes away, as it does with a connection.
            _ => {
                desk.says("pkill -9 -f '[s]cript -qfec exec .*watch task3'");
            }
        }
        let status = watch.ends();
        if how == "Ctrl-C" {
            // That of the last verdict; there was none yet.
            assert_eq!(status, Some(2), "{moment}");
        }
        nothing_is_left(|line| desk.says(line));
    }
    // What was known is still known, and nothing is locked.
    let tasks = desk.says(&workshop(&desk, "tasks"));
    assert!(
        tasks.contains("Trace a unit test            started"),
        "{tasks}"
    );
    desk.says(&format!("rm -r {HOME}"));
}
