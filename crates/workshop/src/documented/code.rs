//! What of a document is code. The tests on hosts read it too.

/// The shell lines of fenced blocks, and the code in running text.
pub(super) fn code(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut prose = String::new();
    // The language of the block that we are in.
    let mut block: Option<&str> = None;
    let mut line_so_far = String::new();
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), block) {
            (Some(_), Some(_)) => block = None,
            (Some(language), None) => block = Some(language.trim()),
            (None, Some("sh")) => {
                line_so_far.push_str(line.trim_end_matches('\\'));
                if !line.ends_with('\\') {
                    found.push(std::mem::take(&mut line_so_far));
                }
            }
            (None, Some(_)) => {}
            (None, None) => {
                prose.push_str(line);
                prose.push(' ');
            }
        }
    }
    found.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    found
}
