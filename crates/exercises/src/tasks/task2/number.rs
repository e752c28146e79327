//! How many peers there are. They come and go, so every number that was true since one looked is right.

use super::seen::Seen;
use crate::answers::Answer;
use crate::verdict::Judged;

pub(super) fn peers(answer: &Answer, seen: &Seen) -> Judged {
    seen.window.judge(|window| {
        let said = format!("you said “{}”", answer.short(60));
        let Some(given) = number(&answer.text()) else {
            return Judged::wrong(said, "give a number");
        };
        let now = window.numbers();
        if now.contains(&given) {
            return Judged::right(said);
        }
        if seen
            .recent()
            .any(|session| session.numbers.contains(&given))
        {
            return Judged::right(format!("{said}, and so it was while you watched"));
        }
        let last = u64::try_from(window.after.len()).unwrap_or(u64::MAX);
        let inbound = window
            .after
            .iter()
            .filter(|peer| peer.connection_type == "inbound");
        let inbound = u64::try_from(inbound.count()).unwrap_or(u64::MAX);
        let elsewhere = seen
            .sessions
            .iter()
            .find(|session| !session.own_node && session.numbers.contains(&given));
        let hint = if let Some(session) = elsewhere {
            format!(
                "so many had {} when you watched it; this is about the server's own node",
                session.program
            )
        } else if given == inbound {
            "so many are inbound; the question is about all".to_owned()
        } else if given == last.saturating_sub(inbound) {
            "so many are not inbound; the question is about all".to_owned()
        } else if given > *now.end() {
            "it has fewer just now, and you did not record that it had so many".to_owned()
        } else {
            "it has more just now, and you did not record that it had so few".to_owned()
        };
        Judged::wrong(said, hint)
    })
}

/// The number in an answer: the first, or the sum where each is said to be a part (`2 inbound and 1 outbound`).
fn number(text: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut numbers = words
        .iter()
        .enumerate()
        .filter_map(|(at, word)| Some((at, word.parse::<u64>().ok()?)));
    let Some((at, first)) = numbers.next() else {
        return words
            .iter()
            .any(|word| matches!(*word, "none" | "no" | "zero"))
            .then_some(0);
    };
    let is_part = |at: usize| {
        words.get(at + 1).is_some_and(|word| {
            ["in", "out", "manual", "block", "feeler"]
                .iter()
                .any(|part| word.starts_with(part))
        })
    };
    if !is_part(at) {
        return Some(first);
    }
    let rest = numbers
        .filter(|(at, _)| is_part(*at))
        .map(|(_, number)| number);
    Some(rest.fold(first, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn the_number_is_found() {
        for (text, found) in [
            ("3", Some(3)),
            ("3 peers", Some(3)),
            ("3 peers: 2 inbound, 1 outbound", Some(3)),
            ("2 inbound and 1 outbound", Some(3)),
            ("2 inbound, 1 manual", Some(3)),
            ("none", Some(0)),
            ("no peers", Some(0)),
            ("many", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(number(text), found, "{text}");
        }
    }
}
