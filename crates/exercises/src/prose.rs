//! The text of a task: its template, filled with what the participant's server is like.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use crate::profile::Profile;
use crate::task::{Question, Task};

/// What a task's template may name.
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
#[error("the text of {task} cannot be made")]
pub struct BadTemplate {
    task: &'static str,
    source: minijinja::Error,
}

/// The text of a task, in Markdown.
///
/// # Errors
/// When the template is wrong; a test renders each of them.
pub fn render(task: &Task, context: &Context) -> Result<String, BadTemplate> {
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
        .render_str(task.template, Serde(full))
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TASKS;
    use crate::profile::PROFILES;

    #[test]
    fn every_text_can_be_made_and_is_whole() {
        for task in TASKS {
            for profile in PROFILES {
                for (word, functional_tests) in [(None, false), (Some("abandon".to_owned()), true)]
                {
                    let context = Context {
                        word,
                        tree: "~/bitcoin".into(),
                        profile,
                        functional_tests,
                    };
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
                    for line in text.lines() {
                        assert!(line.chars().count() <= 80, "too wide: {line}");
                    }
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
        let context = Context {
            word: None,
            tree: String::new(),
            profile: PROFILES[0],
            functional_tests: false,
        };
        assert!(render(&task, &context).is_err());
    }
}
