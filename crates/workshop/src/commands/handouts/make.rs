//! Writing the handouts into their folder.

use std::io::Write as _;
use std::path::Path;

use handouts::{Document, Folder, Renderer, TemplateError};
use miette::{IntoDiagnostic as _, WrapErr as _};
use provisioner::names::Word;

use super::pdf::{self, Pdf};
use super::{Format, NotMade};

/// What a run did.
pub(super) struct Made {
    /// The names of the files that were written.
    pub(super) written: Vec<String>,
    /// Of those that were taken away.
    pub(super) removed: Vec<String>,
    /// What people should know.
    pub(super) remarks: Vec<String>,
    /// What could not be made.
    pub(super) not_made: Option<NotMade>,
}

/// Makes every file, then puts all of them in their places: what was there before a run that fails stays. Without
/// the `whole` room, only single cards are made.
pub(super) fn make(
    renderer: &Renderer,
    at: &Path,
    formats: &[Format],
    whole: bool,
) -> miette::Result<Made> {
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
    let (mut remarks, mut not_made) = (Vec::new(), None);
    if formats.contains(&Format::Pdf) {
        match pdf::make(renderer, &mut folder, whole)? {
            Pdf::Made { remarks: more } => remarks = more,
            Pdf::NotMade { why, help } => {
                not_made = Some(NotMade {
                    format: "pdf",
                    why,
                    help,
                });
            }
        }
    }
    let seats = &renderer.room().seats;
    let pdf_made = formats.contains(&Format::Pdf) && not_made.is_none();
    let outdated = |name: &str| {
        let gone = is_card(name) && seats.iter().all(|seat| !is_card_of(name, &seat.word));
        whole && (gone || pdf_made && is_file_of_cards(name))
    };
    let (written, removed) = folder
        .commit(outdated)
        .into_diagnostic()
        .wrap_err("the handouts could not be put in their places")?;
    Ok(Made {
        written,
        removed,
        remarks,
        not_made,
    })
}

/// Whether PDF files lie in the folder.
pub(super) fn has_pdf(at: &Path) -> bool {
    Document::ALL
        .iter()
        .any(|document| at.join(format!("{}.pdf", document.as_str())).is_file())
}

impl Format {
    fn of_text(self) -> Option<handouts::Format> {
        match self {
            Self::Html => Some(handouts::Format::Html),
            Self::Md => Some(handouts::Format::Markdown),
            Self::Pdf => None,
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

/// Whether a file holds the PDF cards of a room, or a part of them: a room that grows or shrinks has other files.
pub(super) fn is_file_of_cards(name: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let part = |name: &str| name.strip_prefix('-').is_some_and(digits);
    let between = name
        .strip_prefix("cards")
        .and_then(|rest| rest.strip_suffix(".pdf"));
    between.is_some_and(|between| between.is_empty() || part(between))
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
    fn files_of_cards_are_known_by_their_names() {
        for name in ["cards.pdf", "cards-1.pdf", "cards-20.pdf"] {
            assert!(is_file_of_cards(name), "{name}");
        }
        for name in [
            "cards-.pdf",
            "cards-1a.pdf",
            "cards/1.pdf",
            "mycards.pdf",
            "cards-1.html",
            "tasks.pdf",
        ] {
            assert!(!is_file_of_cards(name), "{name}");
        }
    }

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
