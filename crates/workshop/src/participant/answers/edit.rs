//! Changes one place of the text of `answers.yaml` and leaves all other lines as they are.

use std::ops::Range;

use exercises::answers::Answer;

const HEADER: &str =
    "# Your answers. `workshop answer` writes here, and so may you, in any editor.\n";

/// The text with one answer put in place.
pub(super) fn insert(text: &str, task: &str, question: &str, answer: &Answer) -> String {
    let entry = entry(question, answer);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        lines.extend(HEADER.lines().map(str::to_owned));
    }
    let Some(Range { start, end }) = section(&lines, task) else {
        lines.push(format!("{task}:"));
        lines.push(format!("  {entry}"));
        return lines.join("\n") + "\n";
    };
    let old =
        (start + 1..end).find(|&at| lines[at].trim_start().starts_with(&format!("{question}:")));
    match old {
        Some(at) => {
            let own = indent(&lines[at]);
            let next = (at + 1..end)
                .find(|&next| {
                    indent(&lines[next]) <= own && !lines[next].trim_start().starts_with("- ")
                })
                .unwrap_or(end);
            let margin = " ".repeat(own);
            lines.splice(at..next, [format!("{margin}{entry}")]);
        }
        None => {
            let margin = lines
                .get(start + 1)
                .filter(|_| start + 1 < end)
                .map_or(2, |line| indent(line).max(1));
            lines.insert(start + 1, format!("{}{entry}", " ".repeat(margin)));
        }
    }
    lines.join("\n") + "\n"
}

/// The text without a task's lines, and those lines; none when they are not found.
pub(super) fn remove(text: &str, task: &str) -> Option<(String, String)> {
    let mut lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    let section = section(&lines, task)?;
    let taken = lines.drain(section).collect();
    Some((lines.concat(), taken))
}

/// A task's lines: its name, and all until something else stands in the first column that is no comment.
fn section(lines: &[String], task: &str) -> Option<Range<usize>> {
    let name = format!("{task}:");
    let start = lines.iter().position(|line| line.trim_end() == name)?;
    let end = (start + 1..lines.len())
        .find(|&at| {
            indent(&lines[at]) == 0 && !lines[at].trim().is_empty() && !lines[at].starts_with('#')
        })
        .unwrap_or(lines.len());
    Some(start..end)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// JSON's strings and lists are YAML's too.
fn entry(question: &str, answer: &Answer) -> String {
    let quoted = match answer.items.as_slice() {
        [one] => serde_json::to_string(one),
        many => serde_json::to_string(many),
    };
    format!("{question}: {}", quoted.unwrap_or_default())
}
