//! What the instructor reads on participants' hosts. Whoever is root there may have written all of it.

pub(crate) mod progress;

use std::time::Duration;

/// A host that is well lets us in within a second; one that is busy compiling takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// `text` on one line, without what commands a terminal, and no longer than `most` characters.
pub(crate) fn line(text: &str, most: usize) -> String {
    let text = provisioner::host::printable(text.as_bytes()).replace(['\n', '\t'], " ");
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_hosts_words_stay_on_a_line_and_drive_no_terminal() {
        assert_eq!(
            line("a\x1b[2Jb\r\nc\u{202e}d", 40),
            "a\u{FFFD}[2Jb c\u{FFFD}d"
        );
        assert_eq!(line("abcdef", 4), "abc…");
    }
}
