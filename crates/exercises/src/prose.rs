//! The texts of a task: prose, starters and hints, filled with what the participant's server is like.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::profile::Profile;
use crate::task::{Question, Starter, Task};

/// What a task's templates may name.
#[derive(Clone, Debug, Serialize)]
pub struct Context {
    /// The host's word, when it is a workshop's.
    pub word: Option<String>,
    /// The source tree, as it is typed: `~/bitcoin`.
    pub tree: String,
    /// The line of Bitcoin Core.
    pub profile: &'static Profile,
    /// Whether the tree has Bitcoin Core's functional tests.
    pub functional_tests: bool,
}

#[derive(Serialize)]
struct Full<'a> {
    #[serde(flatten)]
    context: &'a Context,
    task: &'a str,
    title: &'a str,
    questions: &'a [Question],
}

/// A template of ours is wrong, or names what it is not given.
#[derive(Debug, thiserror::Error)]
#[error("a text of {task} cannot be made")]
pub struct BadTemplate {
    task: &'static str,
    source: minijinja::Error,
}

/// The text of a task, in Markdown.
///
/// # Errors
/// When the template is wrong; a test renders each of them.
pub fn render<S>(task: &Task<S>, context: &Context) -> Result<String, BadTemplate> {
    fill(task.template, task, context)
}

/// One of the task's starters.
///
/// # Errors
/// When the template is wrong; a test renders each of them.
pub fn starter<S>(
    starter: &Starter,
    task: &Task<S>,
    context: &Context,
) -> Result<String, BadTemplate> {
    fill(starter.template, task, context)
}

/// The first `count` hints of the task.
///
/// # Errors
/// When a template is wrong; a test renders each of them.
pub fn hints<S>(
    task: &Task<S>,
    count: usize,
    context: &Context,
) -> Result<Vec<String>, BadTemplate> {
    task.hints
        .iter()
        .take(count)
        .map(|hint| fill(hint, task, context))
        .collect()
}

fn fill<S>(template: &str, task: &Task<S>, context: &Context) -> Result<String, BadTemplate> {
    let failed = |source| BadTemplate {
        task: task.id,
        source,
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A block on a line of its own leaves no line behind.
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(failed)?;
    environment.set_syntax(syntax);
    let full = Full {
        context,
        task: task.id,
        title: task.title,
        questions: task.questions,
    };
    environment
        .render_str(template, Serde(full))
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TASKS;
    use crate::profile::PROFILES;

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

    #[test]
    fn every_text_can_be_made_and_is_whole() {
        for (task, context) in TASKS
            .iter()
            .flat_map(|task| contexts().map(move |one| (task, one)))
        {
            let text = render(task, &context).unwrap();
            assert!(
                text.starts_with(
                    "After 0xB10C's workshop 'Tracing Bitcoin Core v23.0', CC BY-SA 4.0"
                ),
                "{}",
                task.id
            );
            for question in task.questions {
                let command = format!("workshop answer {} {}", task.id, question.id);
                assert!(text.contains(&command), "{command} is not in the text");
            }
            assert!(text.contains(&format!("workshop check {}", task.id)));
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"));
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "too wide: {line}");
            }
        }
    }

    #[test]
    fn every_hint_and_starter_can_be_made() {
        for (task, context) in TASKS
            .iter()
            .flat_map(|task| contexts().map(move |one| (task, one)))
        {
            let told = hints(task, usize::MAX, &context).unwrap();
            assert!(told.len() >= 3, "{} needs hints", task.id);
            for hint in told {
                // They are wrapped where they are shown.
                assert!(hint.len() > 40 && !hint.contains('\n'), "{hint}");
            }
            for one in task.starters {
                let text = starter(one, task, &context).unwrap();
                assert!(
                    text.contains(task.id) || text.contains("Task "),
                    "{}",
                    one.name
                );
                assert!(text.ends_with('\n'));
                assert!(
                    !one.name.contains('/') && one.name.starts_with(task.id),
                    "{} is to be found by its task",
                    one.name
                );
                for line in text.lines() {
                    assert!(line.chars().count() <= 80, "too wide: {line}");
                }
            }
        }
    }

    #[test]
    fn a_name_that_is_not_given_is_an_error() {
        let task = Task {
            template: "{{ no_such_name }}",
            ..*TASKS[0]
        };
        let context = contexts().next().unwrap();
        assert!(render(&task, &context).is_err());
    }
}
