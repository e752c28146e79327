//! Why no new tracepoint says that Bitcoin Core has started, or that it shuts down.

use super::moments::Watched;
use super::notes::{self, list};
use super::pattern::{Part, Pattern};
use super::seen::NewCall;
use crate::source::Kind;
use crate::verdict::Judged;

/// What a tracepoint is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Tells that Bitcoin Core has started.
    Start,
    /// Tells that it shuts down.
    Stop,
}

/// No new tracepoint has this role: which has the other, or comes near, and why not.
pub(super) fn missing(watched: &Watched<'_>, role: Role) -> Judged {
    let (taken, when, belongs) = match role {
        Role::Start => (
            watched.stops(),
            "when it stops",
            "move one of them to where the start is complete",
        ),
        Role::Stop => (
            watched.starts(),
            "when it starts",
            "move one of them to where the shutdown begins",
        ),
    };
    let near: Vec<_> = watched
        .new
        .iter()
        .filter(|(_, _, pattern)| comes_near(*pattern, role))
        .collect();
    if let Some((_, _, pattern)) = near.first() {
        let seen: Vec<String> = near
            .iter()
            .filter(|(_, _, other)| other == pattern)
            .map(|(one, ..)| one.to_string())
            .collect();
        if watched.timeline.lost > 0
            && !matches!(pattern, Pattern::Often(..))
            && let Some(judged) = watched.lost()
        {
            return judged;
        }
        let names = seen.join(" and ");
        let call = watched
            .calls
            .iter()
            .filter(|call| call.kind == Kind::Live)
            .find(|call| near.iter().any(|(one, ..)| **one == call.tracepoint));
        return explain(&names, *pattern, call);
    }
    if let Some(judged) = watched.lost() {
        return judged;
    }
    match taken.as_slice() {
        [] => Judged::wrong(
            "none of the new ones fires then".to_owned(),
            "trace them, start and stop bitcoind -regtest, and see when they fire",
        ),
        [one] => Judged::wrong(
            format!("{one} fires {when}, and no other does otherwise"),
            match role {
                Role::Start => "the one for the start is missing",
                Role::Stop => "the one for the shutdown is missing",
            },
        ),
        more => Judged::wrong(format!("{} both fire {when}", list(more)), belongs),
    }
}

/// Whether something that fires so may have been meant for the role.
fn comes_near(pattern: Pattern, role: Role) -> bool {
    match pattern {
        Pattern::Start | Pattern::Stop => false,
        Pattern::Signal | Pattern::Call | Pattern::Often(_, Part::Stopping) => role == Role::Stop,
        Pattern::NewDirectory | Pattern::OldDirectory | Pattern::Often(_, Part::Starting) => {
            role == Role::Start
        }
        Pattern::Never
        | Pattern::Both
        | Pattern::Often(_, Part::Running)
        | Pattern::Running
        | Pattern::Irregular => true,
    }
}

fn explain(name: &str, pattern: Pattern, call: Option<&NewCall>) -> Judged {
    let (seen, hint) = match pattern {
        Pattern::Never => (
            format!("{name} never fired"),
            match call.and_then(|call| Some((call, notes::why_dead(call)?))) {
                Some((call, why)) => {
                    format!("{}:{} is never reached: {why}", call.file, call.first)
                }
                None => "does every start and stop come by there? Follow it from main()".to_owned(),
            },
        ),
        Pattern::Both => (
            format!("{name} fires when it starts and when it stops"),
            "a trace cannot tell the two apart: give each moment a tracepoint of its own"
                .to_owned(),
        ),
        Pattern::Often(count, Part::Running) => (
            format!("{name} fired {count} times while the node was in use"),
            "messages, calls or blocks come by there: find a place where it comes by once"
                .to_owned(),
        ),
        Pattern::Often(count, Part::Starting) => (
            format!("{name} fired {count} times in one start"),
            "it is in something that happens again and again: once is what is asked for".to_owned(),
        ),
        Pattern::Often(count, Part::Stopping) => (
            format!("{name} fired {count} times in one stop"),
            "it is in something that happens again and again: once is what is asked for".to_owned(),
        ),
        Pattern::Running => (
            format!("{name} fired only when the node was already in use"),
            "something else makes it fire: a call, a peer, a block".to_owned(),
        ),
        Pattern::NewDirectory => (
            format!("{name} fired only when the data directory was new"),
            "a second start goes another way: find what both come by".to_owned(),
        ),
        Pattern::OldDirectory => (
            format!("{name} fired only when there was a data directory already"),
            "the first start goes another way: find what both come by".to_owned(),
        ),
        Pattern::Signal => (
            format!("{name} fired after SIGTERM, and not after `bitcoin-cli stop`"),
            "the two ways of stopping meet further on: find where".to_owned(),
        ),
        Pattern::Call => (
            format!("{name} fired after `bitcoin-cli stop`, and not after SIGTERM"),
            "the two ways of stopping meet further on: find where".to_owned(),
        ),
        Pattern::Start | Pattern::Stop | Pattern::Irregular => (
            format!("{name} fired in some starts and stops, and not in all alike"),
            "trace it, start and stop bitcoind -regtest a few times, and see when it fires"
                .to_owned(),
        ),
    };
    Judged::wrong(seen, hint)
}
