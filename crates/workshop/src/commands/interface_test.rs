//! `workshop interface-test [BINARY]`: does every documented tracepoint fire, and does it say what RPC says?

use std::fmt::Write as _;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use exercises::interface::{self, Report, Result as Came};
use exercises::verdict::State;
use miette::IntoDiagnostic as _;

use crate::cli::{Outcome, Result};
use crate::gather::Places;
use crate::live::CouldNot;
use crate::live::cancel::Cancel;
use crate::live::interface::InterfaceTest;
use crate::live::root::{self, Observation as _};
use crate::output::Output;
use crate::participant::Host;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The bitcoind; on a workshop's host the tree's when not given.
    binary: Option<PathBuf>,

    /// The source tree, whose doc/tracing.md says what the tracepoints are.
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,

    /// Do not become root: see what becomes of the test without.
    #[arg(long)]
    no_sudo: bool,
}

/// The test could not be made.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the interface cannot be tested: {why}")]
#[diagnostic(help("{remedy}"))]
struct NotTested {
    why: String,
    remedy: String,
}

impl From<CouldNot> for NotTested {
    fn from(CouldNot { why, remedy }: CouldNot) -> Self {
        Self { why, remedy }
    }
}

/// Exit 0 all right, 1 something is not, 2 something could not be found out.
pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let cancel = Cancel::on_signals().into_diagnostic()?;
    let places = Places {
        tree: args.tree.clone(),
        binary: args.binary.clone(),
        ..Places::default()
    };
    let test = InterfaceTest::of(&Host::here()?, &places, &cancel).map_err(NotTested::from)?;
    output.remark(format_args!(
        "Testing {} on temporary regtest nodes …",
        test.program.display()
    ));
    let seen = if args.no_sudo {
        test.look(&cancel)
    } else {
        root::observe(&test, &cancel)
    };
    let report = interface::report(&seen.map_err(NotTested::from)?);
    if output.json() {
        output.document("interface-test", &report)?;
    } else {
        output.text(&render(&report))?;
    }
    Ok(match report.verdict {
        State::Passed => Outcome::Yes,
        State::NotPassed => Outcome::No,
        State::CouldNotCheck => Outcome::CouldNot,
    })
}

fn render(report: &Report) -> String {
    let mut text = String::new();
    let width = report
        .tracepoints
        .iter()
        .map(|line| line.id.to_string().len());
    let width = width.max().unwrap_or(0);
    for line in &report.tracepoints {
        let (sign, style) = match line.result {
            Came::Right => ("✓", AnsiColor::Green.on_default()),
            Came::Wrong => ("✗", AnsiColor::Red.on_default()),
            Came::Unknown => ("?", AnsiColor::Yellow.on_default()),
            Came::NotBuilt => ("–", Style::new().dimmed()),
        };
        let events = match (line.result, line.events) {
            (Came::NotBuilt, _) => line.remarks.join(", "),
            (_, 1) => "1 event".to_owned(),
            (_, count) => format!("{count} events"),
        };
        let _ = writeln!(text, "{style}{sign}{style:#} {:<width$}  {events}", line.id);
        for problem in &line.problems {
            let _ = writeln!(text, "    {problem}");
        }
        if line.result != Came::NotBuilt {
            for remark in &line.remarks {
                let _ = writeln!(text, "    remark: {remark}");
            }
        }
    }
    for remark in &report.remarks {
        let _ = writeln!(text, "remark: {remark}");
    }
    let bold = Style::new().bold();
    let right = report
        .tracepoints
        .iter()
        .filter(|line| line.result == Came::Right);
    let _ = writeln!(
        text,
        "{bold}{} of {} documented tracepoints are right{bold:#} ({}, by {})",
        right.count(),
        report.tracepoints.len(),
        report.version,
        report.documented_in
    );
    text
}
