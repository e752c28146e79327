//! `~/workshop/answers.yaml`: what a participant answered, by `workshop answer` or in an editor.

mod edit;
mod read;

use std::path::{Path, PathBuf};

use exercises::answers::{Answer, Answers};
use exercises::{TASKS, Task};
use miette::{IntoDiagnostic as _, SourceSpan};

use super::lock::Lock;
use super::work_folder;

/// Larger than all answers at their limits.
const LARGEST: u64 = 1 << 20;

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

/// The lines of one task's answers, and the others.
#[derive(Debug)]
pub(crate) struct Parted {
    pub(crate) taken: String,
    rest: String,
}

/// The answers and where they are.
pub(crate) struct Store {
    path: PathBuf,
    text: String,
}

impl Store {
    /// The given file, or the participant's own.
    pub(crate) fn open(path: Option<&Path>) -> miette::Result<Self> {
        let path = Self::path_or_own(path)?;
        let text = load(&path)?;
        Ok(Self { path, text })
    }

    /// Where the answers are, or will be.
    pub(crate) fn path_or_own(path: Option<&Path>) -> miette::Result<PathBuf> {
        match path {
            Some(path) => Ok(path.to_owned()),
            None => Ok(work_folder()?.join("answers.yaml")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The answers to one task.
    pub(crate) fn of(&self, task: &Task) -> miette::Result<Answers> {
        read::answers(&self.path, &self.text, task)
    }

    /// Changes one answer and nothing else in the file.
    pub(crate) fn set(
        &mut self,
        task: &Task,
        question: &str,
        answer: &Answer,
        lock: &Lock,
    ) -> miette::Result<()> {
        // Another terminal or an editor may have written since.
        self.text = load(&self.path)?;
        let mut expected = self.of(task)?;
        expected.insert(question.to_owned(), answer.clone());
        let text = edit::insert(&self.text, task.id, question, answer);
        if self.means(&text, task, &expected) {
            return self.write(text, lock);
        }
        Err(self.not_changed(&format!(
            "write the answer there yourself, as `{question}: …` below `{}:`",
            task.id
        )))
    }

    /// The file without the answers to one task; none when there are no such answers.
    pub(crate) fn without(&mut self, task: &Task) -> miette::Result<Option<Parted>> {
        self.text = load(&self.path)?;
        if self.of(task)?.is_empty() {
            return Ok(None);
        }
        if let Some((rest, taken)) = edit::remove(&self.text, task.id)
            && self.means(&rest, task, &Answers::new())
        {
            return Ok(Some(Parted { taken, rest }));
        }
        Err(self.not_changed(&format!(
            "remove `{}:` and what is below it yourself",
            task.id
        )))
    }

    /// Leaves the rest in the file. What was taken is to be kept before.
    pub(crate) fn part(&mut self, parted: Parted, lock: &Lock) -> miette::Result<()> {
        self.write(parted.rest, lock)
    }

    /// Whether `text` has `expected` for `task` and what there is now for the others. Whatever a hand-written file
    /// looks like: only a change that means what it should is written.
    fn means(&self, text: &str, task: &Task, expected: &Answers) -> bool {
        let after = |task| read::answers(&self.path, text, task).ok();
        after(task).as_ref() == Some(expected)
            && TASKS
                .iter()
                .filter(|other| other.id != task.id)
                // What was not understood before need not be afterwards.
                .all(|other| self.of(other).map_or(true, |now| after(other) == Some(now)))
    }

    fn write(&mut self, text: String, lock: &Lock) -> miette::Result<()> {
        lock.write(&self.path, &text)?;
        self.text = text;
        Ok(())
    }

    fn not_changed(&self, help: &str) -> miette::Report {
        miette::miette!(
            help = help.to_owned(),
            "{} is written in a way that this program does not change safely",
            self.path.display()
        )
    }
}

fn load(path: &Path) -> miette::Result<String> {
    match fs_err::metadata(path) {
        Ok(file) if !file.is_file() || file.len() > LARGEST => Err(miette::miette!(
            help = "move it away; `workshop answer` begins a new one",
            "{} is not a file of answers: it is no plain file, or larger than 1 MiB",
            path.display()
        )),
        Ok(_) => fs_err::read_to_string(path).into_diagnostic(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).into_diagnostic(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(items: &[&str]) -> Answer {
        Answer::new(items).unwrap()
    }

    struct Kept {
        _folder: tempfile::TempDir,
        store: Store,
        lock: Lock,
    }

    impl Kept {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("answers.yaml");
            fs_err::write(&path, text).unwrap();
            Self {
                store: Store::open(Some(&path)).unwrap(),
                lock: Lock::at(&folder.path().join("state")).unwrap(),
                _folder: folder,
            }
        }

        fn set(&mut self, task: &Task, question: &str, items: &[&str]) -> miette::Result<()> {
            self.store.set(task, question, &answer(items), &self.lock)
        }

        fn text(&self) -> String {
            fs_err::read_to_string(self.store.path()).unwrap()
        }
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut kept = Kept::new("");
        let [task0, task1] = [TASKS[0], TASKS[1]];
        kept.set(task0, "kernel", &["6.10"]).unwrap();
        kept.set(task1, "tracepoints", &["net:a", "net:b"]).unwrap();
        kept.set(task0, "root", &["yes: 'quoted' # \\ ☃"]).unwrap();
        kept.set(task0, "kernel", &["6.12"]).unwrap();
        kept.set(task1, "source", &["src/net.cpp:1\nsrc/net.cpp:2\n"])
            .unwrap();
        let store = Store::open(Some(kept.store.path())).unwrap();
        let of = |task, question| store.of(task).unwrap()[question].clone();
        assert_eq!(of(task0, "kernel"), answer(&["6.12"]));
        assert_eq!(of(task0, "root"), answer(&["yes: 'quoted' # \\ ☃"]));
        assert_eq!(of(task1, "tracepoints"), answer(&["net:a", "net:b"]));
        assert_eq!(
            of(task1, "source").items,
            ["src/net.cpp:1", "src/net.cpp:2"]
        );
    }

    #[test]
    fn an_edited_file_keeps_everything_else() {
        let text = "# mine\ntask0:\n    # why\n    kernel: 6.10 # typed\n    memory: 3 GiB\ntask1:\n    tracepoints:\n    - net:a\n    - net:b\n    source: src/net.cpp:1\n";
        let mut kept = Kept::new(text);
        let now = kept.store.of(TASKS[0]).unwrap();
        assert_eq!(now["kernel"], answer(&["6.10"]));
        kept.set(TASKS[1], "tracepoints", &["net:c"]).unwrap();
        kept.set(TASKS[0], "root", &["yes"]).unwrap();
        assert_eq!(
            kept.text(),
            "# mine\ntask0:\n    root: \"yes\"\n    # why\n    kernel: 6.10 # typed\n    memory: 3 GiB\ntask1:\n    tracepoints: \"net:c\"\n    source: src/net.cpp:1\n"
        );
    }

    #[test]
    fn what_was_written_meanwhile_is_kept() {
        let mut kept = Kept::new("task0:\n  kernel: 6.10\n");
        fs_err::write(kept.store.path(), "task0:\n  memory: 3 GiB\n").unwrap();
        kept.set(TASKS[0], "root", &["yes"]).unwrap();
        assert_eq!(kept.text(), "task0:\n  root: \"yes\"\n  memory: 3 GiB\n");
    }

    #[test]
    fn the_answers_to_one_task_are_taken_out() {
        let text = "# all mine\ntask0:\n  kernel: 6.12\n\ntask1:\n# why\n  tracepoints:\n  - net:a\n# task2 is next\ntask3:\n  binary: x\n";
        let mut kept = Kept::new(text);
        let parted = kept.store.without(TASKS[1]).unwrap().unwrap();
        assert_eq!(
            parted.taken,
            "task1:\n# why\n  tracepoints:\n  - net:a\n# task2 is next\n"
        );
        kept.store.part(parted, &kept.lock).unwrap();
        assert_eq!(
            kept.text(),
            "# all mine\ntask0:\n  kernel: 6.12\n\ntask3:\n  binary: x\n"
        );
    }

    #[test]
    fn a_file_that_is_not_understood_is_left_alone() {
        for text in [
            "task0: [",
            "task0:\n  kernl: 6\n",
            "taks0:\n  kernel: 6\n",
            "task0:\n  kernel: {a: b}\n",
            "task0:\n  kernel: 6.1\n  kernel: 6.2\n",
        ] {
            let mut kept = Kept::new(text);
            assert!(kept.set(TASKS[0], "kernel", &["6.3"]).is_err(), "{text}");
            assert_eq!(kept.text(), text);
        }
        let mut kept = Kept::new("{task0: {kernel: 6.1}}\n");
        assert!(kept.store.without(TASKS[0]).is_err());
        assert!(kept.store.without(TASKS[1]).unwrap().is_none());
    }
}
