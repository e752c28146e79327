//! The participant's answers: the names, the places, and whether an unclean end is told.

use std::collections::BTreeSet;

use super::moments;
use super::notes::{self, list};
use super::places::{places, why_not};
use super::seen::{NewCall, Seen};
use crate::answers::{Answer, yes_or_no};
use crate::closest;
use crate::listing;
use crate::source::Kind;
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
}
