//! One file per verb: its arguments (`Args`) and what it does (`run`).

pub(crate) mod add;
pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod doctor;
pub(crate) mod init;
mod instructor;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod provision;
pub(crate) mod ssh;
pub(crate) mod status;
