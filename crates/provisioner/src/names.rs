//! Hosts' names: words of the English BIP39 list, kept for good once somebody has one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use bip39::Language;
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::suggest;

/// How many words there are, and so how many hosts a workshop can ever have had (BIP39).
pub const WORDS: usize = 2048;

/// A word of the English BIP39 list. Every one is a host's label as RFC 1123 wants it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Word(u16);

impl Word {
    /// The word itself.
    pub fn as_str(self) -> &'static str {
        Language::English.word_list()[usize::from(self.0)]
    }

    /// The word at this place of the list, counted around its end.
    fn at(index: usize) -> Self {
        // WORDS is 2^11, so the remainder fits.
        Self((index % WORDS) as u16)
    }
}

/// Alphabetical, as the list is.
impl Ord for Word {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Word {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Word({})", self.as_str())
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.as_str().to_owned()
    }
}

impl TryFrom<String> for Word {
    type Error = UnknownWord;

    fn try_from(written: String) -> Result<Self, UnknownWord> {
        written.parse()
    }
}

impl FromStr for Word {
    type Err = UnknownWord;

    fn from_str(written: &str) -> Result<Self, UnknownWord> {
        let lower = written.trim().to_ascii_lowercase();
        Language::English
            .find_word(&lower)
            .map(Self)
            .ok_or_else(|| UnknownWord {
                written: crate::participants::text::printable(written),
                nearest: suggest::nearest(&lower, Language::English.word_list().iter().copied()),
            })
    }
}

/// Something that is no host's name in any workshop.
#[derive(Debug, Error, Diagnostic)]
#[error("`{written}` is not a word of the BIP39 list, from which hosts have their names")]
#[diagnostic(help("{}", match nearest {
    Some(word) => format!("did you mean `{word}`?"),
    None => "`workshop status` lists the hosts".to_owned(),
}))]
pub struct UnknownWord {
    written: String,
    nearest: Option<&'static str>,
}

/// More hosts than words.
#[derive(Debug, Error, Diagnostic)]
#[error("{wanted} hosts need a name, and {left} of the {WORDS} words are left")]
#[diagnostic(help(
    "a word is never given to a second person: split the people over several workshops, each with a folder of its own"
))]
pub struct NotEnoughWords {
    /// Hosts that have no word yet.
    pub wanted: usize,
    /// Words that nobody has or had.
    pub left: usize,
}

/// Gives every identity its word: the recorded one, else one that nobody has or had.
///
/// A new identity gets the word that a hash of it and of the workshop's name points at, or the next
/// one that is free. So the names are the same on every machine and do not depend on the order of the
/// inventory; `assigned` and `retired` make sure that people who come or go change nobody else's.
///
/// # Errors
/// [`NotEnoughWords`], before anything was given away.
pub fn assign<'a>(
    workshop: &str,
    identities: impl IntoIterator<Item = &'a str>,
    assigned: &BTreeMap<String, Word>,
    retired: &BTreeSet<Word>,
) -> Result<BTreeMap<String, Word>, NotEnoughWords> {
    let mut taken: BTreeSet<Word> = assigned.values().chain(retired).copied().collect();
    // Sorted, so that two new people whose hashes meet do not depend on who is named first.
    let identities: BTreeSet<&str> = identities.into_iter().collect();
    let (kept, new): (Vec<&str>, Vec<&str>) = identities
        .into_iter()
        .partition(|identity| assigned.contains_key(*identity));
    let left = WORDS - taken.len();
    if new.len() > left {
        return Err(NotEnoughWords {
            wanted: new.len(),
            left,
        });
    }
    let mut words: BTreeMap<String, Word> = kept
        .into_iter()
        .filter_map(|identity| Some((identity.to_owned(), *assigned.get(identity)?)))
        .collect();
    for identity in new {
        let first = pointed_at(workshop, identity);
        let free = (0..WORDS)
            .map(|step| Word::at(first + step))
            .find(|word| taken.insert(*word));
        // Enough are left, so one is always found.
        if let Some(word) = free {
            words.insert(identity.to_owned(), word);
        }
    }
    Ok(words)
}

