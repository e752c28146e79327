//! The room, live: what each host says of its participant's progress and of itself, a few seconds old.
//!
//! - [`feed`]: one connection a host, over which the host tells what has changed.
//! - [`line`]: what a host tells, line by line; everything in it may be forged.
//! - [`model`]: what is known of the room, and what it comes to.
//! - [`table`], [`screen`], [`web`]: three ways to look at it.

mod feed;
mod line;
mod model;
mod screen;
mod table;
mod view;
mod web;

pub(crate) use self::feed::{Feed, settled};
pub(crate) use self::model::Shown;
pub(crate) use self::screen::run as on_screen;
pub(crate) use self::table::table;
pub(crate) use self::web::Served;
