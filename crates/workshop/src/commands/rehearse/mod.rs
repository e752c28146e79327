//! `workshop rehearse [WORD]`: tries every task on a host before the day, right and wrong.

mod report;

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use provisioner::rehearsal;
use serde::Serialize;

use self::report::Report;
use super::instructor::{self, InventoryArgs};
use crate::cli::{Outcome, Result};
use crate::output::Output;
use crate::rehearsal::plan::{Piece, Tried, Wanted};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,

    /// The host, instead of a spare. Nobody's work there is touched, but it is slower meanwhile.
    word: Option<String>,

    #[command(flatten)]
    wanted: Wanted,

    /// Rehearse in this account, where nobody has worked: one line for each piece. `rehearse` has hosts do so.
    #[arg(long, hide = true, conflicts_with = "word")]
    here: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    host: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

/// Exit 1 when something was misjudged.
pub(crate) fn run(args: &Args, output: &Output) -> Result {
    let pieces = args.wanted.pieces()?;
    if args.here {
        return here(&pieces, output);
    }
    let inventory = &args.inventory.inventory;
    let mut report = Report::new(&pieces);
    let mut progress = Progress::new(&pieces, *output);
    let ran = instructor::block_on(async {
        let arguments = args.wanted.arguments();
        rehearsal::rehearse(inventory, args.word.as_deref(), &arguments, |line| {
            // What else a host prints is told when it ends badly.
            let tried = serde_json::from_str::<Tried>(line).ok();
            if let Some(tried) = tried.and_then(|tried| report.add(tried)) {
                progress.tell(tried);
            }
        })
        .await
    })?;
    progress.end();
    let seat = match ran {
        Ok(seat) => seat,
        Err(error) => {
            // What was seen until then is worth reading.
            if !report.is_empty() && !output.json() {
                output.text(&report.to_string())?;
            }
            return Err(error.into());
        }
    };
    if output.json() {
        output.document(
            "rehearse",
            &Document {
                host: &seat.word,
                report: &report,
            },
        )?;
    } else {
        output.text(&format!("{} ({})\n{report}", seat.word, seat.identity))?;
    }
    Ok(report.outcome())
}

#[cfg(target_os = "linux")]
fn here(pieces: &[Piece], output: &Output) -> Result {
    use miette::IntoDiagnostic as _;

    let cancel = crate::cancel::Cancel::on_signals_of_a_parent().into_diagnostic()?;
    let output = output.lines();
    let mut well = true;
    crate::rehearsal::here::rehearse(pieces, &cancel, |tried| {
        well &= tried.misjudged.is_empty();
        output.text(&output.encode(tried).into_diagnostic()?)
    })?;
    Ok(if well { Outcome::Yes } else { Outcome::No })
}

#[cfg(not(target_os = "linux"))]
fn here(_: &[Piece], _: &Output) -> Result {
    Err(miette::miette!("tasks are rehearsed on Linux"))
}

/// A bar on a terminal, a line for each piece elsewhere.
struct Progress {
    bar: ProgressBar,
    output: Output,
}

impl Progress {
    fn new(pieces: &[Piece], output: Output) -> Self {
        let bar = if crate::progress::is_terminal() {
            ProgressBar::new(pieces.len() as u64)
        } else {
            ProgressBar::hidden()
        };
        let template = "{spinner} {elapsed:>3} {pos}/{len} {wide_bar} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message("copies the tree");
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, output }
    }

    fn tell(&self, tried: &Tried) {
        self.bar.inc(1);
        let name = format!("{} {}", tried.task, tried.name);
        if self.bar.is_hidden() {
            let how = if tried.misjudged.is_empty() {
                "as it should"
            } else {
                "MISJUDGED"
            };
            self.output
                .remark(format_args!("{name}: {how}, {:.1} s", tried.seconds));
        } else {
            self.bar.set_message(name);
        }
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}