/// SHA-256 over workshop, NUL and identity: no name holds a NUL, so no two pairs are the same text.
fn pointed_at(workshop: &str, identity: &str) -> usize {
    let digest = Sha256::new()
        .chain_update(workshop)
        .chain_update([0])
        .chain_update(identity)
        .finalize();
    // 2^16 is a multiple of 2048: every word is equally likely.
    usize::from(u16::from_be_bytes([digest[0], digest[1]])) % WORDS
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    fn fresh(people: &[&str]) -> BTreeMap<String, Word> {
        assign(
            "test",
            people.iter().copied(),
            &BTreeMap::new(),
            &BTreeSet::new(),
        )
        .unwrap()
    }

    #[test]
    fn every_word_is_a_label_of_rfc_1123() {
        let mut seen = BTreeSet::new();
        for index in 0..WORDS {
            let word = Word::at(index);
            let text = word.as_str();
            assert!((1..=63).contains(&text.len()), "{text}");
            assert!(text.bytes().all(|c| c.is_ascii_lowercase()), "{text}");
            assert_eq!(text.parse::<Word>().unwrap(), word);
            assert!(seen.insert(text));
        }
    }

    #[test]
    fn names_are_the_same_on_every_machine() {
        // A change of these renames the hosts of every workshop that was not provisioned yet.
        insta::assert_debug_snapshot!(fresh(&["Ada Lovelace", "Grace Hopper", "Hedy Lamarr"]), @r#"
        {
            "Ada Lovelace": Word(imitate),
            "Grace Hopper": Word(bamboo),
            "Hedy Lamarr": Word(hedgehog),
        }
        "#);
    }

    #[test]
    fn a_slip_gets_a_suggestion() {
        let error = "zebar".parse::<Word>().unwrap_err();
        assert_eq!(error.help().unwrap().to_string(), "did you mean `zebra`?");
        assert_eq!(" Zebra ".parse::<Word>().unwrap().as_str(), "zebra");
        assert!(
            "x\u{1b}[2J"
                .parse::<Word>()
                .unwrap_err()
                .to_string()
                .starts_with("`x[2J`")
        );
        assert!(serde_json::from_str::<Word>("\"nonsense\"").is_err());
        assert_eq!(serde_json::to_string(&Word::at(2047)).unwrap(), "\"zoo\"");
    }

    #[test]
    fn the_list_can_be_used_up_and_no_further() {
        let people: Vec<String> = (0..=WORDS).map(|n| format!("person {n}")).collect();
        let assign = |count: usize, retired: &BTreeSet<Word>| {
            let people = people[..count].iter().map(String::as_str);
            super::assign("test", people, &BTreeMap::new(), retired)
        };
        let all = assign(WORDS, &BTreeSet::new()).unwrap();
        assert_eq!(all.values().collect::<BTreeSet<_>>().len(), WORDS);
        let error = assign(WORDS + 1, &BTreeSet::new()).unwrap_err();
        assert_eq!((error.wanted, error.left), (WORDS + 1, WORDS));
        let one = BTreeSet::from([Word::at(0)]);
        assert!(assign(WORDS, &one).is_err());
    }

    fn names() -> impl Strategy<Value = BTreeSet<String>> {
        // Few letters and many names, so that hashes meet.
        btree_set("[a-d]{1,4}", 1..120)
    }

    proptest! {
        #[test]
        fn unique_and_never_a_word_that_was_anothers(
            people in names(),
            retired in btree_set((0..WORDS).prop_map(Word::at), 0..1500),
        ) {
            let people = people.iter().map(String::as_str);
            let words = assign("w", people.clone(), &BTreeMap::new(), &retired).unwrap();
            prop_assert_eq!(words.len(), people.count());
            prop_assert_eq!(words.values().collect::<BTreeSet<_>>().len(), words.len());
            prop_assert!(words.values().all(|word| !retired.contains(word)));
        }

        #[test]
        fn people_who_come_and_go_change_nobody_else(
            people in names(),
            coming in names(),
            going in vec(any::<Index>(), 0..20),
        ) {
            let before = assign("w", people.iter().map(String::as_str), &BTreeMap::new(), &BTreeSet::new()).unwrap();
            let list: Vec<&String> = people.iter().collect();
            let gone: BTreeSet<&String> = going.iter().map(|index| *index.get(&list)).collect();
            let now: BTreeSet<&String> =
                people.union(&coming).filter(|name| !gone.contains(name)).collect();
            let after = assign("w", now.iter().map(|name| name.as_str()), &before, &BTreeSet::new()).unwrap();
            for (name, word) in &after {
                match before.get(name) {
                    Some(kept) => prop_assert_eq!(word, kept),
                    // Nor does anybody inherit the word of one who left.
                    None => prop_assert!(!before.values().any(|old| old == word)),
                }
            }
        }

        #[test]
        fn order_does_not_matter(people in names(), seed in any::<u64>()) {
            let mut shuffled: Vec<&str> = people.iter().map(String::as_str).collect();
            let sorted = shuffled.clone();
            shuffled.rotate_left(seed as usize % sorted.len());
            shuffled.reverse();
            let assign = |people: Vec<&str>| {
                super::assign("w", people, &BTreeMap::new(), &BTreeSet::new()).unwrap()
            };
            prop_assert_eq!(assign(sorted), assign(shuffled));
        }
    }
}
