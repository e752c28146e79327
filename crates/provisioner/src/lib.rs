//! Inventory in, verified hosts out.
//!
//! An inventory names people and their keys; a provider gives each of them a host; steps over SSH make
//! it what a participant needs, and every step is looked at again after it was done. This crate never
//! prints: it returns what it found and sends [`job::JobEvent`]s to whoever draws.
//!
//! The way through it: [`inventory::Inventory::load`] reads what is wanted, [`plan::plan`] compares it with
//! what [`state`] and the provider in [`cloud`] know, [`provision()`] makes the hosts and takes each through
//! its [`steps`] (which [`run`] gathers and changes over a [`host::Ssh`]), with the software that [`nix`]
//! has built once. [`roster::roster`] tells what stands on a card, [`room::room`] and
//! [`doctor::doctor`] look at the result, [`rehearsal::rehearse`] tries its tasks, [`wake::wake`]
//! starts hosts again that are off (their [`guard`] may say why), [`destroy::destroy`] ends it.

pub mod cloud;
pub mod collect;
pub mod cost;
pub mod destroy;
pub mod doctor;
pub mod guard;
pub mod host;
pub mod inventory;
pub mod job;
pub mod lost;
pub mod names;
pub mod nix;
pub mod packages;
pub mod participants;
pub mod plan;
mod provision;
pub mod register;
pub mod rehearsal;
pub mod room;
pub mod roster;
pub mod run;
pub mod ssh_files;
pub mod state;
pub mod step;
pub mod steps;
mod suggest;
pub mod visit;
pub mod wake;

pub use provision::{
    ClosureFrom, Failure, HostReport, Options, ProvisionError, ReleaseSource, closure_from,
    export_cache, fetch_source, look_at_source, provision, takeover,
};
