//! Solutions of tasks, right and wrong, with what the check is to say of each. Tests and rehearsals run them on a
//! real host.
//!
//! A solution is a file in `solutions/<task>/right` or `…/wrong`: lines of `Key: value`, an empty line, and a body,
//! whose ending says what it is ([`Body`]). `Says: FINDING WORDS` names words that are in that finding; a wrong
//! solution has at least one such line, because it must fail for its own reason and no other. `Quick: yes` marks what
//! a short rehearsal runs. What holds for all of a task may stand beside the two folders: `answers`, lines that all of
//! its solutions begin with, and `before.sh.j2`, what all of its commands do.

mod files;

use self::files::Files;
use crate::answers::{Answer, Answers};
use crate::profile::Profile;
use crate::prose::{self, BadTemplate, Context};
use crate::task::Task;
use crate::verdict::{State, Verdict};

/// One solution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// The file, without its ending: `right/reference`.
    pub name: &'static str,
    /// What is particular about it.
    pub title: &'static str,
    /// Whether it passes.
    pub right: bool,
    /// What becomes of it when it is built.
    pub build: Build,
    /// The answers that go with it.
    pub answers: Answers,
    /// Findings, and words that are in each.
    pub says: Vec<(&'static str, &'static str)>,
    /// Whether a short rehearsal runs it.
    pub quick: bool,
    /// What the body is.
    pub kind: Body,
    /// What all commands of the task do, before the body of this one.
    before: &'static str,
    /// What is put into place.
    pub body: &'static str,
}

/// What is done with a solution's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// `.sh.j2`: the shell runs it in the participant's home. A template, as the task's text is.
    Commands,
    /// `.bt.j2`: a script for bpftrace, put where the task's starter goes. A template too.
    Script,
    /// `.patch`: applied to the source tree, which is built then.
    Patch,
}

/// What becomes of a solution when it is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Build {
    /// It is built.
    #[default]
    Succeeds,
    /// It is tried and does not compile.
    Fails,
    /// It is not tried.
    Skipped,
}

/// The file is not a solution. A test reads each of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("solution {name}: {why}")]
pub struct BadSolution {
    /// Which.
    pub name: &'static str,
    /// Why not.
    pub why: String,
}

impl Solution {
    /// Reads a file.
    fn read(name: &'static str, files: &Files, text: &'static str) -> Result<Self, BadSolution> {
        let bad = |why: String| BadSolution { name, why };
        let (head, body) = text
            .split_once("\n\n")
            .ok_or_else(|| bad("no empty line ends its head".to_owned()))?;
        let mut solution = Self {
            name,
            title: "",
            right: name.starts_with("right/"),
            build: Build::Succeeds,
            answers: Answers::new(),
            says: Vec::new(),
            quick: false,
            kind: files.kind,
            before: files.before,
            body,
        };
        for line in files.answers.lines().chain(head.lines()) {
            let (key, value) = line
                .split_once(": ")
                .ok_or_else(|| bad(format!("`{line}` is not `Key: value`")))?;
            let two = || {
                value
                    .split_once(' ')
                    .ok_or_else(|| bad(format!("`{line}` has one word too few")))
            };
            match key {
                "Title" => solution.title = value,
                "Quick" if value == "yes" => solution.quick = true,
                "Build" => {
                    solution.build = match value {
                        "fails" => Build::Fails,
                        "no" => Build::Skipped,
                        _ => return Err(bad(format!("`{line}`: fails or no"))),
                    };
                }
                "Answer" => {
                    let (question, answer) = two()?;
                    let answer =
                        Answer::new([answer]).map_err(|error| bad(format!("`{line}`: {error}")))?;
                    solution.answers.insert(question.to_owned(), answer);
                }
                "Says" => solution.says.push(two()?),
                _ => return Err(bad(format!("`{key}` is not known"))),
            }
        }
        if solution.title.is_empty() || body.trim().is_empty() {
            return Err(bad("it has no title or no body".to_owned()));
        }
        if !solution.right && solution.says.is_empty() {
            return Err(bad("it does not say why it is wrong".to_owned()));
        }
        Ok(solution)
    }

    /// The body, filled as the task's text is; a patch as it is.
    ///
    /// # Errors
    /// When it is no template; a test renders each of those that are.
    pub fn filled(&self, task: &Task, profile: &'static Profile) -> Result<String, BadTemplate> {
        if self.kind == Body::Patch {
            return Ok(self.body.to_owned());
        }
        let context = Context {
            word: None,
            tree: "~/bitcoin".to_owned(),
            profile,
            functional_tests: false,
        };
        let text = |template| prose::render(&Task { template, ..*task }, &context);
        Ok(text(self.before)? + &text(self.body)? + "\n")
    }

