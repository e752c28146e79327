//! Where two objects differ.

use object::{File, Object as _, ObjectSection as _};

/// The first difference, in words: a section's, where both are objects that can be read.
pub(super) fn first(committed: &[u8], built: &[u8]) -> String {
    let sizes = format!(
        "committed {} bytes, built {} bytes",
        committed.len(),
        built.len()
    );
    match (sections(committed), sections(built)) {
        (None, _) => format!("{sizes}; the committed one is no ELF object"),
        (_, None) => format!("{sizes}; the built one is no ELF object"),
        (Some(committed_sections), Some(built_sections)) => {
            let section = first_section(&committed_sections, &built_sections)
                .unwrap_or_else(|| byte("outside of all sections", committed, built));
            format!("{sizes}; first difference: {section}")
        }
    }
}

type Section<'a> = (String, &'a [u8]);

fn sections(bytes: &[u8]) -> Option<Vec<Section<'_>>> {
    let file = File::parse(bytes).ok()?;
    file.sections()
        .map(|section| Some((section.name().ok()?.to_owned(), section.data().ok()?)))
        .collect()
}

fn first_section(committed: &[Section<'_>], built: &[Section<'_>]) -> Option<String> {
    let longest = committed.len().max(built.len());
    (0..longest).find_map(|at| match (committed.get(at), built.get(at)) {
        (Some((name, _)), None) => Some(format!("section {name} is only in the committed one")),
        (None, Some((name, _))) => Some(format!("section {name} is only in the built one")),
        (Some((left, _)), Some((right, _))) if left != right => Some(format!(
            "section {left} in the committed one, {right} in the built one"
        )),
        (Some((_, left)), Some((_, right))) if left == right => None,
        (Some((name, left)), Some((_, right))) if left.len() != right.len() => Some(format!(
            "section {name}, committed {} bytes, built {} bytes",
            left.len(),
            right.len()
        )),
        (Some((name, left)), Some((_, right))) => {
            Some(byte(&format!("in section {name}"), left, right))
        }
        (None, None) => None,
    })
}

fn byte(place: &str, left: &[u8], right: &[u8]) -> String {
    let at = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    format!("byte {at:#x} {place}")
}
