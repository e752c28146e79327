//! Watches a node's connections and messages: the machinery of `workshop monitor`.
//!
//! A [`source::MessageSource`] gives events; [`model`] makes peers of them, [`rpc`] fills in what was before;
//! [`screen`] draws them with [`view`] and [`input`], [`lines`] prints them, [`record`] keeps them.

pub(crate) mod event;
pub(crate) mod input;
pub(crate) mod lines;
pub(crate) mod model;
pub(crate) mod owner;
pub(crate) mod record;
pub(crate) mod rpc;
pub(crate) mod screen;
pub(crate) mod signals;
pub(crate) mod source;
pub(crate) mod target;
pub(crate) mod usdt;
pub(crate) mod view;
pub(crate) mod wake;
pub(crate) mod watch;
