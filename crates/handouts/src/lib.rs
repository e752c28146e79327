//! What an instructor hands out: a card for every participant, the task book, and the table on the wall.
//!
//! Plain data in ([`Room`]), text out: HTML and Markdown through the templates in `templates/handout`, which an
//! instructor may copy and edit ([`Templates`]). What is the same for every format (the command that logs in, the
//! QR code, the blocks of a task's text) is made once here, also for the program that makes PDF of it.
//!
//! Nothing here looks at a clock, a random number or the machine: the same data gives the same bytes.

mod clean;
mod data;
mod escape;
mod folder;
mod fuel;
mod markdown;
pub mod pdf;
mod problem;
mod qr;
mod render;
mod seat;
mod templates;

pub use data::{ATTRIBUTION, LICENCE, LICENCE_URL, Paper, Participant, Room, Seat, Task, Workshop};
pub use folder::{Folder, FolderError};
pub use markdown::{Block, Inline, blocks};
pub use problem::{TemplateError, TemplateProblems};
pub use render::{Document, Format, Renderer};
pub use seat::{Card, Row};
pub use templates::{EjectError, Templates};
