//! The participant's answers: the names, the places, and whether an unclean end is told.

use std::collections::BTreeSet;

use super::moments;
use super::notes::{self, list};
use super::seen::{Line, NewCall, Seen};
use crate::answers::{Answer, yes_or_no};
use crate::closest;
use crate::listing;
use crate::source::{Kind, Location};
use crate::tracepoint::Tracepoint;
use crate::verdict::Judged;

fn said(answer: &Answer) -> String {
    format!("you said “{}”", answer.short(60))
}

pub(super) fn names(answer: &Answer, seen: &Seen) -> Judged {
    let difference = match notes::difference(seen) {
        Ok(difference) => difference,
        Err(judged) => return judged,
    };
    let text = answer.lines().collect::<Vec<_>>().join("\n");
    let given = listing::named_in(&text);
    let wrong = |hint: String| Judged::wrong(said(answer), hint);
    if given.is_empty() {
        return wrong("give both as context:event".to_owned());
    }
    if let Some(one) = given
        .iter()
        .find(|one| difference.base.tracepoints.contains(*one))
    {
        return wrong(format!("{one} was there before"));
    }
    if let Some(one) = given.iter().find(|one| !difference.new.contains(one)) {
        let new: Vec<String> = difference.new.iter().map(ToString::to_string).collect();
        return wrong(
            match closest(&one.to_string(), new.iter().map(String::as_str)) {
                Some(near) => format!("the program has no {one}; did you mean {near}?"),
                None => format!("the program has no {one}: list its tracepoints"),
            },
        );
    }
    if given.len() < 2 {
        return wrong("that is one; give both".to_owned());
    }
    // Which of them fires when is judged elsewhere. Here it matters that those that do are among them.
    if let Ok(watched) = moments::watched(seen) {
        let named =
            |all: &[&Tracepoint]| all.is_empty() || all.iter().any(|one| given.contains(one));
        if !named(&watched.starts()) {
            return wrong("the one that fires at the start is not among them".to_owned());
        }
        if !named(&watched.stops()) {
            return wrong("the one that fires at the shutdown is not among them".to_owned());
        }
    }
    Judged::right(list(&given.iter().collect::<Vec<_>>()))
}

/// A place as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Line(Line),
    File(String),
    Function(String),
}

impl Named {
    /// Whether the call is there, or its function is called there.
    fn holds(&self, call: &NewCall) -> bool {
        match self {
            Self::Line(at) => {
                (same_file(&at.file, &call.file) && (call.first..=call.last).contains(&at.line))
                    || call
                        .callers
                        .iter()
                        .any(|line| line.line == at.line && same_file(&at.file, &line.file))
            }
            Self::File(file) => same_file(file, &call.file),
            Self::Function(name) => call.around.function.as_ref() == Some(name),
        }
    }
}

/// `init.cpp`, `src/init.cpp` and `~/bitcoin/src/init.cpp` are all meant as `src/init.cpp`.
fn same_file(given: &str, file: &str) -> bool {
    let given = given.trim_start_matches("./");
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short)
            .is_some_and(|head| head.is_empty() || head.ends_with('/'))
    };
    ends(given, file) || ends(file, given)
}

/// The places that an answer names: `src/init.cpp:12 and :34`, `AppInitMain() and Shutdown()`, `init.cpp`.
fn places(text: &str, calls: &[NewCall]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut file: Option<String> = None;
    let mut whole_file = false;
    for word in
        text.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '"'))
    {
        let word = word.trim_matches(|letter| matches!(letter, '(' | ')' | '.' | '`' | '\''));
        let number = word.trim_start_matches([':', '#', 'L', '+']);
        if let Some(Location { file: name, line }) = Location::parse(word) {
            file = Some(name.clone());
            whole_file = false;
            found.push(Named::Line(Line { file: name, line }));
        } else if let (Ok(line), Some(name)) = (number.parse(), &file) {
            whole_file = false;
            found.push(Named::Line(Line {
                file: name.clone(),
                line,
            }));
        } else if [".cpp", ".h"].iter().any(|end| word.ends_with(end)) {
            found.extend(whole_file.then(|| Named::File(file.take().unwrap_or_default())));
            file = Some(word.to_owned());
            whole_file = true;
        } else if calls
            .iter()
            .any(|call| call.around.function.as_deref() == Some(function(word)))
        {
            whole_file = false;
            found.push(Named::Function(function(word).to_owned()));
        }
    }
    // A file stands for all of it only when nothing in it is named.
    found.extend(whole_file.then(|| Named::File(file.unwrap_or_default())));
    found
}

