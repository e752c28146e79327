//! What is rehearsed, and what came of it. Both sides of a rehearsal have the same list.

use exercises::solutions::{Solution, solutions};
use exercises::{TASKS, Task};
use miette::IntoDiagnostic as _;
use serde::{Deserialize, Serialize};

use crate::commands::participant::the_task;

/// Which pieces of a rehearsal are wanted.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Wanted {
    /// These tasks only.
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<String>,

    /// Of each task the starter and a few solutions, two minutes in all; everything takes a quarter of an hour.
    #[arg(long, conflicts_with = "solution")]
    quick: bool,

    /// Only what has this in its name, such as right/reference.
    #[arg(long, value_name = "PART")]
    solution: Option<String>,
}

/// One thing to try.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) task: &'static Task,
    /// None is the starter as it is.
    pub(crate) solution: Option<Solution>,
}

impl Piece {
    /// `right/reference`, or `starter`.
    pub(crate) fn name(&self) -> &'static str {
        self.solution.as_ref().map_or("starter", |one| one.name)
    }

    /// What is particular about it.
    pub(crate) fn title(&self) -> &'static str {
        let starter = "as it is handed out, without an answer";
        self.solution.as_ref().map_or(starter, |one| one.title)
    }

    /// Whether it passes.
    pub(crate) fn right(&self) -> bool {
        self.solution.as_ref().is_some_and(|one| one.right)
    }
}

/// What came of a piece: one line of a host's rehearsal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tried {
    /// `task3`.
    pub(crate) task: String,
    /// `wrong/swapped`, or `starter`.
    pub(crate) name: String,
    /// What is particular about it.
    pub(crate) title: String,
    /// Whether it should pass.
    pub(crate) right: bool,
    /// What the check did not do as it should have; nothing when all was well.
    pub(crate) misjudged: Vec<String>,
    /// How long it took, with its build.
    pub(crate) seconds: f64,
}

impl Wanted {
    /// The pieces, in the order in which they are tried.
    pub(crate) fn pieces(&self) -> miette::Result<Vec<Piece>> {
        let mut tasks = Vec::new();
        for name in &self.tasks {
            tasks.push(the_task(name)?.id);
        }
        let mut pieces = Vec::new();
        for task in TASKS {
            if !tasks.is_empty() && !tasks.contains(&task.id) {
                continue;
            }
            let of_task = solutions(task.id).into_diagnostic()?.into_iter();
            let of_task = of_task.filter(|one| one.quick || !self.quick).map(Some);
            pieces.extend(
                std::iter::once(None)
                    .chain(of_task)
                    .map(|solution| Piece { task, solution }),
            );
        }
        if let Some(part) = &self.solution {
            pieces.retain(|piece| piece.name().contains(part.as_str()));
            if pieces.is_empty() {
                return Err(miette::miette!(
                    help = "without --solution the report names them all",
                    "no solution has `{part}` in its name"
                ));
            }
        }
        Ok(pieces)
    }

    /// The same wish as command-line arguments.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        for task in &self.tasks {
            arguments.extend(["--task".to_owned(), task.clone()]);
        }
        if self.quick {
            arguments.push("--quick".to_owned());
        }
        if let Some(part) = &self.solution {
            arguments.push(format!("--solution={part}"));
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &Wanted) -> Vec<String> {
        let pieces = wanted.pieces().unwrap();
        let name = |piece: &Piece| format!("{} {}", piece.task.id, piece.name());
        pieces.iter().map(name).collect()
    }

    #[test]
    fn every_task_begins_with_its_starter_and_its_reference() {
        let all = names(&Wanted::default());
        for task in TASKS {
            let first = all
                .iter()
                .position(|name| *name == format!("{} starter", task.id));
            let first = first.unwrap();
            assert_eq!(all[first + 1], format!("{} right/reference", task.id));
        }
        let count = |part: &str| all.iter().filter(|name| name.contains(part)).count();
        // What issue and handbook promise at the least.
        assert!(count("right/") >= 25 && count("wrong/") >= 40, "{all:?}");
    }

    #[test]
    fn less_can_be_wanted() {
        let quick = Wanted {
            quick: true,
            ..Wanted::default()
        };
        let (some, all) = (names(&quick).len(), names(&Wanted::default()).len());
        assert!(some * 2 < all && some > TASKS.len(), "{some} of {all}");
        let one = Wanted {
            tasks: vec!["task3".into()],
            solution: Some("swapped".into()),
            ..Wanted::default()
        };
        assert_eq!(
            names(&one),
            ["task3 wrong/swapped", "task3 wrong/swapped-in-words"]
        );
        assert_eq!(one.arguments(), ["--task", "task3", "--solution=swapped"]);
        let none = Wanted {
            solution: Some("nowhere".into()),
            ..Wanted::default()
        };
        assert!(none.pieces().unwrap_err().to_string().contains("`nowhere`"));
    }
}
