//! `workshop handouts`: cards, the table for the wall and the task book.

mod eject;
mod make;
mod pdf;
mod room;

use std::path::{Path, PathBuf};

use handouts::{Paper, Renderer, Templates};
use provisioner::roster::{Entry, roster};
use serde::Serialize;

use super::instructor::InventoryArgs;
use crate::cli::{Outcome, Result};
use crate::output::Output;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    eject: Option<Subcommand>,

    #[command(flatten)]
    inventory: InventoryArgs,

    /// Where the handouts go; `handouts` beside the inventory when not given.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Make the cards of these hosts only.
    #[arg(long, value_name = "WORD", num_args = 1..)]
    only: Vec<String>,

    /// What to make; everything when not given.
    #[arg(long, value_enum, value_name = "FORMAT", value_delimiter = ',')]
    format: Vec<Format>,

    /// What is printed on.
    #[arg(long, value_enum, value_name = "PAPER", default_value_t = PaperArg::A4)]
    paper: PaperArg,

    /// Templates of your own; `workshop handouts eject` writes a folder to begin with.
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Subcommand {
    /// Copy the templates into a folder, to edit them.
    Eject(eject::Args),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Format {
    /// Pages that need nothing beside them: for a browser, a phone, a printer.
    Html,
    /// Markdown.
    Md,
    /// PDF, by the program workshop-pdf.
    Pdf,
}

impl Format {
    const ALL: [Self; 3] = [Self::Html, Self::Md, Self::Pdf];
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum PaperArg {
    A4,
    Letter,
}

/// What a card does not say yet.
#[derive(Serialize)]
struct Missing {
    word: String,
    what: Vec<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    folder: &'a Path,
    cards: usize,
    written: Vec<String>,
    removed: Vec<String>,
    missing: Vec<Missing>,
    not_made: Vec<NotMade>,
}

/// A format that was asked for and could not be made.
#[derive(Serialize)]
struct NotMade {
    format: &'static str,
    why: String,
    help: String,
}

/// There is no host of that word to make a card for; all such words at once.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("no host of this workshop is called {}", words.join(" or "))]
#[diagnostic(help("`workshop plan` lists the hosts that the inventory asks for"))]
struct NoSuchHosts {
    words: Vec<String>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result {
    if let Some(Subcommand::Eject(args)) = &args.eject {
        return eject::run(args, output);
    }
    let inventory = args.inventory.load(output)?;
    let mut entries = roster(&inventory, &args.inventory.inventory)?;
    if !args.only.is_empty() {
        entries = only(entries, &args.only)?;
    }
    let templates = match &args.templates {
        Some(folder) => Templates::load(folder)?,
        None => Templates::built_in(),
    };
    let paper = match args.paper {
        PaperArg::A4 => Paper::A4,
        PaperArg::Letter => Paper::Letter,
    };
    let missing: Vec<Missing> = entries.iter().filter_map(missing).collect();
    let room = room::room(&inventory, &entries, paper)?;
    let renderer = Renderer::new(templates, room)?;
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None => beside(&args.inventory.inventory),
    };
    let formats = match args.format.as_slice() {
        [] => Format::ALL.as_slice(),
        chosen => chosen,
    };
    let made = make::make(&renderer, &folder, formats, args.only.is_empty())?;

    if entries.is_empty() {
        output.remark("The inventory asks for no host, so there are no cards: `workshop add`.");
    }
    remark_on(&missing, entries.len(), output);
    for remark in &made.remarks {
        output.remark(remark);
    }
    for name in &made.removed {
        let why = match make::is_file_of_cards(name) {
            true => "the cards are in other files now",
            false => "nobody of the inventory has that host any more",
        };
        output.remark(format_args!(
            "removed {}: {why}",
            folder.join(name).display()
        ));
    }
    let not_made: Vec<NotMade> = made.not_made.into_iter().collect();
    for missed in &not_made {
        let old = if make::has_pdf(&folder) {
            " The PDF files that lie there are of an earlier run."
        } else {
            ""
        };
        output.remark(format_args!(
            "No PDF was made: {}.{old}\nhint: {}",
            missed.why, missed.help
        ));
    }
    // Who asked for it by name did not get it; everybody else has the other formats.
    let outcome = match not_made.is_empty() || args.format.is_empty() {
        true => Outcome::Yes,
        false => Outcome::No,
    };
    if output.json() {
        let document = Document {
            folder: &folder,
            cards: entries.len(),
            written: made.written,
            removed: made.removed,
            missing,
            not_made,
        };
        output.document("handouts", &document)?;
    } else {
        output.text(&listing(&folder, &made.written, entries.len()))?;
    }
    Ok(outcome)
}

/// The hosts of those words, in the order of the inventory.
fn only(entries: Vec<Entry>, words: &[String]) -> std::result::Result<Vec<Entry>, NoSuchHosts> {
    let known = |word: &String| entries.iter().any(|entry| entry.word.as_str() == word);
    let unknown: Vec<String> = words
        .iter()
        .filter(|word| !known(word))
        .map(|word| format!("`{}`", exercises::answers::shorten(word, 40)))
        .collect();
    if !unknown.is_empty() {
        return Err(NoSuchHosts { words: unknown });
    }
    Ok(entries
        .into_iter()
        .filter(|entry| words.iter().any(|word| word == entry.word.as_str()))
        .collect())
}

fn beside(inventory: &Path) -> PathBuf {
    inventory.parent().unwrap_or(Path::new("")).join("handouts")
}

fn missing(entry: &Entry) -> Option<Missing> {
    let mut what = Vec::new();
    if entry.address.is_none() {
        what.push("address");
    }
    if entry.fingerprint.is_none() {
        what.push("host-key");
    }
    if entry.address.is_some() && !entry.verified {
        what.push("verification");
    }
    (!what.is_empty()).then(|| Missing {
        word: entry.word.to_string(),
        what,
    })
}

/// What the instructor should know before anything is printed.
fn remark_on(missing: &[Missing], cards: usize, output: &Output) {
    let of = |what: &str| -> Vec<&str> {
        let lacking = missing
            .iter()
            .filter(|missing| missing.what.contains(&what));
        lacking.map(|missing| missing.word.as_str()).collect()
    };
    let nowhere = of("address");
    if !nowhere.is_empty() {
        let who = match nowhere.len() {
            1 => format!("{} has no address yet", some(&nowhere)),
            all if all == cards => "No host has an address yet".to_owned(),
            _ => format!("{} have no address yet", some(&nowhere)),
        };
        output.remark(format_args!(
            "{who}: such a card leaves a line to write it on. After `workshop provision` run this again."
        ));
    }
    let unverified = of("verification");
    if !unverified.is_empty() {
        let (are, them) = if unverified.len() == 1 {
            ("was", "it")
        } else {
            ("were", "them")
        };
        output.remark(format_args!(
            "{} {are} not verified: `workshop provision` finishes {them}.",
            some(&unverified)
        ));
    }
}

/// A few words, and how many more there are.
fn some(words: &[&str]) -> String {
    const FEW: usize = 5;
    match words.len().checked_sub(FEW) {
        None | Some(0) => words.join(", "),
        Some(more) => format!("{} and {more} more", words[..FEW].join(", ")),
    }
}

/// The files with all cards, tasks and the table, and the folder of single cards as one line.
fn listing(folder: &Path, written: &[String], cards: usize) -> String {
    let mut text = String::new();
    for name in written.iter().filter(|name| !name.contains('/')) {
        text.push_str(&format!("{}\n", folder.join(name).display()));
    }
    let single = written.iter().any(|name| name.starts_with("cards/"));
    if single {
        let cards = if cards == 1 {
            "1 card".to_owned()
        } else {
            format!("{cards} cards, each alone")
        };
        text.push_str(&format!("{}/ ({cards})\n", folder.join("cards").display()));
    }
    text
}
