//! Every command line in the documents is one that the program takes.

mod code;

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use self::code::code;
use crate::cli::Cli;

const DOCUMENTS: [(&str, &str); 7] = [
    ("README.md", include_str!("../../../../README.md")),
    (
        "instructor.md",
        include_str!("../../../../docs/instructor.md"),
    ),
    ("clouds.md", include_str!("../../../../docs/clouds.md")),
    (
        "participant.md",
        include_str!("../../../../docs/participant.md"),
    ),
    (
        "writing-a-task.md",
        include_str!("../../../../docs/writing-a-task.md"),
    ),
    (
        "threat-model.md",
        include_str!("../../../../docs/threat-model.md"),
    ),
    ("glossary.md", include_str!("../../../../docs/glossary.md")),
];

/// What stands for something of the reader's where only certain words are taken.
const STANDS_FOR: [(&str, &str); 4] = [
    ("COMMAND", "status"),
    ("LABEL", "0123abcd"),
    ("HOST:PORT", "127.0.0.1:18443"),
    ("…", "WORD"),
];

/// The words of each call of `workshop` in a shell's line, without its comment.
fn calls(line: &str) -> Vec<Vec<String>> {
    let mut calls = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                word.extend(letters.by_ref().take_while(|inner| *inner != letter));
            }
            '#' if word.is_none() => break,
            '|' | ';' | '&' | '>' => {
                calls.last_mut().unwrap().extend(word.take());
                calls.push(Vec::new());
            }
            _ if letter.is_whitespace() => calls.last_mut().unwrap().extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    calls.last_mut().unwrap().extend(word);
    calls.retain_mut(|words| {
        if words.first().is_some_and(|word| word == "sudo") {
            words.remove(0);
        }
        words.first().is_some_and(|word| word == "workshop") && words.len() > 1
    });
    calls
}

/// Why the program does not take it; none when it does.
fn refused(words: &[String]) -> Option<String> {
    let filled = words.iter().map(|word| {
        let stands = STANDS_FOR.iter().find(|(name, _)| name == word);
        stands.map_or(word.as_str(), |(_, value)| value)
    });
    let error = Cli::command().try_get_matches_from(filled).err()?;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
        // A verb by its name alone is spoken of, not called.
        ErrorKind::MissingRequiredArgument if words.len() == 2 => None,
        _ => Some(error.to_string()),
    }
}

#[test]
fn every_command_line_is_taken() {
    let mut wrong = Vec::new();
    for (name, text) in DOCUMENTS {
        for line in code(text) {
            for words in calls(&line) {
                wrong.extend(refused(&words).map(|why| format!("{name}: `{line}`\n{why}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `--record FILE` in running text is an option of some verb's.
#[test]
fn every_option_is_one_of_a_verb() {
    let mut command = Cli::command();
    command.build();
    let known: BTreeSet<String> = command
        .get_subcommands()
        .flat_map(|verb| {
            let below = verb
                .get_subcommands()
                .flat_map(clap::Command::get_arguments);
            verb.get_arguments().chain(below).collect::<Vec<_>>()
        })
        .filter_map(clap::Arg::get_long)
        .map(|long| format!("--{long}"))
        .collect();
    for name in ["instructor.md", "participant.md"] {
        let (_, text) = DOCUMENTS.iter().find(|(other, _)| *other == name).unwrap();
        for option in code(text).iter().filter(|code| code.starts_with("--")) {
            let long = option.split([' ', '=']).next().unwrap();
            assert!(known.contains(long), "{name}: `{option}`");
        }
    }
}

#[test]
fn a_command_line_that_is_not_taken_is_seen() {
    for (text, seen) in [
        ("`workshop status --jsno`", true),
        (
            "```sh\nworkshop ssh\nworkshop board --once --web # no\n```",
            true,
        ),
        ("```sh\nx | workshop\\\n  nosuch\n```", true),
        ("`workshop add`", false),
        ("`workshop add 'A B' --key a.pub > x`", false),
        ("```text\nworkshop nosuch\n```", false),
    ] {
        let lines = code(text);
        let refused = lines
            .iter()
            .flat_map(|line| calls(line))
            .any(|words| refused(&words).is_some());
        assert_eq!(refused, seen, "{text}: {lines:?}");
    }
}
