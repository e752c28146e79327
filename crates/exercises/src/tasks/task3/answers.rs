//! The answers about the program, the argument, and the counts.

use crate::answers::{Answer, shorten};
use crate::verdict::Judged;

use super::{Counts, Seen, grouped};

/// So far from a run that we saw, runs with another seed may be: 1 % is what they differ by.
const PERCENT: u64 = 5;

pub(super) fn binary(answer: &Answer, seen: &Seen) -> Judged {
    let text = answer.text();
    let said = format!("you said “{}”", answer.short(60));
    let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let right = file(&seen.binary);
    let words: Vec<&str> = text
        .split(|letter: char| letter.is_whitespace() || ",;()\"'`".contains(letter))
        .map(|word| word.trim_end_matches(['.', ':']))
        .filter(|word| !word.is_empty())
        .collect();
    let Some(named) = words.iter().find(|word| file(word) == right) else {
        return Judged::wrong(
            said,
            if words.iter().any(|word| file(word).starts_with("bitcoind")) {
                "bitcoind has these tracepoints too, and runs no unit test: which command starts the test?"
            } else {
                "name the program that is started for the test, as its file is called"
            },
        );
    };
    let path: Vec<&str> = parts(named);
    if parts(&seen.binary)
        .iter()
        .rev()
        .zip(path.iter().rev())
        .all(|(ours, given)| ours == given)
    {
        Judged::right(said)
    } else {
        Judged::wrong(said, "the name is right; it lies in another folder")
    }
}

/// The folders and the name, without what only says where one stands.
fn parts(path: &str) -> Vec<&str> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect()
}

/// Which argument is asked for, from 0.
const FOURTH: usize = 3;

pub(super) fn argument(answer: &Answer, seen: &Seen) -> Judged {
    let text = answer.text().to_lowercase();
    let said = format!("you said “{}”", answer.short(60));
    let Some(name) = seen.arguments.get(FOURTH) else {
        return Judged::Unknown {
            why: "utxocache:add has no fourth argument in the documentation of this version"
                .to_owned(),
            remedy: "tell the instructor".to_owned(),
        };
    };
    let words: Vec<&str> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let meant = |name: &str| {
        name.split('_')
            .filter(|part| !matches!(*part, "is" | "of" | "the" | "output"))
            .any(|part| words.contains(&part))
    };
    // What the value is called elsewhere: CTxOut's nValue, and its unit.
    let value = [
        "value", "values", "nvalue", "amount", "satoshi", "satoshis", "sat", "sats", "worth",
    ];
    let right =
        meant(name) || (name.contains("value") && words.iter().any(|word| value.contains(word)));
    if right {
        let satoshi = words.iter().any(|word| word.starts_with("sat"));
        let bitcoin = words.contains(&"btc") || text.contains("in bitcoin");
        return if bitcoin && !satoshi {
            Judged::wrong(said, "the argument is right; its unit is another one")
        } else {
            Judged::right(said)
        };
    }
    let other = seen.arguments.iter().position(|name| meant(name));
    Judged::wrong(
        said,
        match other {
            Some(at) => format!("that is argument {}, which bpftrace calls arg{at}", at + 1),
            None => {
                "what is it of the coin? The documentation numbers them from 1, bpftrace from arg0"
                    .to_owned()
            }
        },
    )
}

pub(super) fn counts(answer: &Answer, seen: &Seen) -> Judged {
    let said = format!("you said “{}”", answer.short(60));
    let given = match Given::read(&answer.text()) {
        Ok(given) => given,
        Err(hint) => return Judged::wrong(said, hint),
    };
    let Given { added, spent } = given;
    let this = match &seen.run {
        crate::Observed::Known(run) => Some(Counts {
            added: run.truth.added.count,
            spent: run.truth.spent.count,
        }),
        crate::Observed::Unknown { .. } => None,
    };
    let known: Vec<Counts> = this
        .into_iter()
        .chain(seen.earlier.iter().copied())
        .collect();
    if known.is_empty() {
        return seen.run.judge(|_| Judged::right(""));
    }
    if known
        .iter()
        .any(|run| run.added == added && run.spent == spent)
    {
        return Judged::right(format!("{said}: that is a run we saw"));
    }
    let near = |given: u64, run: u64| given.abs_diff(run) <= run * PERCENT / 100;
    let any = |holds: &dyn Fn(&Counts) -> bool| known.iter().any(holds);
    if any(&|run| near(added, run.added) && near(spent, run.spent)) {
        return Judged::right(format!(
            "{said}: within {PERCENT} % of a run we saw; each run has a seed of its own"
        ));
    }
    let hint = if any(&|run| near(added, run.spent) && near(spent, run.added)) {
        "the other way round: added first, then spent".to_owned()
    } else if any(&|run| near(added, run.added)) {
        "added may be right; spent is not".to_owned()
    } else if any(&|run| near(spent, run.spent)) {
        "spent may be right; added is not".to_owned()
    } else if any(&|run| added > run.added && spent > run.spent) {
        "more than a run of this one test has: which tests ran, and how often?".to_owned()
    } else {
        "that is not what a run of this test has: run it with your script, and read the numbers off"
            .to_owned()
    };
    Judged::wrong(said, hint)
}

