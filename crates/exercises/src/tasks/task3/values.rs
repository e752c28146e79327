//! The answer about the most common values: a bar of a histogram, in whatever unit.

use crate::answers::Answer;
use crate::distribution::Distribution;
use crate::verdict::Judged;

use super::Seen;

const SATOSHI_PER_BITCOIN: f64 = 1e8;

/// The tallest bar of a histogram of powers of two holds between a third and half of values that are spread
/// evenly, by where its edges happen to fall.
const TALL: f64 = 0.3;
/// What a letter behind a number may be a power of: people's, and bpftrace's.
const BASES: [f64; 2] = [1000.0, 1024.0];
/// More than this is not the most common ones, but all.
const ALL: f64 = 0.9;

pub(super) fn values(answer: &Answer, seen: &Seen) -> Judged {
    let text = answer.text();
    let said = format!("you said “{}”", answer.short(60));
    seen.run.judge(|run| {
        let values = &run.truth.added.values;
        if values.is_empty() {
            return Judged::Unknown {
                why: "the values of this run were lost".to_owned(),
                remedy: "run the check again".to_owned(),
            };
        }
        if says_evenly(&text) {
            return match is_even(values) {
                true => Judged::right(format!(
                    "{said}: with steps of equal width no bar stands out"
                )),
                false => Judged::wrong(
                    said,
                    "they are not spread evenly: which bar is the tallest?",
                ),
            };
        }
        let given = Range::read(&text);
        let Some(given) = given else {
            return Judged::wrong(said, "give the bounds of the tallest bar, and their unit");
        };
        // Without a unit it may be either, and every bar that bpftrace prints is one of the units that were tried.
        let units: &[f64] = match given.unit {
            Some(Unit::Satoshi) => &[1.0],
            Some(Unit::Bitcoin) => &[SATOSHI_PER_BITCOIN],
            None => &[1.0, SATOSHI_PER_BITCOIN, 1e5, 1e2],
        };
        let shares = |units: &[f64]| -> Vec<f64> {
            let readings = units
                .iter()
                .flat_map(|unit| BASES.map(|base| (*unit, base)));
            readings
                .map(|(unit, base)| given.share(values, unit, base))
                .collect()
        };
        let said_so = shares(units);
        let is_common = |share: &f64| (TALL..=ALL).contains(share);
        if said_so.iter().any(is_common) {
            return Judged::right(said);
        }
        if said_so.iter().any(|share| *share > ALL) {
            return Judged::wrong(said, "those are all of them: which bar is the tallest?");
        }
        let units = [1.0, SATOSHI_PER_BITCOIN, 1.0 / SATOSHI_PER_BITCOIN];
        let in_another_unit = shares(&units).iter().any(is_common);
        Judged::wrong(
            said,
            if in_another_unit {
                "the numbers may be right; in which unit is the histogram?"
            } else {
                "other values are more common: look for the tallest bar"
            },
        )
    })
}

/// The words of somebody whose histogram had steps of equal width.
fn says_evenly(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "even",
        "uniform",
        "equal",
        "flat",
        "random",
        "no value",
        "all the same",
        "none stand",
    ]
    .iter()
    .any(|word| text.contains(word))
        && !text.contains("not ")
}

fn is_even(values: &Distribution) -> bool {
    let most = values.at(1.0);
    [0.25, 0.5, 0.75]
        .iter()
        .all(|share| (values.at(*share) / most - share).abs() < 0.05)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Satoshi,
    Bitcoin,
}

/// One or two numbers, and what they are.
#[derive(Clone, Debug, PartialEq)]
struct Range {
    numbers: Vec<(f64, Scale)>,
    unit: Option<Unit>,
}

