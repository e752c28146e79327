//! The tasks of the workshop, in their order.

pub mod task0;
pub mod task1;
pub mod task3;
pub mod task4;
pub mod task5;

use crate::closest;
use crate::evidence::Evidence;
use crate::task::Task;
use crate::verdict::Verdict;

/// All tasks, in the order of the workshop.
pub const TASKS: &[&Task] = &[
    &task0::TASK,
    &task1::TASK,
    &task3::TASK,
    &task4::TASK,
    &task5::TASK,
];

/// There is no task of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no task `{given}`")]
pub struct NoSuchTask {
    /// What was given.
    pub given: String,
    /// The task that was probably meant.
    pub meant: Option<&'static str>,
}

/// The task of that id; `1` and `Task 1` are task1 too.
///
/// # Errors
/// When there is none.
pub fn task(id: &str) -> Result<&'static Task, NoSuchTask> {
    let wanted: String = id
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    TASKS
        .iter()
        .find(|task| task.id == wanted || task.id.strip_prefix("task") == Some(&wanted))
        .copied()
        .ok_or_else(|| NoSuchTask {
            given: id.to_owned(),
            meant: closest(&wanted, TASKS.iter().map(|task| task.id)),
        })
}

/// Judges evidence.
pub fn judge(evidence: &Evidence) -> Verdict {
    let id = evidence.seen.task();
    match TASKS.iter().find(|task| task.id == id) {
        Some(task) => task.judge(evidence),
        // Evidence that no task claims has no findings, and a verdict without findings is no pass.
        None => Verdict::new(id, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_go_by_several_names() {
        for name in ["task1", "1", "Task 1", "TASK1"] {
            assert_eq!(task(name).map(|task| task.id), Ok("task1"), "{name}");
        }
        let error = task("tsak1").unwrap_err();
        assert_eq!(error.meant, Some("task1"));
    }

    #[test]
    fn ids_are_unique_and_fit_a_command_line() {
        for task in TASKS {
            let mut ids: Vec<_> = task.questions.iter().map(|question| question.id).collect();
            assert!(
                ids.iter()
                    .all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase()))
            );
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), task.questions.len(), "{}", task.id);
        }
    }
}
