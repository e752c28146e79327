//! What a task of the workshop is, and who judges it.
//!
//! Nothing here reads a file, runs a program or asks anybody: the binary gathers [`Evidence`] and these are
//! pure functions of it, so a verdict can be judged again anywhere from a saved file.
//!
//! - [`TASKS`] lists the tasks; a [`Task`] is data: questions, checks and a template of prose.
//! - [`judge`] turns evidence into a [`Verdict`].
//! - [`progress`] folds verdicts into what a participant has achieved.
//! - The rest understands what participants and their tools write: [`answers`], [`source`], [`surroundings`],
//!   [`listing`], [`documented`], [`bpftrace`], [`distribution`], [`profile`], [`recording`].

pub mod amount;
pub mod answers;
pub mod bpftrace;
pub mod distribution;
pub mod documented;
pub mod evidence;
pub mod interface;
pub mod listing;
pub mod profile;
pub mod progress;
pub mod prose;
pub mod recording;
pub mod solutions;
pub mod source;
pub mod surroundings;
pub mod task;
pub mod tasks;
pub mod tracepoint;
pub mod verdict;

pub use answers::{Answer, Answers};
pub use evidence::{Evidence, Observed, Seen};
pub use task::{Question, Task};
pub use tasks::{TASKS, judge, task};
pub use tracepoint::Tracepoint;
pub use verdict::{Finding, State, Verdict};

/// The candidate a mistyped word most likely meant, when one is near enough to say so.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        // A third of the letters wrong is a slip; more is another word.
        .filter(|(distance, candidate)| *distance * 3 <= candidate.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_finds_its_word() {
        assert_eq!(closest("kernl", ["memory", "kernel"]), Some("kernel"));
        assert_eq!(closest("task9", ["task0", "task1"]), Some("task0"));
        assert_eq!(closest("supercalifragilistic", ["task0"]), None);
    }
}
