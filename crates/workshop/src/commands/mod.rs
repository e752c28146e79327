//! One file per verb: its arguments (`Args`) and what it does (`run`).

pub(crate) mod completions;
pub(crate) mod man;