/// `Shutdown` of `Shutdown()`, `Shutdown(NodeContext&` and `node::Shutdown`.
fn function(word: &str) -> &str {
    let head = word.split('(').next().unwrap_or(word);
    head.rsplit("::").next().unwrap_or(head)
}

pub(super) fn place(answer: &Answer, seen: &Seen) -> Judged {
    let difference = match notes::difference(seen) {
        Ok(difference) => difference,
        Err(judged) => return judged,
    };
    let wrong = |hint: String| Judged::wrong(said(answer), hint);
    let calls: Vec<NewCall> = seen
        .calls
        .iter()
        .filter(|call| call.kind == Kind::Live && difference.new.contains(&call.tracepoint))
        .cloned()
        .collect();
    if calls.is_empty() {
        return Judged::Unknown {
            why: "no call of a new tracepoint was found in the source".to_owned(),
            remedy: "put the calls into the program first; is --tree the source of this program?"
                .to_owned(),
        };
    }
    let places = places(&answer.text(), &calls);
    if places.is_empty() {
        return wrong("give file and line of both, such as src/init.cpp:123".to_owned());
    }
    if let Some(place) = places
        .iter()
        .find(|place| !calls.iter().any(|call| place.holds(call)))
    {
        return wrong(why_not(place, &calls));
    }
    let named: BTreeSet<&Tracepoint> = calls
        .iter()
        .filter(|call| places.iter().any(|place| place.holds(call)))
        .map(|call| &call.tracepoint)
        .collect();
    // More than two may be new; those with a part in this are to be found.
    let wanted: Vec<&Tracepoint> = moments::watched(seen).map_or_else(
        |_| difference.new.iter().copied().collect(),
        |watched| {
            let first = |all: Vec<&'_ Tracepoint>| all.first().map(|one| (*one).clone());
            [first(watched.starts()), first(watched.stops())]
                .into_iter()
                .flatten()
                .filter_map(|one| difference.new.get(&one).copied())
                .collect()
        },
    );
    if let Some(one) = wanted.iter().find(|one| !named.contains(**one)) {
        return wrong(format!("right so far; where is {one}?"));
    }
    Judged::right(said(answer))
}

fn why_not(place: &Named, calls: &[NewCall]) -> String {
    /// So many lines away somebody has probably changed the file since.
    const NEAR: u32 = 5;
    match place {
        Named::Line(at) => {
            let close = calls.iter().any(|call| {
                same_file(&at.file, &call.file)
                    && call.first <= at.line + NEAR
                    && at.line <= call.last + NEAR
            });
            if close {
                format!("{}:{} is a few lines off", at.file, at.line)
            } else {
                format!("no new tracepoint is called at {}:{}", at.file, at.line)
            }
        }
        Named::File(file) => format!("no new tracepoint is called in {file}"),
        Named::Function(name) => format!("no new tracepoint is called in {name}()"),
    }
}

pub(super) fn unclean(answer: &Answer, seen: &Seen) -> Judged {
    let watched = match moments::watched(seen) {
        Ok(watched) => watched,
        Err(judged) => return judged,
    };
    let stops = watched.stops();
    let Some(one) = stops.first() else {
        return Judged::Unknown {
            why: "no new tracepoint fires at a clean shutdown yet".to_owned(),
            remedy: "that can be seen once one does".to_owned(),
        };
    };
    let Some(yes) = tells_unclean(&answer.text()) else {
        return Judged::wrong(said(answer), "answer yes or no");
    };
    let fires = watched.fires_when_killed(one);
    if yes == fires {
        return Judged::right(said(answer));
    }
    let hint = if fires {
        "we ended one with SIGKILL, and it fired: try `kill -9`"
    } else {
        "we ended one with SIGKILL, and nothing fired: try `kill -9`"
    };
    Judged::wrong(said(answer), hint)
}

