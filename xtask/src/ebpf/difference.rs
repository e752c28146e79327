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

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> Vec<u8> {
        std::fs::read(super::super::object()).unwrap()
    }

    #[test]
    fn the_first_byte_that_differs_is_named_with_its_section() {
        let committed = committed();
        let license = b"Dual MIT/GPL";
        let at = committed
            .windows(license.len())
            .position(|window| window == license)
            .unwrap();
        let mut built = committed.clone();
        built[at + 5] = b'X';
        let difference = first(&committed, &built);
        assert!(
            difference.ends_with("first difference: byte 0x5 in section license"),
            "{difference}"
        );
    }

    #[test]
    fn what_lies_outside_of_sections_is_named_too() {
        let committed = committed();
        let mut built = committed.clone();
        // The header's flags.
        built[0x30] ^= 1;
        let difference = first(&committed, &built);
        assert!(
            difference.ends_with("byte 0x30 outside of all sections"),
            "{difference}"
        );
    }

    #[test]
    fn sections_of_other_sizes_and_names() {
        let left = [("maps".to_owned(), &[1_u8, 2][..])];
        let longer = [("maps".to_owned(), &[1_u8, 2, 3][..])];
        let other = [("license".to_owned(), &[1_u8, 2][..])];
        assert_eq!(
            first_section(&left, &longer).unwrap(),
            "section maps, committed 2 bytes, built 3 bytes"
        );
        assert_eq!(
            first_section(&left, &other).unwrap(),
            "section maps in the committed one, license in the built one"
        );
        assert_eq!(
            first_section(&left, &[]).unwrap(),
            "section maps is only in the committed one"
        );
        assert_eq!(first_section(&left, &left), None);
    }

    #[test]
    fn a_damaged_object_is_said_to_be_one() {
        let built = committed();
        assert_eq!(
            first(&built[..10], &built),
            format!(
                "committed 10 bytes, built {} bytes; the committed one is no ELF object",
                built.len()
            )
        );
    }
}
