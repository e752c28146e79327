//! Understands the text of `answers.yaml`.

use std::ops::Range;
use std::path::Path;

use exercises::Task;
use exercises::answers::{Answer, Answers};
use provisioner::inventory::syntax::NotYaml;
use provisioner::inventory::tree::{self, Kind, Node};

use super::BadAnswers;

const SHAPE: &str = "write a task's name, and below it, further in, `question: answer`";

/// The answers to one task in `text`, which is what `path` holds.
pub(super) fn answers(path: &Path, text: &str, task: &Task) -> miette::Result<Answers> {
    let is_empty = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.lines().all(is_empty) {
        return Ok(Answers::new());
    }
    let bad = |at: &Range<usize>, message: String, help: &str| -> miette::Report {
        BadAnswers {
            message,
            help: help.to_owned(),
            source_code: miette::NamedSource::new(path.display().to_string(), text.to_owned()),
            at: at.clone().into(),
        }
        .into()
    };
    let node = tree::parse(text).map_err(|error| {
        let broken = NotYaml::of(&error, text);
        let help = broken
            .way_out
            .unwrap_or("mend the line, or move the file away and begin anew");
        bad(
            &broken.span,
            format!("this is not YAML: {}", broken.what),
            help,
        )
    })?;
    let Some(sections) = pairs(&node) else {
        return Err(bad(&node.span, "not a list of tasks".into(), SHAPE));
    };
    let mut answers = Answers::new();
    for (name, section) in sections {
        // A task of another version of this program is left alone.
        if !scalar(name).is_some_and(|name| name.starts_with("task")) {
            return Err(bad(&name.span, "there is no such task".into(), SHAPE));
        }
        if scalar(name) != Some(task.id) || matches!(section.kind, Kind::Null) {
            continue;
        }
        let Some(entries) = pairs(section) else {
            return Err(bad(&section.span, "not a list of answers".into(), SHAPE));
        };
        for (question, value) in entries {
            let Some(id) = scalar(question).filter(|id| task.question(id).is_some()) else {
                let ids: Vec<_> = task.questions.iter().map(|question| question.id).collect();
                let help = format!("the questions of {} are {}", task.id, ids.join(", "));
                return Err(bad(
                    &question.span,
                    "there is no such question".into(),
                    &help,
                ));
            };
            let items: Vec<&str> = match &value.kind {
                Kind::Null => continue,
                Kind::Scalar(text) => text.lines().collect(),
                Kind::List(items) => items.iter().filter_map(scalar).collect(),
                Kind::Map(_) => {
                    let help = "write the answer behind the question, or below it as a list; put text with a `: ` into quotes";
                    return Err(bad(&value.span, "not an answer".into(), help));
                }
            };
            let answer = Answer::new(items)
                .map_err(|refused| bad(&value.span, refused.to_string(), refused.way_out()))?;
            answers.insert(id.to_owned(), answer);
        }
    }
    Ok(answers)
}

fn pairs(node: &Node) -> Option<&[(Node, Node)]> {
    match &node.kind {
        Kind::Map(pairs) => Some(pairs),
        _ => None,
    }
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar(text) => Some(text),
        _ => None,
    }
}
