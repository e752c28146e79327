//! Inventory in, verified hosts out.

pub mod cloud;
pub mod packages;
