//! What is seen for task 4.

use serde::{Deserialize, Serialize};

use crate::evidence::Observed;
use crate::interface;

/// What became of the tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The tree's own tests.
    pub upstream: Upstream,
    /// Our own test.
    pub interface: Observed<interface::Seen>,
    /// One of them without root.
    pub unprivileged: Observed<Unprivileged>,
}

/// The tests that Bitcoin Core itself has for its interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upstream {
    /// The tree comes without functional tests.
    Absent,
    /// What became of them as root.
    Present(Observed<Functional>),
}

/// All of the tree's own tests, run as root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Functional {
    /// One by one.
    pub singly: Vec<Single>,
    /// All by the runner.
    pub runner: Observed<Runner>,
}

/// A test that was run by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Single {
    /// Its file: `interface_usdt_net.py`.
    pub name: String,
    /// How it ended.
    pub ended: Observed<Alone>,
}

/// How a test ended that was run by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    /// Its exit status; none when a signal ended it.
    pub code: Option<i32>,
    /// The last lines that it printed.
    pub said: String,
}

/// What the runner said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runner {
    /// Its exit status; none when a signal ended it.
    pub code: Option<i32>,
    /// What it says of each test.
    pub tests: Vec<(String, Status)>,
    /// The last lines that it printed.
    pub said: String,
}

/// What the runner says of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It ran, and all was right.
    Passed,
    /// It did not run.
    Skipped,
    /// It ran, and something was wrong.
    Failed,
}

/// What became of a test without root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unprivileged {
    /// One of the tree's own tests.
    Upstream(Alone),
    /// Our own test: why it could not be made, or nothing when it could.
    Own {
        /// In the words of its error.
        refused: Option<String>,
    },
}

impl Alone {
    /// What the exit status means; none for one that means nothing.
    pub fn status(&self) -> Option<Status> {
        match self.code {
            Some(0) => Some(Status::Passed),
            // `TEST_EXIT_SKIPPED` of Core's test framework.
            Some(77) => Some(Status::Skipped),
            Some(1) => Some(Status::Failed),
            _ => None,
        }
    }

    /// Why it was skipped, in its own words.
    pub fn skipped_for(&self) -> Option<&str> {
        let line = self.said.lines().rfind(|line| line.contains(SKIPPED))?;
        line.split_once(SKIPPED).map(|(_, reason)| reason.trim())
    }
}

/// What the test framework writes before the reason.
const SKIPPED: &str = "Test Skipped:";

impl Runner {
    /// What the runner's table says of each test: `interface_usdt_net.py | ✓ Passed  | 20 s`.
    pub fn table(printed: &str) -> Vec<(String, Status)> {
        let rows = printed.lines().filter_map(|line| {
            let mut columns = line.split('|').map(str::trim);
            let (name, status) = (columns.next()?, columns.next()?);
            if !name.ends_with(".py") {
                return None;
            }
            let words = [
                ("Passed", Status::Passed),
                ("Skipped", Status::Skipped),
                ("Failed", Status::Failed),
            ];
            let (_, status) = words.into_iter().find(|(word, _)| status.ends_with(word))?;
            Some((name.to_owned(), status))
        });
        rows.collect()
    }

    /// Whether it says that of any test.
    pub fn any(&self, status: Status) -> bool {
        self.tests.iter().any(|(_, one)| *one == status)
    }

    /// Why a test was skipped, in the runner's words: `interface_usdt_net.py skipped (no permissions)`.
    pub fn skipped_for(&self, name: &str) -> Option<&str> {
        let line = self
            .said
            .lines()
            .find(|line| line.contains(name) && line.contains(" skipped ("))?;
        let (_, reason) = line.split_once(" skipped (")?;
        reason.trim_end().strip_suffix(')')
    }
}
