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

    #[test]
    fn a_name_that_is_not_given_is_an_error() {
        let task = Task {
            template: "{{ no_such_name }}",
            ..*TASKS[0]
        };
        let context = Context {
            word: None,
            tree: String::new(),
            profile: PROFILES[0],
            functional_tests: false,
        };
        assert!(render(&task, &context).is_err());
    }
}
