//! How an error looks: `error:`, `caused by:`, `hint:`, and the place in a file where there is one.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use crate::output::{Output, SCHEMA};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const HINT: Style = AnsiColor::Cyan.on_default();

/// Prints `report` for people on standard error, or as the run's JSON document.
pub(crate) fn print(report: &miette::Report, output: &Output) {
    if output.json() {
        let document = Failed {
            schema: SCHEMA,
            error: Error::new(report.as_ref()),
        };
        let text = serde_json::to_string_pretty(&document).unwrap_or_else(|_| report.to_string());
        // Nothing is left to do when even the error cannot be printed.
        let _ = output.text(&(text + "\n"));
    } else {
        output.remark(render(report.as_ref()).trim_end());
    }
}

/// The text of one error and of all errors it stands for.
pub(crate) fn render(error: &dyn Diagnostic) -> String {
    let mut text = String::new();
    let related: Vec<&dyn Diagnostic> = error.related().into_iter().flatten().collect();
    for one in &related {
        text.push_str(&render(*one));
        text.push('\n');
    }
    if error.labels().is_some() && error.source_code().is_some() {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none())
            .with_links(false)
            .with_width(100);
        let mut place = String::new();
        if handler.render_report(&mut place, error).is_ok() {
            text.push_str(&place);
            return text;
        }
    }
    let _ = writeln!(text, "{ERROR}error:{ERROR:#} {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = writeln!(text, "{QUIET}caused by:{QUIET:#} {inner}");
        cause = inner.source();
    }
    if let Some(help) = error.help() {
        let _ = writeln!(text, "{HINT}hint:{HINT:#} {help}");
    }
    text
}

#[derive(Serialize)]
struct Failed {
    schema: u32,
    error: Error,
}

#[derive(Serialize)]
struct Error {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Error>,
}

impl Error {
    fn new(error: &dyn Diagnostic) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(inner) = cause {
            causes.push(inner.to_string());
            cause = inner.source();
        }
        Self {
            message: error.to_string(),
            hint: error.help().map(|help| help.to_string()),
            causes,
            problems: error
                .related()
                .into_iter()
                .flatten()
                .map(Self::new)
                .collect(),
        }
    }
}
