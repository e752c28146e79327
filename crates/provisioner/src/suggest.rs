//! "Did you mean …?"

/// The known word that is nearest to what was written, when it is near enough to be a slip.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|word| {
            (
                strsim::damerau_levenshtein(&written, &word.to_lowercase()),
                word,
            )
        })
        // A third of the letters: two slips in `memroy`, none left in `foo`.
        .filter(|(distance, word)| *distance <= word.chars().count().max(3) / 3)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["memory", "cpus", "pids", "disk"];
        assert_eq!(nearest("memroy", known), Some("memory"));
        assert_eq!(nearest("Memory", known), Some("memory"));
        assert_eq!(nearest("cpu", known), Some("cpus"));
        assert_eq!(nearest("swap", known), None);
        assert_eq!(nearest("", known), None);
    }
}
