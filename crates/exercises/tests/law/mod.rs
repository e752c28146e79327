//! What every task keeps to, whoever adds it: its texts can be made for every server, unsolved it does not pass and
//! says how to answer, solved it does.

use exercises::profile::PROFILES;
use exercises::prose::{self, Context};
use exercises::{Evidence, State, Task};

/// Judges the evidence of a participant who did nothing, and of one who did everything.
pub(crate) fn unsolved_fails_and_solved_passes<S>(
    task: &Task<S>,
    unsolved: &Evidence<S>,
    solved: &Evidence<S>,
) {
    let unsolved = task.judge(unsolved);
    assert_eq!(unsolved.verdict, State::NotPassed, "{}", task.id);
    for question in task.questions.iter().filter(|question| question.decides) {
        let finding = unsolved
            .findings
            .iter()
            .find(|finding| finding.question.as_deref() == Some(question.id))
            .unwrap_or_else(|| panic!("{} {} is not judged", task.id, question.id));
        assert_eq!(finding.seen, "not answered yet");
        let command = format!(
            "workshop answer {} {} {}",
            task.id, question.id, question.form
        );
        assert_eq!(finding.hint.as_deref(), Some(command.as_str()));
    }
    let solved = task.judge(solved);
    assert_eq!(solved.verdict, State::Passed, "{solved:#?}");
}

/// Every kind of server that texts are made for.
fn contexts() -> impl Iterator<Item = Context> {
    PROFILES.into_iter().flat_map(|profile| {
        [(None, false), (Some("abandon".to_owned()), true)].map(|(word, functional_tests)| {
            Context {
                word,
                tree: "~/bitcoin".into(),
                profile,
                functional_tests,
            }
        })
    })
}

/// Makes the prose, the hints and the starters for every kind of server.
pub(crate) fn texts_can_be_made<S>(task: &Task<S>) {
    for context in contexts() {
        prose_is_whole(task, &prose::render(task, &context).unwrap());
        let hints = prose::hints(task, usize::MAX, &context).unwrap();
        assert!(hints.len() >= 3, "{} has too few hints", task.id);
        for hint in hints {
            // They are wrapped where they are shown.
            assert!(hint.len() > 40 && !hint.contains('\n'), "{hint}");
        }
        for starter in task.starters {
            let name = starter.name;
            assert!(
                name.starts_with(task.id) && !name.contains('/'),
                "{name} is to be found by its task"
            );
            is_80_columns(&prose::starter(starter, task, &context).unwrap());
        }
    }
}

fn prose_is_whole<S>(task: &Task<S>, text: &str) {
    let line = "After 0xB10C's workshop 'Tracing Bitcoin Core v23.0', CC BY-SA 4.0";
    assert!(text.starts_with(line), "{}", task.id);
    for question in task.questions {
        let command = format!("workshop answer {} {}", task.id, question.id);
        assert!(text.contains(&command), "{command} is not in the text");
    }
    assert!(text.contains(&format!("workshop check {}", task.id)));
    for starter in task.starters {
        assert!(text.contains(starter.name), "{}", starter.name);
    }
    is_80_columns(text);
}

fn is_80_columns(text: &str) {
    assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "too wide: {line}");
    }
}

/// Ids are typed on a command line.
pub(crate) fn ids_can_be_typed<S>(task: &Task<S>) {
    let mut ids: Vec<_> = task.questions.iter().map(|question| question.id).collect();
    for id in &ids {
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase()), "{id}");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), task.questions.len(), "{}", task.id);
}
