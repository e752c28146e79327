//! Whether the participant saw a handshake or a ping with its pong, as their own recorded sessions have it.

use super::seen::Seen;
use crate::answers::{Answer, yes_or_no};
use crate::verdict::Judged;

pub(super) fn exchange(answer: &Answer, seen: &Seen) -> Judged {
    let said = format!("you said “{}”", answer.short(60));
    let handshakes: u64 = seen.own().map(|session| session.handshakes).sum();
    let pongs: u64 = seen.own().map(|session| session.pongs).sum();
    if handshakes == 0 && pongs == 0 {
        return Judged::wrong(format!("{said}; none is recorded"), nothing_recorded(seen));
    }
    let recorded = format!(
        "{said}; your sessions have {} and {}",
        counted(handshakes, "handshake"),
        counted(pongs, "ping with its pong")
    );
    let Said {
        handshake,
        ping,
        no,
    } = Said::of(&answer.text());
    if no {
        return Judged::wrong(
            recorded,
            "what your monitor recorded is in the log of a peer: choose one and press Enter",
        );
    }
    if !handshake && !ping {
        return Judged::wrong(recorded, "say which: a handshake, or a ping with its pong");
    }
    if handshake && handshakes == 0 {
        return Judged::wrong(
            recorded,
            "a handshake is the beginning of a connection: what was recorded came later",
        );
    }
    if ping && pongs == 0 {
        return Judged::wrong(
            recorded,
            "`bitcoin-cli ping` makes the node ask its peers while you watch",
        );
    }
    Judged::right(recorded)
}

/// Why no session of the participant's shows anything, and what would.
fn nothing_recorded(seen: &Seen) -> String {
    if seen.own().next().is_some() {
        return "let the monitor run for longer; `bitcoin-cli ping` in a second terminal makes the node's peers answer"
            .to_owned();
    }
    match seen.sessions.last() {
        Some(other) => format!(
            "you watched {}; the server's own node is what `sudo workshop monitor` watches when you name none",
            other.program
        ),
        None => "watch the node first: sudo workshop monitor".to_owned(),
    }
}

fn counted(count: u64, what: &str) -> String {
    match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        // Pings with their pongs.
        n => format!("{n} × {what}"),
    }
}

/// What an answer claims.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    handshake: bool,
    ping: bool,
    no: bool,
}

impl Said {
    fn of(text: &str) -> Self {
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let begins = |all: &[&str]| {
            words
                .iter()
                .any(|word| all.iter().any(|one| word.starts_with(one)))
        };
        let both = words.contains(&"both");
        let handshake =
            both || begins(&["handshake", "version", "verack"]) || lower.contains("hand shake");
        let ping = both || begins(&["ping", "pong"]);
        let denies = words.contains(&"neither") || yes_or_no(text) == Some(false);
        Self {
            // "no handshake, but a ping" claims the ping alone.
            handshake: handshake && !(denies && ping && lower.contains("no handshake")),
            ping,
            no: denies && !(ping && handshake) && !(ping && lower.contains("but")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn answers_claim_one_or_both_or_none() {
        for (text, handshake, ping, no) in [
            ("ping", false, true, false),
            ("a ping and its pong", false, true, false),
            ("Yes, a handshake", true, false, false),
            ("version and verack", true, false, false),
            ("both", true, true, false),
            ("handshake and ping/pong", true, true, false),
            ("no handshake, but a ping", false, true, false),
            ("yes", false, false, false),
            ("no", false, false, true),
            ("neither", false, false, true),
        ] {
            let expected = Said {
                handshake,
                ping,
                no,
            };
            assert_eq!(Said::of(text), expected, "{text}");
        }
    }
}
