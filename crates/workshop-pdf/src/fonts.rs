//! The built-in fonts, and for other letters the machine's own.

use std::collections::BTreeSet;

use typst_kit::fonts::{FontStore, embedded, system};

/// The fonts for this text, and the letters that none of them has.
///
/// The machine's fonts are looked through only when the built-in ones lack a letter: reading all of them takes
/// longer than a hundred cards, and without them a file is the same on every machine.
pub(crate) fn for_text(text: &str) -> (FontStore, BTreeSet<char>) {
    let mut fonts = FontStore::new();
    fonts.extend(embedded());
    let mut lacking = lacking(
        &fonts,
        text.chars().filter(|letter| is_drawn(*letter)).collect(),
    );
    if !lacking.is_empty() {
        fonts.extend(system());
        lacking = self::lacking(&fonts, lacking);
    }
    (fonts, lacking)
}

fn lacking(fonts: &FontStore, mut letters: BTreeSet<char>) -> BTreeSet<char> {
    for at in 0.. {
        let Some(info) = fonts.book().info(at) else {
            break;
        };
        letters.retain(|letter| !info.coverage.contains(u32::from(*letter)));
    }
    letters
}

/// Blanks and what only joins or chooses forms needs no picture in a font.
fn is_drawn(letter: char) -> bool {
    !letter.is_whitespace()
        && !letter.is_control()
        && !matches!(letter,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_fonts_have_what_our_own_texts_have() {
        let (fonts, lacking) = for_text("Ada Lovelace · “don’t” – … → é ß Ω Я\u{200d}\u{fe0f}");
        assert_eq!(lacking, BTreeSet::new());
        let mut built_in = FontStore::new();
        built_in.extend(embedded());
        assert_eq!(
            fonts.book().families().count(),
            built_in.book().families().count()
        );
    }

    #[test]
    fn a_letter_that_nobody_has_is_told() {
        // A private use character: no font of a machine means anything by it, and few have it.
        let (_, lacking) = for_text("Ada \u{10fffd}");
        assert_eq!(lacking, BTreeSet::from(['\u{10fffd}']));
    }
}
