//! Writing the handouts into their folder.

use std::io::Write as _;
use std::path::Path;

use handouts::{Document, Folder, Renderer, TemplateError};
use miette::{IntoDiagnostic as _, WrapErr as _};
use provisioner::names::Word;

use super::Format;

/// Makes every file, then puts all of them in their places: what was there before a run that fails stays. Returns
/// the names of what was written and of what was taken away. Without the `whole` room, only single cards are made.
pub(super) fn make(
    renderer: &Renderer,
    at: &Path,
    formats: &[Format],
    whole: bool,
) -> miette::Result<(Vec<String>, Vec<String>)> {
    let mut folder =
        Folder::open(at).wrap_err_with(|| format!("cannot write to {}", at.display()))?;
    let mut formats = formats.to_vec();
    formats.sort_unstable();
    formats.dedup();
    if whole {
        for document in Document::ALL {
            for format in formats.iter().filter_map(|format| format.of_text()) {
                let name = format!("{}.{}", document.as_str(), format.extension());
                write(&mut folder, &name, |out| {
                    renderer.write(document, format, out)
                })?;
            }
        }
    }
    for (at, seat) in renderer.room().seats.iter().enumerate() {
        for format in formats.iter().filter_map(|format| format.of_text()) {
            let name = format!("cards/{}.{}", seat.word, format.extension());
            write(&mut folder, &name, |out| {
                renderer.write_card(at, format, out)
            })?;
        }
    }
    let seats = &renderer.room().seats;
    folder
        .commit(|name| {
            whole && is_card(name) && seats.iter().all(|seat| !is_card_of(name, &seat.word))
        })
        .into_diagnostic()
        .wrap_err("the handouts could not be put in their places")
}

impl Format {
    fn of_text(self) -> Option<handouts::Format> {
        match self {
            Self::Html => Some(handouts::Format::Html),
            Self::Md => Some(handouts::Format::Markdown),
        }
    }
}

fn write(
    folder: &mut Folder,
    name: &str,
    make: impl FnOnce(&mut std::io::BufWriter<fs_err::File>) -> Result<(), TemplateError>,
) -> miette::Result<()> {
    let mut out = folder.create(name).into_diagnostic()?;
    make(&mut out)?;
    out.flush().into_diagnostic()
}

/// Whether a file is one of our single cards: nothing else that lies there is ever taken away.
fn is_card(name: &str) -> bool {
    card(name).is_some_and(|word| {
        word.parse::<Word>()
            .is_ok_and(|found| found.as_str() == word)
    })
}

fn is_card_of(name: &str, word: &str) -> bool {
    card(name) == Some(word)
}

fn card(name: &str) -> Option<&str> {
    let (word, extension) = name.strip_prefix("cards/")?.split_once('.')?;
    ["html", "md", "pdf"].contains(&extension).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_cards_of_ours_may_go() {
        for (name, ours) in [
            ("cards/zoo.html", true),
            ("cards/zoo.pdf", true),
            ("cards/Zoo.html", false),
            ("cards/zoo.txt", false),
            ("cards/notes.md", false),
            ("cards/zoo.old.html", false),
            ("cards.html", false),
            ("zoo.html", false),
        ] {
            assert_eq!(is_card(name), ours, "{name}");
        }
    }
}
