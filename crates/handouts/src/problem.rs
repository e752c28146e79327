//! What can be wrong with templates.

use std::path::PathBuf;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};

/// A folder of templates cannot be used; everything that is wrong with it.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("the templates in {} cannot be used", folder.display())]
#[diagnostic(help("`workshop handouts eject DIR` writes all of them anew into an empty folder"))]
pub struct TemplateProblems {
    /// The folder.
    pub folder: PathBuf,
    /// Each problem.
    #[related]
    pub problems: Vec<TemplateError>,
}

/// One thing that is wrong with a template.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum TemplateError {
    /// It is not there.
    #[error("{} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file that no handout is made from.
    #[error("{} is no template of a handout", path.display())]
    #[diagnostic(help("{}", match nearest {
        Some(name) => format!("did you mean {name}?"),
        None => "move it out of the folder".to_owned(),
    }))]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The template that was probably meant.
        nearest: Option<&'static str>,
    },
    /// It cannot be read as text.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Longer than any template needs to be.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is allowed.
        limit: u64,
    },
    /// It says something that cannot be.
    #[error("{message}")]
    Wrong {
        /// What.
        message: String,
        /// What to do about it.
        #[help]
        help: Option<String>,
        /// Its name and text.
        #[source_code]
        file: Arc<NamedSource<String>>,
        /// Where.
        #[label]
        at: Option<SourceSpan>,
    },
    /// What it made could not be written.
    #[error("cannot write what a template made")]
    Write {
        /// Why not.
        source: std::io::Error,
    },
}
