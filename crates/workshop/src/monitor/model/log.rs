//! What was said on one connection lately.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::event::Direction;

/// Entries that are kept for each peer.
pub(crate) const KEPT: usize = 500;

/// One line of a peer's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) what: Logged,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Logged {
    Message {
        direction: Direction,
        kind: Box<str>,
        bytes: u64,
        remark: Option<Remark>,
    },
    Connected,
    Closed,
    Evicted,
    Misbehaving(Box<str>),
}

/// What a message meant for what came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// The pong to a ping so long ago.
    After(Duration),
    /// The last message of a handshake that took so long.
    Handshake(Duration),
}

/// The latest entries, numbered since the first one ever.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    dropped: u64,
}

impl Log {
    pub(crate) fn push(&mut self, at: Duration, what: Logged) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(Entry { at, what });
    }

    /// Entries with their numbers, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &Entry)> {
        let first = self.dropped;
        let entries = self.entries.iter().enumerate();
        entries.map(move |(at, entry)| (first + at as u64, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_an_end_and_its_numbers_go_on() {
        let mut log = Log::default();
        for at in 0..KEPT as u64 + 7 {
            log.push(Duration::from_secs(at), Logged::Connected);
        }
        let numbers: Vec<_> = log.iter().map(|(number, _)| number).collect();
        assert_eq!(numbers.len(), KEPT);
        let (first, entry) = log.iter().next().unwrap();
        assert_eq!((first, entry.at), (7, Duration::from_secs(7)));
        assert_eq!(log.iter().next_back().unwrap().0, KEPT as u64 + 6);
    }
}
