//! Pings and the pongs that answer them.
//!
//! Their nonces are in the payload, which is not copied. Both sides answer in order, so the oldest ping that is
//! open is the one that a pong answers.

use std::collections::VecDeque;
use std::time::Duration;

/// Bitcoin Core has one ping open at a time; a peer that sends more than these without waiting measures
/// nothing useful.
const OPEN: usize = 16;

/// Pings one way and their answers the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pings {
    open: VecDeque<Duration>,
    pub(crate) answered: u64,
    pub(crate) last: Option<Duration>,
    pub(crate) least: Option<Duration>,
}

impl Pings {
    pub(crate) fn ping(&mut self, at: Duration) {
        if self.open.len() == OPEN {
            self.open.pop_front();
        }
        self.open.push_back(at);
    }

    /// Returns the time from the ping; none when no ping was seen.
    pub(crate) fn pong(&mut self, at: Duration) -> Option<Duration> {
        let took = at.saturating_sub(self.open.pop_front()?);
        self.answered += 1;
        self.last = Some(took);
        self.least = Some(self.least.map_or(took, |least| least.min(took)));
        Some(took)
    }

    /// Events were lost: which pong answers which ping is no longer known.
    pub(crate) fn forget_open(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_pong_answers_the_oldest_ping() {
        let mut pings = Pings::default();
        assert_eq!(pings.pong(ms(1)), None);
        pings.ping(ms(10));
        pings.ping(ms(20));
        assert_eq!(pings.pong(ms(25)), Some(ms(15)));
        assert_eq!(pings.pong(ms(26)), Some(ms(6)));
        assert_eq!(pings.pong(ms(27)), None);
        assert_eq!(
            (pings.answered, pings.last, pings.least),
            (2, Some(ms(6)), Some(ms(6)))
        );
    }

    #[test]
    fn after_a_loss_nothing_is_paired_wrongly() {
        let mut pings = Pings::default();
        pings.ping(ms(10));
        pings.forget_open();
        assert_eq!(pings.pong(ms(5000)), None);
    }

    #[test]
    fn a_flood_of_pings_takes_no_room() {
        let mut pings = Pings::default();
        for at in 0..100_000 {
            pings.ping(ms(at));
        }
        assert_eq!(pings.open.len(), OPEN);
    }
}
