//! Machines that somebody already has: any server or VM that SSH gets to.

pub mod adopt;
