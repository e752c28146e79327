//! `~/workshop/answers.yaml`: what a participant answered, by `workshop answer` or in an editor.

use std::path::{Path, PathBuf};

use exercises::answers::{Answer, Answers};
use exercises::{TASKS, Task};
use miette::{IntoDiagnostic as _, SourceSpan};
use provisioner::inventory::tree::{self, Kind, Node};

use super::{home, write};

/// Larger than all answers at their limits.
const LARGEST: u64 = 1 << 20;

const HEADER: &str =
    "# Your answers. `workshop answer` writes here, and so may you, in any editor.\n";

/// The file cannot be understood. Nothing in it is changed.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{message}")]
#[diagnostic(help("{help}"))]
pub(crate) struct BadAnswers {
    message: String,
    help: String,
    #[source_code]
    source_code: miette::NamedSource<String>,
    #[label]
    at: SourceSpan,
}

/// The answers and where they are.
pub(crate) struct Store {
    path: PathBuf,
    text: String,
}

impl Store {
    /// The given file, or the participant's own.
    pub(crate) fn open(path: Option<&Path>) -> miette::Result<Self> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => home()?.join("workshop/answers.yaml"),
        };
        let text = match fs_err::metadata(&path) {
            Ok(file) if !file.is_file() || file.len() > LARGEST => {
                return Err(miette::miette!(
                    help = "move it away; `workshop answer` begins a new one",
                    "{} is not a file of answers: it is no plain file, or larger than 1 MiB",
                    path.display()
                ));
            }
            Ok(_) => fs_err::read_to_string(&path).into_diagnostic()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).into_diagnostic(),
        };
        Ok(Self { path, text })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The answers to one task.
    pub(crate) fn of(&self, task: &Task) -> miette::Result<Answers> {
        self.read(&self.text, task)
    }

    /// Changes one answer and nothing else in the file.
    pub(crate) fn set(
        &mut self,
        task: &Task,
        question: &str,
        answer: &Answer,
    ) -> miette::Result<()> {
        let before = self.of(task)?;
        let text = insert(&self.text, task.id, question, answer);
        // Whatever a hand-written file looks like: only a change that means what it should is written.
        let mut expected = before;
        expected.insert(question.to_owned(), answer.clone());
        if self.read(&text, task).is_ok_and(|after| after == expected) {
            write(&self.path, &text)?;
            self.text = text;
            return Ok(());
        }
        Err(miette::miette!(
            help = format!(
                "write the answer there yourself, as `{question}: …` below `{}:`",
                task.id
            ),
            "{} is written in a way that this program does not change safely",
            self.path.display()
        ))
    }

    fn read(&self, text: &str, task: &Task) -> miette::Result<Answers> {
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(Answers::new());
        }
        let bad = |at: std::ops::Range<usize>, message: String, help: &str| BadAnswers {
            message,
            help: help.to_owned(),
            source_code: miette::NamedSource::new(self.path.display().to_string(), text.to_owned()),
            at: at.into(),
        };
        let node = tree::parse(text).map_err(|error| {
            let at = error
                .location()
                .map_or(0..0, |location| tree::bytes_of(location, text));
            bad(
                at,
                "this is not YAML".to_owned(),
                "mend the line, or move the file away and begin anew",
            )
        })?;
        let shape = "write a task's name, and below it, further in, `question: answer`";
        let sections = pairs(&node)
            .ok_or_else(|| bad(node.span.clone(), "not a list of tasks".into(), shape))?;
        let mut answers = Answers::new();
        for (name, section) in sections {
            let known = TASKS.iter().any(|task| scalar(name) == Some(task.id));
            if !known && !scalar(name).is_some_and(|name| name.starts_with("task")) {
                return Err(bad(name.span.clone(), "there is no such task".into(), shape).into());
            }
            if scalar(name) != Some(task.id) || matches!(section.kind, Kind::Null) {
                continue;
            }
            let entries = pairs(section)
                .ok_or_else(|| bad(section.span.clone(), "not a list of answers".into(), shape))?;
            for (question, value) in entries {
                let Some(id) = scalar(question).filter(|id| task.question(id).is_some()) else {
                    let ids: Vec<_> = task.questions.iter().map(|question| question.id).collect();
                    let help = format!("the questions of {} are {}", task.id, ids.join(", "));
                    return Err(bad(
                        question.span.clone(),
                        "there is no such question".into(),
                        &help,
                    )
                    .into());
                };
                let items: Vec<&str> = match &value.kind {
                    Kind::Null => continue,
                    Kind::Scalar(text) => text.lines().collect(),
                    Kind::List(items) => items.iter().filter_map(scalar).collect(),
                    Kind::Map(_) => {
                        let help = "write the answer behind the question, or below it as a list; put text with a `: ` into quotes";
                        return Err(bad(value.span.clone(), "not an answer".into(), help).into());
                    }
                };
                let answer = Answer::new(items).map_err(|refused| {
                    bad(value.span.clone(), refused.to_string(), refused.way_out())
                })?;
                answers.insert(id.to_owned(), answer);
            }
        }
        Ok(answers)
    }
}

