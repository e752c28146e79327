//! The templates: ours, or a copy that an instructor has edited.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::problem::{TemplateError, TemplateProblems};

/// Every template, by its file's name.
const FILES: &[(&str, &str)] = &[
    (
        "cards.html.j2",
        include_str!("../../../templates/handout/cards.html.j2"),
    ),
    (
        "cards.md.j2",
        include_str!("../../../templates/handout/cards.md.j2"),
    ),
    (
        "cards.typ",
        include_str!("../../../templates/handout/cards.typ"),
    ),
    (
        "common.typ",
        include_str!("../../../templates/handout/common.typ"),
    ),
    (
        "page.html.j2",
        include_str!("../../../templates/handout/page.html.j2"),
    ),
    (
        "style.css.j2",
        include_str!("../../../templates/handout/style.css.j2"),
    ),
    (
        "table.html.j2",
        include_str!("../../../templates/handout/table.html.j2"),
    ),
    (
        "table.md.j2",
        include_str!("../../../templates/handout/table.md.j2"),
    ),
    (
        "table.typ",
        include_str!("../../../templates/handout/table.typ"),
    ),
    (
        "tasks.html.j2",
        include_str!("../../../templates/handout/tasks.html.j2"),
    ),
    (
        "tasks.md.j2",
        include_str!("../../../templates/handout/tasks.md.j2"),
    ),
    (
        "tasks.typ",
        include_str!("../../../templates/handout/tasks.typ"),
    ),
];

/// The drawings of the tasks' texts, by the name that the text gives them.
const DIAGRAMS: &[(&str, &str)] = &[
    (
        "coins",
        include_str!("../../../templates/handout/diagrams/coins.svg"),
    ),
    (
        "interface",
        include_str!("../../../templates/handout/diagrams/interface.svg"),
    ),
    (
        "life",
        include_str!("../../../templates/handout/diagrams/life.svg"),
    ),
    (
        "messages",
        include_str!("../../../templates/handout/diagrams/messages.svg"),
    ),
    (
        "server",
        include_str!("../../../templates/handout/diagrams/server.svg"),
    ),
    (
        "tracepoint",
        include_str!("../../../templates/handout/diagrams/tracepoint.svg"),
    ),
];

/// Ours are a few kilobytes; a picture as a data URL may stand in one.
const LARGEST: u64 = 1 << 20;

/// The drawing of that name, as SVG.
pub(crate) fn diagram(name: &str) -> Option<&'static str> {
    let found = DIAGRAMS.iter().find(|(known, _)| *known == name);
    found.map(|(_, svg)| *svg)
}

/// A whole set of templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Templates {
    folder: Option<PathBuf>,
    files: BTreeMap<&'static str, String>,
}

/// The templates cannot be copied there.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum EjectError {
    /// Somebody's work would be lost.
    #[error("{} has {} already", folder.display(), names.join(", "))]
    #[diagnostic(help("name a folder that is empty or not there yet; nothing is written over"))]
    Exists {
        /// The folder.
        folder: PathBuf,
        /// The files that are there.
        names: Vec<&'static str>,
    },
    /// The disk says no.
    #[error("cannot write the templates")]
    Io(#[source] std::io::Error),
}

impl Templates {
    /// Ours.
    pub fn built_in() -> Self {
        Self {
            folder: None,
            files: FILES
                .iter()
                .map(|(name, text)| (*name, (*text).to_owned()))
                .collect(),
        }
    }

    /// Those in `folder`, which holds all of them and nothing else.
    ///
    /// # Errors
    /// Every file that is missing, unknown or unreadable.
    pub fn load(folder: &Path) -> Result<Self, TemplateProblems> {
        let mut problems = Vec::new();
        let mut files = BTreeMap::new();
        match names_in(folder) {
            Ok(names) => {
                for name in names {
                    if known(&name).is_none() {
                        problems.push(TemplateError::Unknown {
                            path: folder.join(&name),
                            nearest: nearest(&name),
                        });
                    }
                }
                for (name, _) in FILES {
                    match read(folder.join(name)) {
                        Ok(text) => {
                            files.insert(*name, text);
                        }
                        Err(problem) => problems.push(problem),
                    }
                }
            }
            Err(source) => problems.push(TemplateError::Unreadable {
                path: folder.to_owned(),
                source,
            }),
        }
        if problems.is_empty() {
            Ok(Self {
                folder: Some(folder.to_owned()),
                files,
            })
        } else {
            Err(TemplateProblems {
                folder: folder.to_owned(),
                problems,
            })
        }
    }

    /// Writes ours into `folder`, to be edited.
    ///
    /// # Errors
    /// Nothing is written when one of them is there already.
    pub fn eject(folder: &Path) -> Result<Vec<PathBuf>, EjectError> {
        let there: Vec<&'static str> = FILES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| folder.join(name).symlink_metadata().is_ok())
            .collect();
        if !there.is_empty() {
            return Err(EjectError::Exists {
                folder: folder.to_owned(),
                names: there,
            });
        }
        fs_err::create_dir_all(folder).map_err(EjectError::Io)?;
        let mut written = Vec::new();
        for (name, text) in FILES {
            let path = folder.join(name);
            let mut file = fs_err::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)
                .map_err(EjectError::Io)?;
            std::io::Write::write_all(&mut file, text.as_bytes()).map_err(EjectError::Io)?;
            written.push(path);
        }
        Ok(written)
    }

    /// Where they were read from; none for ours.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Each with its text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.files.iter().map(|(name, text)| (*name, text.as_str()))
    }

    /// The text of that file.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }
}

fn known(name: &str) -> Option<&'static str> {
    FILES
        .iter()
        .map(|(known, _)| *known)
        .find(|known| *known == name)
}

fn nearest(name: &str) -> Option<&'static str> {
    FILES
        .iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(name, known), *known))
        .filter(|(distance, _)| *distance <= 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// What lies in the folder, but what editors and file managers leave behind.
fn names_in(folder: &Path) -> std::io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !name.ends_with('~') {
            names.insert(name);
        }
    }
    Ok(names)
}

fn read(path: PathBuf) -> Result<String, TemplateError> {
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(TemplateError::Missing { path });
        }
        Err(source) => return Err(TemplateError::Unreadable { path, source }),
    };
    let mut text = String::new();
    match file.take(LARGEST + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > LARGEST => Err(TemplateError::TooLarge {
            path,
            limit: LARGEST,
        }),
        Ok(_) => Ok(text),
        Err(source) => Err(TemplateError::Unreadable { path, source }),
    }
}
