//! A bpftrace script, read well enough for a hint: which probes it names, under which conditions, what it draws
//! histograms of. It never decides what a run can decide.

use std::collections::BTreeSet;

use crate::tracepoint::Tracepoint;

/// A script's clauses: `probe, probe /condition/ { body }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// In order.
    pub clauses: Vec<Clause>,
}

/// Probes and what is done when they fire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clause {
    /// As written.
    pub probes: Vec<String>,
    /// What stands between the slashes.
    pub condition: Option<String>,
    /// What stands between the braces.
    pub body: String,
}

/// A USDT probe as a script names it: `usdt:FILE:CONTEXT:EVENT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// As written.
    pub file: String,
    /// May hold `*`.
    pub tracepoint: Tracepoint,
}

/// A histogram that a script draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The map, without its key.
    pub map: String,
    /// Whether of equal steps: `lhist`.
    pub linear: bool,
    /// Of what, as written.
    pub of: String,
    /// The tracepoint's arguments in it, also through variables.
    pub args: BTreeSet<u8>,
    /// The other parts of an `lhist`: bounds and step.
    pub bounds: Vec<String>,
}

impl Script {
    /// Reads what can be read of a script, whatever it is.
    pub fn parse(text: &str) -> Self {
        let text = without_comments(text);
        let mut clauses = Vec::new();
        let mut rest = text.as_str();
        while let Some(open) = outside_strings(rest, '{') {
            let (head, after) = rest.split_at(open);
            let body_end = closing(after).unwrap_or(after.len());
            let body = after.get(1..body_end).unwrap_or_default();
            let (probes, condition) = head_parts(head);
            clauses.push(Clause {
                probes,
                condition,
                body: body.trim().to_owned(),
            });
            rest = after.get(body_end + 1..).unwrap_or_default();
        }
        Self { clauses }
    }

    /// Whether there is nothing to run in it.
    pub fn is_empty(&self) -> bool {
        self.clauses.iter().all(|clause| clause.probes.is_empty())
    }

    /// The USDT probes, with the place of their clause.
    pub fn hooks(&self) -> impl Iterator<Item = (&Clause, Hook)> {
        self.clauses.iter().flat_map(|clause| {
            clause
                .probes
                .iter()
                .filter_map(move |probe| Some((clause, hook(probe)?)))
        })
    }

    /// The clauses that run for a tracepoint, of whichever file.
    pub fn clauses_of(&self, tracepoint: &Tracepoint) -> impl Iterator<Item = &Clause> {
        self.hooks()
            .filter(|(_, hook)| {
                matches(&hook.tracepoint.context, &tracepoint.context)
                    && matches(&hook.tracepoint.event, &tracepoint.event)
            })
            .map(|(clause, _)| clause)
    }

    /// Every histogram it draws.
    pub fn drawn(&self) -> Vec<Drawn> {
        self.clauses.iter().flat_map(Clause::drawn).collect()
    }

    /// Whether a number is written in it.
    pub fn has_literal(&self, number: u64) -> bool {
        self.clauses.iter().any(|clause| {
            words(&clause.body)
                .any(|word| word.replace('_', "").parse::<u64>().ok() == Some(number))
        })
    }
}

impl Clause {
    /// What it asks before it counts: its own condition, or the first `if`.
    pub fn asks(&self) -> Option<String> {
        self.condition.clone().or_else(|| {
            let at = self.body.find("if")?;
            let rest = self.body.get(at + 2..)?.trim_start();
            let end = closing(rest)?;
            rest.starts_with('(')
                .then(|| rest.get(1..end).map(str::to_owned))?
        })
    }

    fn drawn(&self) -> Vec<Drawn> {
        let mut drawn = Vec::new();
        let mut from = 0;
        while let Some(found) = self.body.get(from..).and_then(|rest| rest.find("hist(")) {
            let at = from + found;
            let open = at + "hist".len();
            from = open;
            let before = self.body.get(..at).unwrap_or_default();
            let linear = before.ends_with('l');
            let before = before.strip_suffix('l').unwrap_or(before);
            // A name that only ends so.
            if before.ends_with(|letter: char| letter.is_alphanumeric() || "_$@".contains(letter)) {
                continue;
            }
            let rest = self.body.get(open..).unwrap_or_default();
            let inside = closing(rest).and_then(|end| rest.get(1..end));
            let mut arguments = commas(inside.unwrap_or_default()).into_iter();
            let of = arguments.next().unwrap_or_default();
            let args = self.args_in(&of, 4);
            drawn.push(Drawn {
                map: map_before(before),
                linear,
                of,
                args,
                bounds: arguments.collect(),
            });
        }
        drawn
    }

