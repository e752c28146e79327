//! Text from outside, before it stands on paper.

/// Longer, a name would push a card onto a second page.
const LONGEST: usize = 300;

/// On one line, without what only a terminal or a text's direction would act on, and not endless.
///
/// The joiners stay: emoji and several scripts are made with them. Directions are kept apart by the page itself.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_whitespace() || matches!(letter, '\u{85}') => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            letter if letter.is_control() || turns(letter) => {}
            letter => line.push(letter),
        }
    }
    let line = line.trim();
    match line.char_indices().nth(LONGEST) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
    }
}

/// Marks, embeddings, overrides and isolates of the bidirectional algorithm (UAX #9), separators of lines and
/// paragraphs, and the byte order mark.
fn turns(letter: char) -> bool {
    matches!(letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn what_would_move_a_page_is_gone_and_the_rest_is_kept() {
        for (written, shown) in [
            ("Ada Lovelace", "Ada Lovelace"),
            ("  Ada\n\n\tLovelace\r\n", "Ada Lovelace"),
            ("Ada\u{1b}[2J\u{7} Lovelace\0", "Ada[2J Lovelace"),
            ("evil\u{202e}gpj.exe\u{2066}", "evilgpj.exe"),
            ("<b>Ada</b> & 'co'", "<b>Ada</b> & 'co'"),
            // A family, and a word that needs its joiner.
            (
                "👩\u{200d}👩\u{200d}👧 می\u{200c}خواهم",
                "👩\u{200d}👩\u{200d}👧 می\u{200c}خواهم",
            ),
            ("", ""),
        ] {
            assert_eq!(one_line(written), shown, "{written:?}");
        }
    }

    #[test]
    fn nothing_is_endless() {
        assert_eq!(one_line(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(one_line(&"é".repeat(301)), format!("{}…", "é".repeat(300)));
    }
}
