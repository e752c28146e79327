//! One file per verb: its arguments (`Args`) and what it does (`run`).

pub(crate) mod add;
pub(crate) mod answer;
pub(crate) mod board;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod collect;
pub(crate) mod completions;
pub(crate) mod destroy;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod grade;
#[cfg(target_os = "linux")]
pub(crate) mod guard;
pub(crate) mod handouts;
pub(crate) mod hint;
pub(crate) mod init;
mod instructor;
#[cfg(target_os = "linux")]
pub(crate) mod interface_test;
mod lost;
pub(crate) mod man;
#[cfg(target_os = "linux")]
pub(crate) mod monitor;
#[cfg(target_os = "linux")]
pub(crate) mod observe;
pub(crate) mod participant;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod provision;
pub(crate) mod rebuild;
pub(crate) mod register;
pub(crate) mod rehearse;
pub(crate) mod reset;
pub(crate) mod show;
pub(crate) mod ssh;
pub(crate) mod start;
pub(crate) mod status;
mod takeover;
pub(crate) mod tasks;
#[cfg(target_os = "linux")]
pub(crate) mod trace;
pub(crate) mod tracepoints;
pub(crate) mod trust;
pub(crate) mod wake;
pub(crate) mod watch;

pub(crate) use instructor::Listing;
pub(crate) use participant::the_task;
