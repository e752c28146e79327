//! What `workshop` asks of `workshop-pdf`, and what it answers: one JSON document on its standard input, one on its
//! standard output. The files come by way of a folder.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::{Paper, Workshop};
use crate::markdown::Block;
use crate::seat::{Card, Row};

/// The version of both documents; the two programs must be of one build.
pub const SCHEMA: u32 = 1;

/// What is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Whether the files with everything are made, beside the single cards.
    pub whole: bool,
    /// The typst templates by their names.
    pub templates: BTreeMap<String, String>,
    /// What stands in the handouts; the templates see it as `data.json`.
    pub data: Data,
}

/// What stands in the handouts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// What is printed on.
    pub paper: Paper,
    /// What all handouts say.
    pub workshop: Workshop,
    /// [`crate::ATTRIBUTION`].
    pub attribution: String,
    /// [`crate::LICENCE`].
    pub licence: String,
    /// [`crate::LICENCE_URL`].
    pub licence_url: String,
    /// A page each.
    pub cards: Vec<Card>,
    /// The rows of the table.
    pub rows: Vec<Row>,
    /// The tasks.
    pub tasks: Vec<Task>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// As typed: `task1`.
    pub id: String,
    /// As read.
    pub title: String,
    /// What it is about, in one sentence.
    pub brief: String,
    /// All of it.
    pub blocks: Vec<Block>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Reply {
    /// Every file was made.
    Made {
        /// Their names, within the folder.
        written: Vec<String>,
        /// What people should know: letters that no font has.
        remarks: Vec<String>,
    },
    /// A template is wrong.
    Wrong {
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
        /// In which template.
        template: Option<String>,
        /// Where in it, in bytes: from, and up to.
        at: Option<(usize, usize)>,
    },
    /// Something else.
    Failed {
        /// What.
        message: String,
    },
}