    /// The tracepoint's arguments that an expression depends on, through so many variables.
    fn args_in(&self, expression: &str, depth: u32) -> BTreeSet<u8> {
        let mut args = BTreeSet::new();
        for word in words(expression) {
            if let Some(number) = word.strip_prefix("arg").and_then(|rest| rest.parse().ok()) {
                args.insert(number);
            } else if word.starts_with('$') && depth > 0 {
                for statement in self.body.split([';', '{', '}', '\n']) {
                    let Some((left, right)) = statement.split_once('=') else {
                        continue;
                    };
                    if left.trim().ends_with(word) {
                        args.extend(self.args_in(right, depth - 1));
                    }
                }
            }
        }
        args
    }
}

fn hook(probe: &str) -> Option<Hook> {
    let rest = probe
        .strip_prefix("usdt:")
        .or_else(|| probe.strip_prefix("U:"))?;
    let (rest, event) = rest.rsplit_once(':')?;
    let (file, context) = rest.rsplit_once(':').unwrap_or((rest, "*"));
    Some(Hook {
        file: file.trim_matches('"').to_owned(),
        tracepoint: Tracepoint::new(context, event.trim_matches('"')),
    })
}

/// Whether a name is meant by a pattern with `*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let rest = rest.trim_start_matches('*');
            name.char_indices()
                .map(|(at, _)| at)
                .chain([name.len()])
                .any(|at| name.get(at..).is_some_and(|name| matches(rest, name)))
        }),
    }
}

fn head_parts(head: &str) -> (Vec<String>, Option<String>) {
    // A slash of a path follows a letter, a point or a colon.
    let slash = head
        .char_indices()
        .find(|(at, letter)| {
            *letter == '/'
                && head
                    .get(..*at)
                    .and_then(|before| before.chars().next_back())
                    .is_some_and(char::is_whitespace)
        })
        .map(|(at, _)| at);
    let (probes, condition) = match slash {
        Some(at) => {
            let (probes, rest) = head.split_at(at);
            let condition = rest.trim().trim_matches('/').trim();
            (probes, Some(condition.to_owned()))
        }
        None => (head, None),
    };
    let probes = probes
        .split(',')
        // A statement before it, such as `config = …;`.
        .map(|probe| probe.rsplit(';').next().unwrap_or(probe).trim())
        .filter(|probe| !probe.is_empty())
        .map(str::to_owned)
        .collect();
    (probes, condition)
}

/// The map that is assigned: `@h[…]` of `… @h[…] =`.
fn map_before(text: &str) -> String {
    let text = text.trim_end();
    let text = text.strip_suffix('=').unwrap_or(text);
    let start = text.rfind('@').unwrap_or(text.len());
    text.get(start..)
        .unwrap_or_default()
        .split('[')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !(letter.is_alphanumeric() || "_$@".contains(letter)))
        .filter(|word| !word.is_empty())
}

/// The parts between commas that stand in no brackets.
fn commas(text: &str) -> Vec<String> {
    let mut depth = 0_i32;
    let mut parts = vec![String::new()];
    for letter in text.chars() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        match parts.last_mut() {
            Some(_) if letter == ',' && depth == 0 => parts.push(String::new()),
            Some(part) => part.push(letter),
            None => {}
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// Where the bracket closes that `text` begins with.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    let mut string = false;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if string => escaped = true,
            '"' => string = !string,
            _ if string => {}
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth -= 1;
                if depth <= 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn outside_strings(text: &str, wanted: char) -> Option<usize> {
    let mut string = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => string = !string,
            _ if letter == wanted && !string => return Some(at),
            _ => {}
        }
    }
    None
}

