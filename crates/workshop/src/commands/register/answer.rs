//! What the instructor types while people join.

use provisioner::register::Applicant;

pub(super) const HELP: &str = "Type: approve NUMBER… | approve all | refuse NUMBER… | list | quit. The first letter will do; 3-7 is a range.";

/// More numbers at once are a mistake.
const MAX_RANGE: u32 = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Approve(Who),
    Refuse(Who),
    List,
    Help,
    Quit,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Everybody who waits.
    All,
    Numbers(Vec<u32>),
}

impl Who {
    /// Their numbers, given who waits.
    pub(super) fn numbers(&self, waiting: &[Applicant]) -> Vec<u32> {
        match self {
            Self::All => waiting.iter().map(|applicant| applicant.number).collect(),
            Self::Numbers(numbers) => numbers.clone(),
        }
    }
}

/// Reads one line; what is wrong with it otherwise.
pub(super) fn parse(line: &str) -> Result<Answer, String> {
    let mut words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
    let Some(verb) = words.next() else {
        return Ok(Answer::List);
    };
    let is = |whole: &str| whole.starts_with(&verb.to_ascii_lowercase());
    if is("approve") {
        return who(words, "approve").map(Answer::Approve);
    }
    if is("refuse") {
        return who(words, "refuse").map(Answer::Refuse);
    }
    let answer = if is("list") {
        Answer::List
    } else if is("quit") || is("exit") {
        Answer::Quit
    } else if is("help") || verb == "?" {
        Answer::Help
    } else {
        return Err(format!("`{}` is no answer.", shown(verb)));
    };
    match words.next() {
        Some(more) => Err(format!(
            "`{}` stands alone, without `{}`.",
            shown(verb),
            shown(more)
        )),
        None => Ok(answer),
    }
}

fn who<'a>(words: impl Iterator<Item = &'a str>, verb: &str) -> Result<Who, String> {
    let words: Vec<&str> = words.collect();
    if words == ["all"] {
        return Ok(Who::All);
    }
    if words.is_empty() {
        return Err(format!("Whom? `{verb} 3`, or `{verb} all`."));
    }
    let mut numbers = Vec::new();
    for word in words {
        let bad = || format!("`{}` is no number of somebody who waits.", shown(word));
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let number = |text: &str| text.trim_start_matches('#').parse::<u32>();
        let (Ok(first), Ok(last)) = (number(first), number(last)) else {
            return Err(bad());
        };
        if last < first || last - first >= MAX_RANGE {
            return Err(bad());
        }
        numbers.extend(
            (first..=last)
                .filter(|number| !numbers.contains(number))
                .collect::<Vec<_>>(),
        );
    }
    Ok(Who::Numbers(numbers))
}

/// A word of the instructor's own, cut where it is no word.
fn shown(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(30).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_they_are_typed() {
        let numbers = |numbers: &[u32]| Who::Numbers(numbers.to_vec());
        for (line, expected) in [
            ("approve 3", Answer::Approve(numbers(&[3]))),
            ("a 3", Answer::Approve(numbers(&[3]))),
            ("A #3, 5-7,6", Answer::Approve(numbers(&[3, 5, 6, 7]))),
            ("approve all", Answer::Approve(Who::All)),
            ("r 2", Answer::Refuse(numbers(&[2]))),
            ("  ", Answer::List),
            ("l", Answer::List),
            ("q", Answer::Quit),
            ("?", Answer::Help),
        ] {
            assert_eq!(parse(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_does_nothing() {
        for line in [
            "approve",
            "approve everybody",
            "approve all 3",
            "a 7-5",
            "a 1-4000000000",
            "a -1",
            "approved 3",
            "3",
            "quit now",
            "\u{1b}[31m",
        ] {
            let message = parse(line).unwrap_err();
            assert!(!message.contains('\u{1b}'), "{message}");
        }
    }
}
