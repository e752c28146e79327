//! Of which types the connections are, in the words of `getpeerinfo`.

use std::collections::BTreeSet;

use super::seen::{Peer, Seen};
use crate::answers::Answer;
use crate::verdict::Judged;

/// `connection_type` and what people write for it, a hyphen for everything between words. Longer ones first: they
/// hold the shorter.
const NAMES: [(&str, &[&str]); 6] = [
    (
        "outbound-full-relay",
        &["outbound-full-relay", "full-outbound", "full-relay"],
    ),
    (
        "block-relay-only",
        &[
            "outbound-block-relay-only",
            "block-relay-only",
            "block-relay",
            "blocks-only",
        ],
    ),
    ("inbound", &["inbound", "incoming"]),
    ("manual", &["manual", "addnode", "added-node"]),
    ("addr-fetch", &["addr-fetch", "address-fetch", "addrfetch"]),
    ("feeler", &["feelers", "feeler"]),
];

/// What an answer names.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    types: BTreeSet<&'static str>,
    /// It says outbound, and not which.
    vague: bool,
    /// It says that there are none.
    none: bool,
}

pub(super) fn types(answer: &Answer, seen: &Seen) -> Judged {
    seen.window.judge(|window| {
        let said = format!("you said “{}”", answer.short(60));
        let named = named(&answer.text());
        // Those that have been there all the time since the answer.
        let stays = |peer: &&Peer| {
            window.before.iter().any(|one| one.id == peer.id)
                && seen.answered.is_none_or(|answered| peer.since <= answered)
        };
        let needed: BTreeSet<&str> = window.after.iter().filter(stays).map(kind).collect();
        let mut allowed: BTreeSet<&str> = window.peers().map(kind).collect();
        let recorded = seen.recent().flat_map(|session| &session.types);
        allowed.extend(recorded.map(String::as_str));
        if named.types.is_empty() && !(named.none && needed.is_empty()) {
            return Judged::wrong(
                said,
                if named.vague {
                    "there are several kinds of outbound connection: what does the column type say?"
                } else if named.none {
                    "there are connections: what does the column type say of them?"
                } else {
                    "name types as the monitor's column type does, or connection_type in `bitcoin-cli getpeerinfo`"
                },
            );
        }
        let extra: Vec<&str> = named.types.difference(&allowed).copied().collect();
        let missing = needed.difference(&named.types).count();
        let mut hints = Vec::new();
        if !extra.is_empty() {
            hints.push(format!("no connection is of the type {}", extra.join(", ")));
        }
        if missing > 0 {
            hints.push(match missing {
                1 => "one more type is there".to_owned(),
                n => format!("{n} more types are there"),
            });
        }
        if hints.is_empty() {
            Judged::right(said)
        } else {
            Judged::wrong(said, hints.join("; "))
        }
    })
}

fn kind(peer: &Peer) -> &str {
    &peer.connection_type
}

fn named(text: &str) -> Named {
    let mut rest: String = text
        .to_lowercase()
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    while rest.contains("--") {
        rest = rest.replace("--", "-");
    }
    let mut types = BTreeSet::new();
    for (name, written) in NAMES {
        for one in written {
            // "no inbound", "0 inbound" is the opposite.
            for not in ["no", "not", "none", "without", "0"] {
                rest = rest.replace(&format!("{not}-{one}"), "none");
            }
            if rest.contains(one) {
                types.insert(name);
                rest = rest.replace(one, "");
            }
        }
    }
    let has = |wanted: &[&str]| rest.split('-').any(|word| wanted.contains(&word));
    Named {
        vague: has(&["outbound", "outgoing", "out"]),
        none: has(&["none", "no", "nothing"]),
        types,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_in_what_people_write() {
        for (text, expected) in [
            ("inbound manual", &["inbound", "manual"][..]),
            (
                "Inbound, outbound-full-relay",
                &["inbound", "outbound-full-relay"],
            ),
            ("outbound_full_relay", &["outbound-full-relay"]),
            (
                "outbound full relay and block relay only",
                &["block-relay-only", "outbound-full-relay"],
            ),
            ("no inbound, only manual ones", &["manual"]),
            ("yes: inbound", &["inbound"]),
            ("feelers", &["feeler"]),
            ("none", &[]),
            ("outbound", &[]),
        ] {
            let found: Vec<_> = named(text).types.into_iter().collect();
            assert_eq!(found, expected, "{text}");
        }
        assert!(named("outbound").vague && !named("outbound-full-relay").vague);
        assert!(named("none").none && !named("inbound").none);
    }
}
