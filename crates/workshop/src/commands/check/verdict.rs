//! How a verdict looks.

use anstyle::{AnsiColor, Style};
use exercises::verdict::{Finding, Outcome, State, Verdict};

use crate::output::wrapped;

const INDENT: &str = "    ";

/// All of it, the state last.
pub(crate) fn render(verdict: &Verdict) -> String {
    let mut text = String::new();
    for one in &verdict.findings {
        text.push_str(&finding(one, ""));
    }
    text + &state(&verdict.task, verdict.verdict)
}

/// One finding, after `before`, with what leads on below it.
pub(crate) fn finding(finding: &Finding, before: &str) -> String {
    let (sign, style) = match finding.result {
        Outcome::Right => ("✓", AnsiColor::Green.on_default()),
        Outcome::Wrong => ("✗", AnsiColor::Red.on_default()),
        Outcome::Unknown => ("?", AnsiColor::Yellow.on_default()),
    };
    let about = format!("{}: {}", finding.about, finding.seen);
    // The sign is wrapped as it is and coloured afterwards.
    let plain = format!("{before}{sign} ");
    let about = wrapped(&about, &plain, INDENT, None);
    let about = about.strip_prefix(&plain).unwrap_or(&about);
    let mut text = format!("{before}{style}{sign}{style:#} {about}\n");
    let remark = finding
        .remark
        .as_ref()
        .map(|text| format!("remark: {text}"));
    for below in finding.hint.iter().chain(&remark) {
        text.push_str(&wrapped(below, INDENT, INDENT, None));
        text.push('\n');
    }
    text
}

/// The last line.
pub(crate) fn state(task: &str, state: State) -> String {
    let bold = Style::new().bold();
    format!("{bold}{task}: {}{bold:#}\n", says(state))
}

/// A state in words.
pub(crate) fn says(state: State) -> &'static str {
    match state {
        State::Passed => "passed",
        State::NotPassed => "not passed",
        State::CouldNotCheck => "could not check",
    }
}