    /// What a verdict lacks of what it should say; nothing when it is as it should be.
    pub fn misjudged(&self, verdict: &Verdict) -> Vec<String> {
        let expected = if self.right {
            State::Passed
        } else {
            State::NotPassed
        };
        let mut wrong = Vec::new();
        if verdict.verdict != expected {
            wrong.push(format!("{:?}, and not {expected:?}", verdict.verdict));
        }
        for (id, words) in &self.says {
            let finding = verdict.findings.iter().find(|finding| finding.id == *id);
            let text = finding.map(|finding| {
                let hint = finding.hint.as_deref().unwrap_or_default();
                let remark = finding.remark.as_deref().unwrap_or_default();
                format!("{}\n{hint}\n{remark}", finding.seen)
            });
            match text {
                Some(text) if text.contains(words) => {}
                Some(text) => wrong.push(format!("{id} does not say “{words}” but: {text}")),
                None => wrong.push(format!("there is no finding {id}")),
            }
        }
        wrong
    }
}

/// The solutions of a task, right ones first, the reference before all others.
///
/// # Errors
/// When a file of ours is not one; a test reads them all.
pub fn solutions(task: &str) -> Result<Vec<Solution>, BadSolution> {
    let files = match task {
        "task0" => files::TASK0,
        "task1" => files::TASK1,
        "task2" => files::TASK2,
        "task3" => files::TASK3,
        "task4" => files::TASK4,
        "task5" => files::TASK5,
        _ => return Ok(Vec::new()),
    };
    files
        .all
        .iter()
        .map(|(name, text)| Solution::read(name, &files, text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::PROFILES;
    use crate::{TASKS, task};

    const NONE: Files = Files {
        kind: Body::Patch,
        answers: "",
        before: "",
        all: &[],
    };

    #[test]
    fn every_file_is_a_solution_and_listed() {
        let folder = format!("{}/solutions", env!("CARGO_MANIFEST_DIR"));
        for task_folder in std::fs::read_dir(folder).unwrap() {
            let task_folder = task_folder.unwrap();
            let task = task(task_folder.file_name().to_str().unwrap()).unwrap();
            let solutions = solutions(task.id).unwrap();
            let mut listed: Vec<String> = solutions
                .iter()
                .map(|solution| solution.name.to_owned())
                .collect();
            assert_eq!(listed.first().map(String::as_str), Some("right/reference"));
            let mut files = Vec::new();
            for kind in ["right", "wrong"] {
                for file in std::fs::read_dir(task_folder.path().join(kind)).unwrap() {
                    let path = file.unwrap().path();
                    let name = path.file_name().unwrap().to_str().unwrap();
                    files.push(format!("{kind}/{}", name.split('.').next().unwrap()));
                }
            }
            listed.sort_unstable();
            files.sort_unstable();
            assert_eq!(listed, files);
            for solution in solutions {
                let asked = task.questions.iter().filter(|question| question.decides);
                // Commands give the answers themselves.
                for question in asked.filter(|_| solution.kind != Body::Commands) {
                    assert!(
                        solution.answers.contains_key(question.id),
                        "{} has no answer to {}",
                        solution.name,
                        question.id
                    );
                }
            }
        }
    }

    #[test]
    fn every_body_can_be_filled() {
        for (profile, task) in PROFILES
            .iter()
            .flat_map(|one| TASKS.iter().map(move |task| (one, *task)))
        {
            for solution in solutions(task.id).unwrap() {
                let text = solution.filled(task, profile).unwrap();
                assert!(!text.contains("{{"), "{text}");
            }
        }
    }

    #[test]
    fn a_short_rehearsal_has_a_right_and_a_wrong_one_of_each_task() {
        for task in TASKS {
            let all = solutions(task.id).unwrap();
            let quick = |right| all.iter().any(|one| one.quick && one.right == right);
            assert!(quick(true) && quick(false), "{}", task.id);
        }
    }

    #[test]
    fn what_is_no_solution() {
        for (name, text, why) in [
            ("right/x", "Title: a\n", "no empty line"),
            ("right/x", "Title: a\n\n", "no title or no body"),
            ("right/x", "Titel: a\n\nb", "`Titel` is not known"),
            ("right/x", "Title: a\nBuild: yes\n\nb", "fails or no"),
            ("right/x", "Title: a\nSays: built\n\nb", "one word too few"),
            ("wrong/x", "Title: a\n\nb", "does not say why"),
        ] {
            let error = Solution::read(name, &NONE, text).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_misjudgement_is_told() {
        let solution =
            Solution::read("wrong/x", &NONE, "Title: a\nSays: built it is old\n\nb").unwrap();
        let mut verdict = Verdict::new("task5", vec![]);
        assert_eq!(solution.misjudged(&verdict).len(), 2);
        verdict.verdict = State::NotPassed;
        verdict.findings.push(crate::Finding {
            id: "built".into(),
            question: None,
            about: "x".into(),
            result: crate::verdict::Outcome::Wrong,
            seen: "now it is old".into(),
            hint: None,
            remark: None,
        });
        assert_eq!(solution.misjudged(&verdict), [] as [String; 0]);
        verdict.findings[0].seen = "it is new".into();
        assert_eq!(solution.misjudged(&verdict).len(), 1);
    }
}