/// Yes or no; where several ways of ending are told apart, what is said about the unclean ones.
fn tells_unclean(text: &str) -> Option<bool> {
    let text = text.to_lowercase();
    let unclean = |clause: &&str| {
        [
            "kill -9", "sigkill", "crash", "abort", "power", "segv", "oom",
        ]
        .iter()
        .any(|word| clause.contains(word))
    };
    let negative = |clause: &str| {
        clause
            .split(|letter: char| !(letter.is_alphanumeric() || letter == '\''))
            .any(|word| matches!(word, "no" | "not" | "never" | "nothing") || word.ends_with("n't"))
    };
    let clauses: Vec<&str> = text.split([',', ';', '.', ':', '\n']).collect();
    let split = clauses.len() > 1 && clauses.iter().any(unclean);
    let whole = yes_or_no(&text);
    if !split {
        return whole;
    }
    // "no, not after kill -9": both halves say the same. "yes with SIGTERM, not with SIGKILL" is a no.
    let about = clauses.iter().find(|clause| unclean(clause))?;
    if negative(about) {
        return Some(false);
    }
    yes_or_no(about.trim()).or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surroundings::Surroundings;

    #[test]
    fn what_is_said_about_unclean_ends() {
        for (text, says) in [
            ("no", Some(false)),
            ("No.", Some(false)),
            ("no, not after kill -9", Some(false)),
            ("no: with SIGKILL nothing is called", Some(false)),
            ("yes for SIGTERM, no for SIGKILL", Some(false)),
            ("yes with SIGTERM; it doesn't after kill -9", Some(false)),
            ("yes", Some(true)),
            ("yes, also after a crash", Some(true)),
            ("yes after SIGTERM, yes after SIGKILL", Some(true)),
            ("nein", Some(false)),
            ("sometimes", None),
        ] {
            assert_eq!(tells_unclean(text), says, "{text}");
        }
    }

    fn call(first: u32, event: &str, function: &str) -> NewCall {
        NewCall {
            file: "src/init.cpp".into(),
            first,
            last: first + 1,
            kind: Kind::Live,
            tracepoint: Tracepoint::new("node", event),
            around: Surroundings {
                function: Some(function.into()),
                never: false,
            },
            callers: vec![Line {
                file: "src/bitcoind.cpp".into(),
                line: first + 1000,
            }],
        }
    }

    #[test]
    fn places_in_many_words() {
        let calls = [
            call(2360, "started", "AppInitMain"),
            call(313, "stopping", "Shutdown"),
        ];
        let both = |text: &str| {
            let places = places(text, &calls);
            let held = calls
                .iter()
                .filter(|call| places.iter().any(|place| place.holds(call)));
            let strange = places
                .iter()
                .filter(|place| !calls.iter().any(|call| place.holds(call)));
            (held.count(), strange.count())
        };
        for text in [
            "src/init.cpp:2360 src/init.cpp:313",
            "src/init.cpp:2361, init.cpp:314",
            "~/bitcoin/src/init.cpp:2360 and :313",
            "/home/workshop/bitcoin/src/init.cpp:2360:5 and 313",
            "src/init.cpp#L2360 src/init.cpp#L313",
            "in src/init.cpp, line 2360 and line 313",
            "the end of AppInitMain() and the start of Shutdown()",
            "init.cpp: AppInitMain, Shutdown",
            "src/init.cpp",
            "both in ./src/init.cpp.",
            "AppInitMain(NodeContext& node) and node::Shutdown()",
            "src/bitcoind.cpp:3360 and src/init.cpp:313",
        ] {
            assert_eq!(both(text), (2, 0), "{text}");
        }
        for (text, found) in [
            ("src/init.cpp:2360", (1, 0)),
            ("src/init.cpp:2360 src/init.cpp:9", (1, 1)),
            ("src/net.cpp", (0, 1)),
            ("src/net.cpp src/init.cpp", (2, 1)),
            ("at the end", (0, 0)),
            ("", (0, 0)),
        ] {
            assert_eq!(both(text), found, "{text}");
        }
    }
}
