//! What the participant's verbs share: finding the task and the question that were meant.

use exercises::{Question, TASKS, Task, closest};

/// The task of that name.
pub(crate) fn the_task(name: &str) -> miette::Result<&'static Task> {
    exercises::task(name).map_err(|error| {
        let all: Vec<_> = TASKS.iter().map(|task| task.id).collect();
        let help = match error.meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("there are {}", all.join(", ")),
        };
        miette::miette!(help = help, "{error}")
    })
}

/// The question of that name.
pub(crate) fn the_question(task: &'static Task, name: &str) -> miette::Result<&'static Question> {
    let name = name.trim().to_lowercase();
    task.question(&name).ok_or_else(|| {
        let all: Vec<_> = task.questions.iter().map(|question| question.id).collect();
        let help = match closest(&name, all.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("its questions are {}", all.join(", ")),
        };
        miette::miette!(
            help = help,
            "{} has no question `{}`",
            task.id,
            exercises::answers::shorten(&name, 40)
        )
    })
}