fn pairs(node: &Node) -> Option<&[(Node, Node)]> {
    match &node.kind {
        Kind::Map(pairs) => Some(pairs),
        _ => None,
    }
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar(text) => Some(text),
        _ => None,
    }
}

/// The text with one answer put in place, all other lines kept.
fn insert(text: &str, task: &str, question: &str, answer: &Answer) -> String {
    let entry = entry(question, answer);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        lines.extend(HEADER.lines().map(str::to_owned));
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(section) = lines
        .iter()
        .position(|line| line.trim_end() == format!("{task}:"))
    else {
        lines.push(format!("{task}:"));
        lines.push(format!("  {entry}"));
        return lines.join("\n") + "\n";
    };
    let end = (section + 1..lines.len())
        .find(|&at| {
            indent(&lines[at]) == 0 && !lines[at].trim().is_empty() && !lines[at].starts_with('#')
        })
        .unwrap_or(lines.len());
    let old =
        (section + 1..end).find(|&at| lines[at].trim_start().starts_with(&format!("{question}:")));
    match old {
        Some(at) => {
            let own = indent(&lines[at]);
            let next = (at + 1..end)
                .find(|&next| {
                    indent(&lines[next]) <= own && !lines[next].trim_start().starts_with("- ")
                })
                .unwrap_or(end);
            let margin = " ".repeat(own);
            lines.splice(at..next, [format!("{margin}{entry}")]);
        }
        None => {
            let margin = lines
                .get(section + 1)
                .filter(|_| section + 1 < end)
                .map_or(2, |line| indent(line).max(1));
            lines.insert(section + 1, format!("{}{entry}", " ".repeat(margin)));
        }
    }
    lines.join("\n") + "\n"
}

/// JSON's strings and lists are YAML's too.
fn entry(question: &str, answer: &Answer) -> String {
    let quoted = match answer.items.as_slice() {
        [one] => serde_json::to_string(one),
        many => serde_json::to_string(many),
    };
    format!("{question}: {}", quoted.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(items: &[&str]) -> Answer {
        Answer::new(items).unwrap()
    }

    fn store(text: &str) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.yaml");
        fs_err::write(&path, text).unwrap();
        let store = Store::open(Some(&path)).unwrap();
        (folder, store)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (_folder, mut store) = store("");
        let [task0, task1] = [TASKS[0], TASKS[1]];
        store.set(task0, "kernel", &answer(&["6.10"])).unwrap();
        store
            .set(task1, "tracepoints", &answer(&["net:a", "net:b"]))
            .unwrap();
        store
            .set(task0, "root", &answer(&["yes: 'quoted' # \\ ☃"]))
            .unwrap();
        store.set(task0, "kernel", &answer(&["6.12"])).unwrap();
        let store = Store::open(Some(store.path())).unwrap();
        assert_eq!(store.of(task0).unwrap()["kernel"], answer(&["6.12"]));
        assert_eq!(
            store.of(task0).unwrap()["root"],
            answer(&["yes: 'quoted' # \\ ☃"])
        );
        assert_eq!(
            store.of(task1).unwrap()["tracepoints"],
            answer(&["net:a", "net:b"])
        );
    }

    #[test]
    fn an_edited_file_keeps_everything_else() {
        let text = "# mine\ntask0:\n    # why\n    kernel: 6.10 # typed\n    memory: 3 GiB\ntask1:\n    tracepoints:\n    - net:a\n    - net:b\n    source: src/net.cpp:1\n";
        let (_folder, mut store) = store(text);
        assert_eq!(store.of(TASKS[0]).unwrap()["kernel"], answer(&["6.10"]));
        store
            .set(TASKS[1], "tracepoints", &answer(&["net:c"]))
            .unwrap();
        store.set(TASKS[0], "root", &answer(&["yes"])).unwrap();
        let after = fs_err::read_to_string(store.path()).unwrap();
        assert_eq!(
            after,
            "# mine\ntask0:\n    root: \"yes\"\n    # why\n    kernel: 6.10 # typed\n    memory: 3 GiB\ntask1:\n    tracepoints: \"net:c\"\n    source: src/net.cpp:1\n"
        );
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_alone() {
        for text in [
            "task0: [",
            "task0:\n  kernl: 6\n",
            "taks0:\n  kernel: 6\n",
            "task0:\n  kernel: {a: b}\n",
        ] {
            let (_folder, mut store) = store(text);
            assert!(
                store.set(TASKS[0], "kernel", &answer(&["6.1"])).is_err(),
                "{text}"
            );
            assert_eq!(fs_err::read_to_string(store.path()).unwrap(), text);
        }
    }
}