/// Without comments, the line that names the interpreter, and what the preprocessor reads.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut letters = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.chars().chain(['\n']))
        .peekable();
    let mut string = false;
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('\\', Some(_)) if string => {
                kept.push(letter);
                kept.extend(letters.next());
            }
            ('"', _) => {
                string = !string;
                kept.push(letter);
            }
            ('/', Some('/')) if !string => {
                for letter in letters.by_ref() {
                    if letter == '\n' {
                        kept.push('\n');
                        break;
                    }
                }
            }
            ('/', Some('*')) if !string => {
                let mut last = ' ';
                letters.next();
                for letter in letters.by_ref() {
                    if last == '*' && letter == '/' {
                        break;
                    }
                    last = letter;
                }
                kept.push(' ');
            }
            _ => kept.push(letter),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"#!/usr/bin/env bpftrace
// usdt:./a:b:c { @commented = 1 }
/* also { this } */
usdt:./build/bin/test_bitcoin:utxocache:add,
usdt:"/home/x y/test_bitcoin":utxocache:uncache
/arg4 == 0 && @go/
{
  $value = arg3; // a comment
  @added = count();
  @["{"] = lhist($value / 100000000, 0, 21_000_000, 1000000);
}
usdt:./build/bin/test_bitcoin:utxocache:spent { if (comm == "x") { @h[probe] = hist(arg2 + (arg1)); } }
END { printf("added 13785\n"); }
"#;

    #[test]
    fn clauses_and_hooks() {
        let script = Script::parse(SCRIPT);
        assert_eq!(script.clauses.len(), 3);
        let hooks: Vec<String> = script
            .hooks()
            .map(|(_, hook)| format!("{} {}", hook.file, hook.tracepoint))
            .collect();
        assert_eq!(
            hooks,
            [
                "./build/bin/test_bitcoin utxocache:add",
                "/home/x y/test_bitcoin utxocache:uncache",
                "./build/bin/test_bitcoin utxocache:spent"
            ]
        );
        assert_eq!(
            script.clauses[0].asks().as_deref(),
            Some("arg4 == 0 && @go")
        );
        assert_eq!(script.clauses[1].asks().as_deref(), Some("comm == \"x\""));
        assert!(!script.is_empty());
        assert!(Script::parse("// nothing\n#include <x>\n").is_empty());
    }

    #[test]
    fn histograms_and_what_they_are_of() {
        let drawn = Script::parse(SCRIPT).drawn();
        assert_eq!(drawn.len(), 2);
        assert_eq!((drawn[0].map.as_str(), drawn[0].linear), ("@", true));
        assert_eq!(drawn[0].args, [3].into());
        assert_eq!(drawn[0].bounds, ["0", "21_000_000", "1000000"]);
        assert_eq!((drawn[1].map.as_str(), drawn[1].linear), ("@h", false));
        assert_eq!(drawn[1].args, [1, 2].into());
        assert!(
            Script::parse("BEGIN { @myhist = 1; @x = my_hist(arg3); }")
                .drawn()
                .is_empty()
        );
    }

    #[test]
    fn patterns_mean_tracepoints() {
        for (pattern, name, expected) in [
            ("add", "add", true),
            ("add", "added", false),
            ("*", "add", true),
            ("a*", "add", true),
            ("*d", "add", true),
            ("*c*", "uncache", true),
            ("s*", "add", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        let script = Script::parse("usdt:./x:utxocache:* { @ = count(); }");
        assert_eq!(
            script
                .clauses_of(&Tracepoint::new("utxocache", "spent"))
                .count(),
            1
        );
    }

    #[test]
    fn literals_are_found() {
        let script =
            Script::parse("END { printf(\"added %d\\n\", 13_785); printf(\"spent 16102\"); }");
        assert!(script.has_literal(13_785) && script.has_literal(16_102));
        assert!(!script.has_literal(1));
    }

    #[test]
    fn whatever_is_given_is_read() {
        for text in [
            "{",
            "}",
            "\"",
            "/",
            "a /b",
            "{{{(",
            "usdt:",
            "x { hist( }",
            "/*",
            "€ /€/ { € }",
        ] {
            let script = Script::parse(text);
            let _ = (script.drawn(), script.hooks().count(), script.is_empty());
        }
    }
}
