//! What the binary saw when it was asked to check: everything a verdict depends on, in one file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answers::Answers;
use crate::tasks::{task0, task1, task3, task4, task5};
use crate::verdict::Judged;

/// The format of an evidence file. Raised when an old judge would misread a new file.
pub const SCHEMA: u32 = 1;

/// One check's evidence. `S` is what was observed: [`Seen`] for the tasks of this crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence<S = Seen> {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// The version of that program.
    pub checker: String,
    /// When it looked.
    pub at: Timestamp,
    /// The host's word, when it is a workshop's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The answers as they were then.
    pub answers: Answers,
    /// What was observed.
    pub seen: S,
}

/// What was observed, by task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// The server.
    Task0(task0::Seen),
    /// The built program and what the tools say about it.
    Task1(task1::Seen),
    /// The rebuilt program, and a few starts and stops of it.
    Task5(task5::Seen),
    /// A script of the participant's in a run of a unit test.
    Task3(Box<task3::Seen>),
    /// What became of the interface tests.
    Task4(task4::Seen),
}

impl Seen {
    /// Which task it is evidence for.
    pub fn task(&self) -> &'static str {
        match self {
            Self::Task0(_) => task0::TASK.id,
            Self::Task1(_) => task1::TASK.id,
            Self::Task5(_) => task5::TASK.id,
            Self::Task3(_) => task3::TASK.id,
            Self::Task4(_) => task4::TASK.id,
        }
    }
}

/// An observation that may have been impossible. Impossible is never taken for a yes or a no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Observed<T> {
    /// This is what there was.
    Known(T),
    /// It could not be seen.
    Unknown {
        /// Why not.
        why: String,
        /// What would change that.
        remedy: String,
    },
}

impl<T> Observed<T> {
    /// It could not be seen.
    pub fn unknown(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Unknown {
            why: why.into(),
            remedy: remedy.into(),
        }
    }

    /// Judges what was seen; what was not is [`Judged::Unknown`].
    pub fn judge(&self, judge: impl FnOnce(&T) -> Judged) -> Judged {
        match self {
            Self::Known(value) => judge(value),
            Self::Unknown { why, remedy } => Judged::Unknown {
                why: why.clone(),
                remedy: remedy.clone(),
            },
        }
    }
}

/// Why a file is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum BadEvidence {
    /// Another format.
    #[error("the evidence has format {found}, and this program judges format {SCHEMA}")]
    Schema {
        /// What the file says.
        found: u64,
    },
    /// Not what the format says.
    #[error("the evidence cannot be read")]
    Parse {
        /// With line and column.
        #[from]
        source: serde_json::Error,
    },
}

impl Evidence {
    /// Reads a saved file.
    ///
    /// # Errors
    /// When it is of another format or damaged.
    pub fn from_json(text: &str) -> Result<Self, BadEvidence> {
        #[derive(Deserialize)]
        struct Header {
            schema: u64,
        }
        // The version first: a newer file may have fields that this program would call damaged.
        let Header { schema } = serde_json::from_str(text)?;
        if schema != u64::from(SCHEMA) {
            return Err(BadEvidence::Schema { found: schema });
        }
        Ok(serde_json::from_str(text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_named() {
        let error = Evidence::from_json(r#"{"schema": 2, "wholly": "different"}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the evidence has format 2, and this program judges format 1"
        );
        assert!(matches!(
            Evidence::from_json("{\"schema\": 1"),
            Err(BadEvidence::Parse { .. })
        ));
    }
}
