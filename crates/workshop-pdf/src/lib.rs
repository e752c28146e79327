//! Sets handouts as PDF: what [`handouts::pdf`] describes, by typst, without a browser.
//!
//! Nothing here looks at a clock or reads a file that it was not given; the one exception are the machine's own
//! fonts, and only for letters that the built-in ones do not have.

mod fonts;
mod set;
mod sheet;

pub use set::{SetError, set};
