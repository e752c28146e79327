//! From an inventory of people and their keys to verified hosts.
pub mod inventory;
pub mod names;
pub mod participants;
mod suggest;