/// Two numbers that were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Given {
    added: u64,
    spent: u64,
}

impl Given {
    /// From words such as `13,785 added and 16102 spent`; without words the added ones come first.
    fn read(text: &str) -> Result<Self, String> {
        let mut numbers: Vec<(u64, Option<bool>)> = Vec::new();
        let mut label = None;
        // Whether the words stand before their numbers: then the first thing is a word.
        let mut words_first = None;
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            if letter.is_ascii_digit() {
                let (digits, after) = grouped_digits(rest);
                rest = after;
                let number: u64 = digits
                    .parse()
                    .map_err(|_| format!("“{}” is no number of coins", shorten(&digits, 30)))?;
                numbers.push((
                    number,
                    if words_first == Some(true) {
                        label
                    } else {
                        None
                    },
                ));
                words_first = words_first.or(Some(false));
            } else if letter.is_alphabetic() {
                let end = rest
                    .find(|letter: char| !letter.is_alphabetic())
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                let word = word.to_lowercase();
                // Added is true.
                let says = match (word.contains("add"), word.contains("spen")) {
                    (true, false) => Some(true),
                    (false, true) => Some(false),
                    _ => continue,
                };
                words_first = words_first.or(Some(true));
                label = says;
                if words_first == Some(false)
                    && let Some(last) = numbers.last_mut()
                {
                    last.1 = says;
                }
            } else {
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            }
        }
        match numbers.as_slice() {
            [(a, first), (b, second)] => match (first, second) {
                (Some(false), _) | (_, Some(true)) => Ok(Self {
                    added: *b,
                    spent: *a,
                }),
                _ => Ok(Self {
                    added: *a,
                    spent: *b,
                }),
            },
            [] => Err("give two numbers: how many were added, and how many spent".to_owned()),
            [_] => Err("one number is missing: added first, then spent".to_owned()),
            many => Err(format!(
                "{} numbers: give two, added and spent",
                grouped(u64::try_from(many.len()).unwrap_or(u64::MAX))
            )),
        }
    }
}

/// The digits that `text` begins with, of `13,785`, `13.785`, `13'785` and `13 785` too, and what follows.
fn grouped_digits(text: &str) -> (String, &str) {
    let end = |text: &str| {
        text.find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let (first, mut rest) = text.split_at(end(text));
    let mut digits = first.to_owned();
    if first.len() > 3 {
        return (digits, rest);
    }
    while let Some(after) = rest.strip_prefix([',', '.', '\'', ' ', '_'])
        && end(after) == 3
    {
        let (group, following) = after.split_at(3);
        digits.push_str(group);
        rest = following;
    }
    (digits, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_read_however_they_are_written() {
        for text in [
            "13785 16102",
            "13,785 16,102",
            "13.785 / 16.102",
            "13 785 16 102",
            "13'785, 16'102",
            "added 13785, spent 16102",
            "added: 13785 spent: 16102",
            "13785 added and 16102 spent",
            "spent 16102 added 13785",
            "16102 spent, 13785 added",
            "@added: 13785 @spent: 16102",
            "we saw 13785 UTXOs added and 16102 UTXOs spent",
        ] {
            let expected = Given {
                added: 13_785,
                spent: 16_102,
            };
            assert_eq!(Given::read(text), Ok(expected), "{text}");
        }
        for (text, hint) in [
            ("many", "give two numbers"),
            ("13785", "one number is missing"),
            ("1 2 3", "3 numbers"),
            ("99999999999999999999999 1", "no number of coins"),
        ] {
            let said = Given::read(text).unwrap_err();
            assert!(said.contains(hint), "{text}: {said}");
        }
    }
}
