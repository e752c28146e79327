//! Solutions of task 5, right and wrong, as patches of the source tree, with what the check is to say of each.
//! Tests and rehearsals run them on a real host.
//!
//! A file in `solutions/task5` is lines of `Key: value`, an empty line, and the patch. `Says: FINDING WORDS`
//! names words that are in that finding; a wrong solution has at least one such line, because it must fail for
//! its own reason and no other. Names are of v29 and newer.

use crate::answers::{Answer, Answers};
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
    /// What is put into place.
    pub body: &'static str,
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

/// The file is not a solution.
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
    fn read(name: &'static str, text: &'static str) -> Result<Self, BadSolution> {
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
            body,
        };
        for line in head.lines() {
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

macro_rules! files {
    ($($name:literal)*) => {
        &[$((
            $name,
            include_str!(concat!("../solutions/task5/", $name, ".patch")),
        )),*]
    };
}

const FILES: &[(&str, &str)] = files!(
    "right/reference"
    "right/helper"
    "right/arguments"
    "right/existing_context"
    "right/another_file"
    "right/three"
    "right/early"
    "right/only_after_a_start"
    "wrong/only_the_start"
    "wrong/only_the_shutdown"
    "wrong/if_false"
    "wrong/commented_out"
    "wrong/preprocessed_away"
    "wrong/semaphores_alone"
    "wrong/uncalled"
    "wrong/uncalled_and_kept"
    "wrong/never_reached"
    "wrong/both_at_the_start"
    "wrong/both_at_the_shutdown"
    "wrong/one_for_both"
    "wrong/per_message"
    "wrong/first_peer"
    "wrong/twice"
    "wrong/new_directory"
    "wrong/signal_alone"
    "wrong/stop_call_alone"
    "wrong/renamed"
    "wrong/removed"
    "wrong/not_built"
    "wrong/no_semaphore"
    "wrong/late_semaphore"
    "wrong/no_header"
    "wrong/syntax"
);

/// The solutions, right ones first, the reference before all others.
///
/// # Errors
/// When a file of ours is not one; a test reads them all.
pub fn solutions() -> Result<Vec<Solution>, BadSolution> {
    FILES
        .iter()
        .map(|(name, text)| Solution::read(name, text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::task5::TASK;

    #[test]
    fn every_file_is_a_solution_and_listed() {
        let folder = format!("{}/solutions/task5", env!("CARGO_MANIFEST_DIR"));
        let solutions = solutions().unwrap();
        let mut listed: Vec<&str> = solutions.iter().map(|one| one.name).collect();
        assert_eq!(listed.first(), Some(&"right/reference"));
        let mut files = Vec::new();
        for kind in ["right", "wrong"] {
            for file in std::fs::read_dir(format!("{folder}/{kind}")).unwrap() {
                let path = file.unwrap().path();
                files.push(format!("{kind}/{}", path.file_stem().unwrap().display()));
            }
        }
        listed.sort_unstable();
        files.sort_unstable();
        assert_eq!(listed, files);
        let mut reasons = Vec::new();
        for solution in &solutions {
            for question in TASK.questions.iter().filter(|question| question.decides) {
                assert!(
                    solution.answers.contains_key(question.id),
                    "{} has no answer to {}",
                    solution.name,
                    question.id
                );
            }
            if !solution.right {
                reasons.push(&solution.says);
            }
        }
        // Two traps with the same words are one trap to whoever falls into them.
        for (at, says) in reasons.iter().enumerate() {
            assert!(!reasons[at + 1..].contains(says), "{says:?}");
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
            let error = Solution::read(name, text).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_misjudgement_is_told() {
        let solution = Solution::read("wrong/x", "Title: a\nSays: built it is old\n\nb").unwrap();
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
