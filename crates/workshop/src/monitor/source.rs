//! Where events come from. Bitcoin Core may tell them in another way one day: what watches them only knows
//! [`MessageSource`].

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;

use super::event::NetEvent;

/// Something that tells of a node's connections and messages.
pub(crate) trait MessageSource {
    /// What is watched, for people.
    fn program(&self) -> String;

    /// The names of what it tells, such as `net:inbound_message`.
    fn tells(&self) -> Vec<String>;

    /// Readable when there are events.
    fn ready(&self) -> BorrowedFd<'_>;

    /// Gives every event that has come in to `each`, in order, and returns how many there were.
    fn drain(&mut self, each: &mut dyn FnMut(&NetEvent<'_>)) -> usize;

    /// Looks after itself, and says how things stand. To be called about once a second.
    fn look(&mut self) -> miette::Result<Standing>;

    /// The clock of the events.
    fn now(&self) -> Duration;
}

/// How things stand with a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Processes whose events are told.
    pub(crate) pids: Vec<u32>,
    /// Processes that look like it and whose events are not told: they run another file.
    pub(crate) others: Vec<(u32, PathBuf)>,
    /// Events that are missing.
    pub(crate) lost: u64,
    /// Nothing will ever come again.
    pub(crate) ended: bool,
}
