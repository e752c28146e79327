//! The handshake: `version` and `verack`, both ways.

use std::time::Duration;

use super::super::event::Direction;

/// When each of the four messages was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handshake {
    version: Both,
    verack: Both,
    /// Another message than those that may stand between `version` and `verack` was seen.
    beyond: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Both {
    received: Option<Duration>,
    sent: Option<Duration>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It was over before we looked.
    Earlier,
    /// We began to look in the middle of it.
    Partly,
    /// Nothing was said yet, or not everything.
    UnderWay,
    /// Complete; from the first of the four messages to the last.
    Complete { took: Duration },
}

impl Handshake {
    /// Takes notice of a message; returns how long the handshake took when this one completed it.
    pub(crate) fn see(
        &mut self,
        direction: Direction,
        kind: &str,
        at: Duration,
    ) -> Option<Duration> {
        let before = self.all();
        let both = match kind {
            "version" => &mut self.version,
            "verack" => &mut self.verack,
            // What nodes tell each other before `verack`: BIPs 133, 155, 330, 339, and `sendcmpct`, which some
            // send early.
            "wtxidrelay" | "sendaddrv2" | "sendtxrcncl" | "sendcmpct" | "feefilter" => return None,
            _ => {
                self.beyond = true;
                return None;
            }
        };
        let first = match direction {
            Direction::Inbound => &mut both.received,
            Direction::Outbound => &mut both.sent,
        };
        first.get_or_insert(at);
        if before.is_some() { None } else { self.took() }
    }

    pub(crate) fn progress(&self) -> Progress {
        let seen = [self.version, self.verack];
        let none = seen.iter().all(|both| *both == Both::default());
        match self.took() {
            Some(took) => Progress::Complete { took },
            None if !self.beyond => Progress::UnderWay,
            None if none => Progress::Earlier,
            None => Progress::Partly,
        }
    }

    /// Which of the messages were seen, as words.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (&'static str, Direction)> {
        [("version", self.version), ("verack", self.verack)]
            .into_iter()
            .flat_map(|(word, both)| {
                let sent = both.sent.map(|_| (word, Direction::Outbound));
                let received = both.received.map(|_| (word, Direction::Inbound));
                sent.into_iter().chain(received)
            })
    }

    fn took(&self) -> Option<Duration> {
        let all = self.all()?;
        Some(all.iter().max()?.saturating_sub(*all.iter().min()?))
    }

    fn all(&self) -> Option<[Duration; 4]> {
        Some([
            self.version.received?,
            self.version.sent?,
            self.verack.received?,
            self.verack.sent?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Inbound, Outbound};

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn four_messages_make_a_handshake() {
        let mut handshake = Handshake::default();
        assert_eq!(handshake.progress(), Progress::UnderWay);
        for (at, direction, kind) in [
            (10, Outbound, "version"),
            (12, Inbound, "version"),
            (13, Outbound, "wtxidrelay"),
            (14, Outbound, "verack"),
        ] {
            assert_eq!(handshake.see(direction, kind, ms(at)), None);
            assert_eq!(handshake.progress(), Progress::UnderWay);
        }
        assert_eq!(handshake.see(Inbound, "verack", ms(30)), Some(ms(20)));
        // It is told once, and a second verack changes nothing.
        assert_eq!(handshake.see(Inbound, "verack", ms(90)), None);
        assert_eq!(handshake.see(Inbound, "ping", ms(91)), None);
        assert_eq!(handshake.progress(), Progress::Complete { took: ms(20) });
    }

    #[test]
    fn one_that_was_over_is_not_seen() {
        let mut handshake = Handshake::default();
        handshake.see(Inbound, "ping", ms(1));
        assert_eq!(handshake.progress(), Progress::Earlier);
    }

    #[test]
    fn half_of_one_is_none() {
        let mut handshake = Handshake::default();
        handshake.see(Inbound, "verack", ms(1));
        handshake.see(Outbound, "verack", ms(1));
        handshake.see(Outbound, "getheaders", ms(2));
        assert_eq!(handshake.progress(), Progress::Partly);
        let seen: Vec<_> = handshake.seen().collect();
        assert_eq!(seen, [("verack", Outbound), ("verack", Inbound)]);
    }
}
