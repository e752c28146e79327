//! One file per verb: its arguments (`Args`) and what it does (`run`).

pub(crate) mod add;
pub(crate) mod completions;
pub(crate) mod init;
pub(crate) mod man;