/// What the letter behind a number means.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    One,
    /// `K`, `M`, `G`, `T`, `P`: bpftrace means powers of 1024, people powers of 1000.
    Power(i32),
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let mut numbers = Vec::new();
        let mut rest = lower.as_str();
        while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
            let after = rest.get(start..)?;
            let (number, after) = number(after)?;
            let word_end = after
                .trim_start()
                .find(|letter: char| !letter.is_alphabetic())
                .unwrap_or(after.trim_start().len());
            let word = after.trim_start().get(..word_end)?;
            let glued = !after.starts_with(' ');
            let scale = match word {
                "k" | "thousand" => Scale::Power(1),
                "m" | "mio" | "million" | "millions" => Scale::Power(2),
                "g" | "b" | "billion" | "billions" => Scale::Power(3),
                "t" | "trillion" | "trillions" => Scale::Power(4),
                "p" | "quadrillion" => Scale::Power(5),
                _ if glued && word.starts_with('m') && word.ends_with("btc") && word.len() == 4 => {
                    Scale::Power(2)
                }
                _ => Scale::One,
            };
            numbers.push((number, scale));
            rest = after;
        }
        if numbers.is_empty() || numbers.len() > 2 {
            return None;
        }
        // "8 to 16 million": the word belongs to both.
        if let [first, second] = numbers.as_mut_slice()
            && first.1 == Scale::One
            && second.1 != Scale::One
            && first.0 < 1000.0
        {
            first.1 = second.1;
        }
        let words: Vec<&str> = lower
            .split(|letter: char| !letter.is_alphabetic())
            .collect();
        let satoshi = words.iter().any(|word| word.starts_with("sat"));
        let bitcoin = words
            .iter()
            .any(|word| word.ends_with("btc") || word.starts_with("bitcoin") || *word == "xbt");
        Some(Self {
            numbers,
            unit: match (satoshi, bitcoin) {
                (true, false) => Some(Unit::Satoshi),
                (false, true) => Some(Unit::Bitcoin),
                _ => None,
            },
        })
    }

    /// The share of values in it, when one is `unit` satoshi and a letter behind a number is a power of `base`.
    fn share(&self, values: &Distribution, unit: f64, base: f64) -> f64 {
        let satoshi: Vec<f64> = self
            .numbers
            .iter()
            .map(|(number, scale)| {
                number
                    * unit
                    * match scale {
                        Scale::One => 1.0,
                        Scale::Power(power) => base.powi(*power),
                    }
            })
            .collect();
        match satoshi.as_slice() {
            [low, high] => values.below(high.max(*low)) - values.below(low.min(*high)),
            // One number: the values within a factor of two around it, as a bar would be.
            [one] => {
                let around = 2_f64.sqrt();
                if *one > values.at(1.0) {
                    0.0
                } else {
                    values.below(one * around) - values.below(one / around)
                }
            }
            _ => 0.0,
        }
    }
}

/// A number that `text` begins with: `16777216`, `16,777,216`, `8.5`, `1e15`, `2^50`; and what follows.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|letter: char| !(letter.is_ascii_digit() || "_',.".contains(letter)))
        .unwrap_or(text.len());
    let (digits, mut after) = text.split_at(end);
    let trimmed = digits.trim_end_matches(['.', ',', '\'', '_']);
    if let Some(rest) = text.get(trimmed.len()..) {
        after = rest;
    }
    let groups: Vec<&str> = trimmed.split(['_', '\'', ',', '.']).collect();
    let grouped = groups.len() > 1
        && groups.iter().skip(1).all(|group| group.len() == 3)
        // One point before three digits groups them; bars have whole bounds.
        && groups.first().is_some_and(|first| first.len() <= 3);
    let value: f64 = if grouped || groups.len() == 1 {
        groups.concat().parse().ok()?
    } else {
        trimmed.replace(',', ".").parse().ok()?
    };
    for (mark, base) in [("e", None), ("^", Some(value)), ("**", Some(value))] {
        if let Some(rest) = after.strip_prefix(mark) {
            let end = rest
                .find(|letter: char| !letter.is_ascii_digit())
                .unwrap_or(rest.len());
            let (power, rest) = rest.split_at(end);
            if let Ok(power) = power.parse::<i32>() {
                let value = match base {
                    None => value * 10_f64.powi(power),
                    Some(base) => base.powi(power),
                };
                return Some((value, rest));
            }
        }
    }
    Some((value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        for (text, value, rest) in [
            ("16777216)", 16_777_216.0, ")"),
            ("16,777,216 x", 16_777_216.0, " x"),
            ("8.5m", 8.5, "m"),
            ("8,", 8.0, ","),
            ("1e15", 1e15, ""),
            ("2^50,", 1_125_899_906_842_624.0, ","),
            ("21.000.000", 21e6, ""),
        ] {
            assert_eq!(number(text), Some((value, rest)), "{text}");
        }
    }
}
