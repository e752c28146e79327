//! Text from outside: which characters are shown, and which only deceive or command a terminal.

/// Characters that take no room or turn the writing direction: they make two different texts look
/// alike, and come along when people copy from a chat or a web page.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}'                    // soft hyphen
        | '\u{61c}'                 // Arabic letter mark
        | '\u{180e}'                // Mongolian vowel separator
        | '\u{200b}'..='\u{200f}'   // zero-width space to right-to-left mark
        | '\u{2028}'..='\u{202e}'   // line and paragraph separators, embeddings and overrides
        | '\u{2060}'..='\u{2069}'   // word joiner, isolates
        | '\u{feff}'                // byte order mark
        | '\u{fff9}'..='\u{fffb}'   // annotation marks
    )
}

/// Blanks other than the ASCII one, as word processors put between words that stay together.
pub(crate) fn is_odd_blank(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Text that can be printed on one line: control and invisible characters dropped, tabs made blanks.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|&c| !c.is_control() && !is_invisible(c))
        .collect()
}
