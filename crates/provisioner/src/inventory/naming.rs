//! Names and initials: what people call themselves, in one form, and which two look alike.

use unicode_normalization::UnicodeNormalization as _;

use super::read::shown;
use super::values::{Bad, bad};
use crate::participants::text::{is_invisible, is_odd_blank};

const MAX_WORKSHOP_NAME: usize = 100;
const MAX_PERSON_NAME: usize = 64;

pub(crate) fn workshop_name(text: &str) -> Result<String, Bad> {
    name(text, MAX_WORKSHOP_NAME)
}

pub(crate) fn person_name(text: &str) -> Result<String, Bad> {
    name(text, MAX_PERSON_NAME)
}

/// A name as people write it: one line, visible, composed, with single blanks.
fn name(text: &str, max: usize) -> Result<String, Bad> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return bad("the name is empty", "write a name");
    }
    if let Some(c) = trimmed.chars().find(|c| c.is_control() || is_invisible(*c)) {
        return bad(
            format!(
                "the name `{}` holds a character that cannot be seen (U+{:04X})",
                shown(trimmed),
                u32::from(c)
            ),
            "write it anew, on one line",
        );
    }
    if !trimmed.chars().any(char::is_alphanumeric) {
        return bad(
            format!("the name `{}` has no letter", shown(trimmed)),
            "write a name",
        );
    }
    let composed: String = trimmed.nfc().collect();
    let name = composed
        .split(|c: char| c == ' ' || is_odd_blank(c))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let length = name.chars().count();
    if length > max {
        return bad(
            format!("the name has {length} characters; at most {max} fit"),
            "shorten it",
        );
    }
    Ok(name)
}

/// The initials that were written, upper case.
pub(crate) fn initials(text: &str) -> Result<String, Bad> {
    let text = text.trim();
    let letters = text.chars().count();
    if !(1..=4).contains(&letters) || !text.chars().all(char::is_alphabetic) {
        return bad(
            format!("`{}` are no initials", shown(text)),
            "write one to four letters, without dots or blanks, such as AL",
        );
    }
    Ok(text.nfc().flat_map(char::to_uppercase).collect())
}

/// Initials from a name: the first letter of up to four words, or the first two of a single word.
pub(crate) fn initials_of(name: &str) -> Result<String, Bad> {
    let first = |word: &str| word.chars().find(|c| c.is_alphabetic());
    let words: Vec<char> = name.split([' ', '-']).filter_map(first).collect();
    let letters: Vec<char> = match words.len() {
        0 => {
            return bad(
                format!("no initials can be made from the name `{}`", shown(name)),
                "add `initials:` with one to four letters",
            );
        }
        1 => name.chars().filter(|c| c.is_alphabetic()).take(2).collect(),
        _ => words.into_iter().take(4).collect(),
    };
    Ok(letters.into_iter().flat_map(char::to_uppercase).collect())
}

/// The form in which two names that people take for one another are equal: no case, no blanks or
/// hyphens, compatibility forms resolved, and the Cyrillic and Greek letters that look Latin replaced.
pub(crate) fn lookalike(name: &str) -> String {
    name.nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .map(|c| match c {
            'а' | 'α' => 'a',
            'с' => 'c',
            'е' | 'ε' => 'e',
            'һ' => 'h',
            'і' | 'ι' | 'ı' => 'i',
            'ј' => 'j',
            'к' | 'κ' => 'k',
            'ο' | 'о' => 'o',
            'р' | 'ρ' => 'p',
            'ѕ' => 's',
            'т' | 'τ' => 't',
            'υ' | 'у' | 'γ' => 'y',
            'ν' => 'v',
            'х' | 'χ' => 'x',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_from_names() {
        let table = [
            "Ada Lovelace",
            "Satoshi",
            "0xB10C",
            "Jean-Luc Picard",
            "Ana de la Vega y Soto",
            "Łukasz Żak",
            "X Æ A-12",
            "伊藤 博文",
        ]
        .map(|name| {
            format!(
                "{name}: {}",
                initials_of(name).unwrap_or_else(|bad| bad.message)
            )
        });
        insta::assert_snapshot!(table.join("\n"), @"
        Ada Lovelace: AL
        Satoshi: SA
        0xB10C: XB
        Jean-Luc Picard: JLP
        Ana de la Vega y Soto: ADLV
        Łukasz Żak: ŁŻ
        X Æ A-12: XÆA
        伊藤 博文: 伊博
        ");
    }

    #[test]
    fn names_that_look_alike() {
        for (one, two) in [
            ("Ada Lovelace", "ada  LOVELACE"),
            ("Ada Lovelace", "Аda Lovelace"),
            ("José", "Jose\u{301}"),
            ("Ｇrace", "Grace"),
        ] {
            assert_eq!(lookalike(one), lookalike(two), "{one} {two}");
        }
        assert_ne!(lookalike("Ada"), lookalike("Ida"));
    }
}
