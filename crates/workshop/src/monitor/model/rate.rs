//! Messages and bytes one way, and how many a second lately.

use std::time::Duration;

/// Seconds over which rates are averaged: long enough to read, short enough to follow.
const WINDOW: usize = 10;

/// Messages and bytes one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.messages += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// Since the start, and by second.
#[derive(Clone, Debug)]
pub(crate) struct Traffic<const SECONDS: usize = WINDOW> {
    pub(crate) total: Count,
    /// By second modulo `SECONDS`.
    seconds: [Count; SECONDS],
    /// The second that was written last.
    newest: u64,
}

impl<const SECONDS: usize> Default for Traffic<SECONDS> {
    fn default() -> Self {
        Self {
            total: Count::default(),
            seconds: [Count::default(); SECONDS],
            newest: 0,
        }
    }
}

impl<const SECONDS: usize> Traffic<SECONDS> {
    pub(crate) fn add(&mut self, at: Duration, bytes: u64) {
        self.total.add(bytes);
        let second = at.as_secs();
        // The threads of a node may hand in their events slightly out of order.
        if self.newest.saturating_sub(second) < SECONDS as u64 {
            self.forget_until(second);
            self.slot(second).add(bytes);
        }
    }

    /// Messages and bytes a second over the last ten, or since the start when that is less.
    pub(crate) fn rate(&self, now: Duration) -> (f64, f64) {
        let counts = self.last(now, WINDOW.min(SECONDS));
        let (messages, bytes) = counts.fold((0, 0_u64), |(messages, bytes), one| {
            (messages + one.messages, bytes.saturating_add(one.bytes))
        });
        // The current second is not over yet; of the first one a whole is taken, or one message were a flood.
        let whole = (WINDOW - 1).min(usize::try_from(now.as_secs()).unwrap_or(usize::MAX));
        let span = (whole as f64 + f64::from(now.subsec_nanos()) / 1e9).max(1.0);
        (messages as f64 / span, bytes as f64 / span)
    }

    /// The last seconds, the current one last.
    pub(crate) fn last(&self, now: Duration, seconds: usize) -> impl Iterator<Item = Count> + '_ {
        let now = now.as_secs();
        let first = now.saturating_sub(seconds.min(SECONDS) as u64 - 1);
        (first..=now).map(|second| {
            let known = second <= self.newest && self.newest - second < SECONDS as u64;
            if known {
                self.seconds[slot::<SECONDS>(second)]
            } else {
                Count::default()
            }
        })
    }

    /// Clears the seconds in which nothing was written.
    fn forget_until(&mut self, second: u64) {
        let skipped = second.saturating_sub(self.newest).min(SECONDS as u64);
        for one in 0..skipped {
            *self.slot(second - one) = Count::default();
        }
        self.newest = self.newest.max(second);
    }

    fn slot(&mut self, second: u64) -> &mut Count {
        &mut self.seconds[slot::<SECONDS>(second)]
    }
}

fn slot<const SECONDS: usize>(second: u64) -> usize {
    // Less than SECONDS, whatever the word size.
    usize::try_from(second % SECONDS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn rates_are_of_the_last_ten_seconds() {
        let mut traffic: Traffic = Traffic::default();
        for second in 0..20 {
            traffic.add(s(f64::from(second) + 0.5), 100);
        }
        assert_eq!(traffic.total.messages, 20);
        assert_eq!(traffic.rate(s(20.0)), (1.0, 100.0));
        // Ten seconds later nothing of it is left.
        assert_eq!(traffic.rate(s(29.0)), (0.0, 0.0));
        traffic.add(s(1000.0), 50);
        assert_eq!(traffic.rate(s(1000.0)).1, 50.0 / 9.0);
    }

    #[test]
    fn a_young_session_is_no_flood() {
        let mut traffic: Traffic = Traffic::default();
        traffic.add(s(0.01), 100);
        assert_eq!(traffic.rate(s(0.02)), (1.0, 100.0));
        assert_eq!(traffic.rate(s(4.0)), (0.25, 25.0));
    }

    #[test]
    fn events_out_of_order_are_counted_where_they_belong() {
        let mut traffic: Traffic<3> = Traffic::default();
        for at in [5.1, 4.9, 5.2, 1.0] {
            traffic.add(s(at), 1);
        }
        let seconds: Vec<_> = traffic.last(s(5.5), 3).map(|one| one.messages).collect();
        assert_eq!((seconds, traffic.total.messages), (vec![0, 1, 2], 4));
    }

    #[test]
    fn sizes_that_cannot_be_do_not_overflow() {
        let mut traffic: Traffic = Traffic::default();
        traffic.add(s(0.0), u64::MAX);
        traffic.add(s(0.0), u64::MAX);
        assert_eq!(traffic.total.bytes, u64::MAX);
        assert!(traffic.rate(s(1.0)).1 > 0.0);
    }
}
