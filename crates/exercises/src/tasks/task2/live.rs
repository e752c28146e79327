//! Whether the check itself sees a ping and its pong. It has the node ask its peers, which is fair: it only shows
//! that what the participant watched can be seen.

use super::seen::Seen;
use crate::verdict::Judged;

pub(super) fn live(seen: &Seen) -> Judged {
    seen.window.judge(|window| {
        let seconds = format!("{}.{} s", window.millis / 1000, window.millis % 1000 / 100);
        let unknown = |why: String, remedy: &str| Judged::Unknown {
            why,
            remedy: remedy.to_owned(),
        };
        if window.pongs > 0 {
            let how = if window.pinged { " after we asked the node to ping its peers" } else { "" };
            return Judged::right(format!(
                "{} of {} messages in {seconds} were a ping and its pong{how}",
                window.pongs * 2,
                window.messages.max(window.pongs * 2)
            ));
        }
        if window.handshakes > 0 {
            return Judged::right(format!("a handshake in {seconds}"));
        }
        if window.peers().next().is_none() {
            return unknown(
                "the node has no peer just now".to_owned(),
                "wait for one; the nodes of a workshop are each other's peers, so tell the instructor if none comes",
            );
        }
        if window.lost > 0 {
            return unknown(
                format!("{} events were lost in {seconds}", window.lost),
                "run the check again when the server has less to do",
            );
        }
        if !window.pinged {
            return unknown(
                format!("the node did not take our request for a ping, and there was none in {seconds}"),
                "does `bitcoin-cli ping` work?",
            );
        }
        if window.messages == 0 {
            return unknown(
                format!(
                    "the node was asked for a ping, and no message passed the tracepoints of {} in {seconds}",
                    window.program
                ),
                "is it another node that answers over RPC?",
            );
        }
        unknown(
            format!("no peer answered the node's ping in {seconds}"),
            "run the check again",
        )
    })
}
