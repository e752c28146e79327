//! What is seen for task 3.

use serde::{Deserialize, Serialize};

use crate::bpftrace::Printed;
use crate::distribution::Distribution;
use crate::evidence::Observed;
use crate::tracepoint::Tracepoint;
use crate::verdict::Judged;

/// The script, and what happened when it traced a run of the test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The participant's script.
    pub script: Script,
    /// The program of the unit tests, from the top of the tree.
    pub binary: String,
    /// The documented arguments of `utxocache:add`, by name.
    pub arguments: Vec<String>,
    /// A run of the test; without a script it was made for the answers alone.
    pub run: Observed<Run>,
    /// What was counted in earlier checks, the latest first.
    pub earlier: Vec<Counts>,
}

/// The participant's script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Script {
    /// There is none.
    Missing {
        /// Where it was looked for.
        path: String,
    },
    /// There is something that is no script, or cannot be read.
    Unreadable {
        /// Where.
        path: String,
        /// Why not.
        why: String,
    },
    /// This one.
    Text {
        /// Where it was read.
        path: String,
        /// All of it.
        text: String,
    },
}

/// How many were added and spent in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Times that `utxocache:add` was passed.
    pub added: u64,
    /// Times that `utxocache:spent` was passed.
    pub spent: u64,
}

/// One run of the test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// As it is typed.
    pub command: String,
    /// Its `RANDOM_CTX_SEED`, made for this run.
    pub seed: String,
    /// What our own probes counted.
    pub truth: Truth,
    /// What became of the script; none when there was no script to run.
    pub traced: Option<Traced>,
}

/// What our own probes counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// At `utxocache:add`.
    pub added: Side,
    /// At `utxocache:spent`.
    pub spent: Side,
    /// How often `utxocache:uncache` was passed.
    pub uncached: u64,
}

/// What our probes counted at one tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// How often it was passed.
    pub count: u64,
    /// The sum of the values in satoshi, of which a map of 64 bits keeps the lower ones.
    pub sum_low: u64,
    /// The sum of the values in bitcoin, rounded down.
    pub sum_btc: u64,
    /// How many were coinbase outputs, unless events were lost.
    pub coinbase: Option<u64>,
    /// How many different transactions, unless events were lost.
    pub txids: Option<u64>,
    /// How the values are spread, in satoshi.
    pub values: Distribution,
}

/// What bpftrace made of the script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// `bpftrace --version`.
    pub version: Option<String>,
    /// When it ended.
    pub ended: Ended,
    /// Its exit status; none when a signal ended it.
    pub status: Option<i32>,
    /// What it had hooked when the test began; none when that could not be seen.
    pub hooked: Option<Vec<Hooked>>,
    /// What it said on standard error, without what it says of this machine.
    pub messages: String,
    /// What it printed.
    pub printed: Printed,
}

/// When bpftrace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// Before it had attached anything.
    Starting,
    /// It had not attached in the time it was given, in seconds.
    Late(u64),
    /// While the test ran.
    Testing,
    /// When it was interrupted after the test, as it should.
    Asked,
    /// It did not, and was killed after so many seconds.
    Killed(u64),
}

/// A place that bpftrace had hooked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hooked {
    /// The program, from the top of the tree.
    pub file: String,
    /// Whether that is the file which the test runs.
    pub tested: bool,
    /// The tracepoint there, if it is one.
    pub tracepoint: Option<Tracepoint>,
}

impl Traced {
    /// Whether it had hooked a tracepoint of the program that the test runs; none when that is not known.
    pub fn has_hooked(&self, tracepoint: &Tracepoint) -> Option<bool> {
        Some(
            self.hooked
                .as_ref()?
                .iter()
                .any(|hooked| hooked.tested && hooked.tracepoint.as_ref() == Some(tracepoint)),
        )
    }
}

/// What a script printed, and what to compare it with.
pub(super) struct Compared<'a> {
    pub(super) text: &'a str,
    pub(super) run: &'a Run,
    pub(super) traced: &'a Traced,
    pub(super) earlier: &'a [Counts],
}

impl Seen {
    /// Judges what the script printed.
    pub(super) fn traced(&self, judge: impl FnOnce(&Compared<'_>) -> Judged) -> Judged {
        let not_run = || Judged::Unknown {
            why: "the script was not run".to_owned(),
            remedy: "run the check again".to_owned(),
        };
        let Script::Text { text, .. } = &self.script else {
            return not_run();
        };
        self.run.judge(|run| match &run.traced {
            Some(traced) => judge(&Compared {
                text,
                run,
                traced,
                earlier: &self.earlier,
            }),
            None => not_run(),
        })
    }
}
