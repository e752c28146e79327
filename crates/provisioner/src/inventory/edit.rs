//! Writes a new inventory, and adds people to one: the file keeps every comment and its own layout, and is replaced only
//! by a text that was judged to say exactly what it said before and the new people besides.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use super::insert::{insert, quoted};
use super::load::{Loaded, read};
use super::naming;
use super::problem::{Finding, Problems};
use super::resolve;
use super::template::template;
use super::tree::{self, Kind};
use super::types::{Inventory, Participant};
use super::values::Bad;
use crate::participants::PublicKey;

/// Who is to be added.
#[derive(Clone, Debug)]
pub enum Addition {
    /// One person.
    Person {
        /// As it was written by the instructor; it is checked here.
        name: String,
        /// Made from the name when missing.
        initials: Option<String>,
        /// The key, already judged.
        key: PublicKey,
        /// What goes behind `key:`.
        written: Written,
    },
    /// Everybody whose key lies in a folder.
    Folder {
        /// The folder, from the current directory.
        folder: PathBuf,
    },
}

/// How a person's key stands in the inventory.
#[derive(Clone, Debug)]
pub enum Written {
    /// The key itself.
    Inline,
    /// The file it is in, from the current directory. One that does not lie beneath the inventory's
    /// folder would be missed on the next machine, so the key itself is written instead.
    File(PathBuf),
}

/// What became of an addition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// These are in the inventory now.
    Added {
        /// In their order.
        people: Vec<Participant>,
        /// What stands behind `key:` or `folder:` of the new entry.
        written: String,
    },
    /// They were in it already, with the same keys.
    Nothing,
}

/// Why nobody was added. The inventory is as it was.
#[derive(Debug, Error, Diagnostic)]
pub enum EditError {
    /// The inventory has problems of its own, which have to be put right first.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Broken(Problems),

    /// The name or the initials are not right.
    #[error("{message}")]
    #[diagnostic(help("{help}"))]
    Invalid {
        /// What is wrong.
        message: String,
        /// What would be right.
        help: String,
    },

    /// The person is there with another key.
    #[error("{name} is in the inventory already, with another key ({fingerprint})")]
    #[diagnostic(help(
        "to replace the key, change `key:` on line {line} of {}; for another person of that name, add a surname or an initial", path.display()
    ))]
    AnotherKey {
        /// The person.
        name: String,
        /// Of the key that is there.
        fingerprint: String,
        /// Where they stand.
        line: usize,
        /// The inventory.
        path: PathBuf,
    },

    /// With the new people, the inventory would not be right.
    #[error("nobody was added: the inventory would not be right with that entry")]
    Conflict {
        /// What would be wrong with it; the lines are those of the text that was not written.
        #[related]
        findings: Vec<Finding>,
    },

    /// The file has a layout in which no place for the entry is sure.
    #[error("no sure place for the entry was found in {}", path.display())]
    #[diagnostic(help("add it by hand, at the end of `participants`:\n  - {entry}"))]
    NoPlace {
        /// The inventory.
        path: PathBuf,
        /// The entry.
        entry: String,
    },

    /// The path cannot be written into a YAML file.
    #[error("the path {} is not UTF-8", path.display())]
    #[diagnostic(help("rename the file or the folder"))]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },

    /// There is an inventory already.
    #[error("{} exists already", path.display())]
    #[diagnostic(help(
        "`--force` writes a fresh one in its place; `--inventory PATH` names another"
    ))]
    Exists {
        /// The inventory.
        path: PathBuf,
    },

    /// The file could not be written.
    #[error("{} could not be written", path.display())]
    #[diagnostic(help("check the permissions of the file and of its folder, and the free space"))]
    Write {
        /// The inventory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Writes a new inventory to `path`, with every field at its default and explained, and nobody in it.
///
/// # Errors
/// [`EditError`]: the name is not right, a file is there and `force` was not given, or it cannot be
/// written. Whatever was there is as it was then.
pub fn create(path: &Path, name: &str, force: bool) -> Result<(), EditError> {
    let write = |source: io::Error| EditError::Write {
        path: path.to_owned(),
        source,
    };
    let name = naming::workshop_name(name)
        .map_err(|Bad { message, help }| EditError::Invalid { message, help })?;
    let text = template(&name);
    if force && let Ok(target) = fs::canonicalize(path) {
        return replace(&target, text.as_bytes()).map_err(write);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut new = temporary(folder).map_err(write)?;
    new.write_all(text.as_bytes()).map_err(write)?;
    new.as_file().sync_all().map_err(write)?;
    match new.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(EditError::Exists {
                path: path.to_owned(),
            })
        }
        Err(failed) => Err(write(failed.error)),
    }
}

/// Adds people to the inventory at `path`.
///
/// Two runs at once wait for one another. The file is replaced in one step, with its mode, owner and
/// line ends; a symbolic link stays one.
///
/// # Errors
/// [`EditError`]; nothing was written then.
pub fn add(path: &Path, addition: &Addition) -> Result<Change, EditError> {
    let write = |source: io::Error| EditError::Write {
        path: path.to_owned(),
        source,
    };
    // Only so that a missing file, a folder or a pipe is reported in the reader's own words.
    read(path).map_err(EditError::Broken)?;
    let target = fs::canonicalize(path).map_err(write)?;
    let _lock = lock(&target).map_err(write)?;
    let text = read(path).map_err(EditError::Broken)?;
    let now = jiff::Timestamp::now();
    let before = Inventory::parse(&text, path, now).map_err(EditError::Broken)?;
    let folder = target.parent().unwrap_or(Path::new("/"));
    let Some(plan) = plan(addition, &before, &text, path, folder)? else {
        return Ok(Change::Nothing);
    };

    let no_place = || EditError::NoPlace {
        path: path.to_owned(),
        entry: plan.entry.clone(),
    };
    let new = insert(&text, &plan.entry).ok_or_else(no_place)?;
    let after = Inventory::parse(&new, path, now).map_err(|problems| EditError::Conflict {
        findings: problems.into_findings(),
    })?;
    let people = added(&before, after).ok_or_else(no_place)?;
    let is_right = match &plan.person {
        Some(person) => people == std::slice::from_ref(person),
        None => !people.is_empty(),
    };
    if !is_right {
        return Err(no_place());
    }
    replace(&target, new.as_bytes()).map_err(write)?;
    Ok(Change::Added {
        people,
        written: plan.written,
    })
}

struct Plan {
    entry: String,
    written: String,
    /// The one who must then be there; nobody for a folder, where any number may be.
    person: Option<Participant>,
}

/// The entry to write; `None` when it is there already.
fn plan(
    addition: &Addition,
    before: &Loaded,
    text: &str,
    path: &Path,
    folder: &Path,
) -> Result<Option<Plan>, EditError> {
    let invalid = |Bad { message, help }| EditError::Invalid { message, help };
    match addition {
        Addition::Person {
            name,
            initials,
            key,
            written,
        } => {
            let name = naming::person_name(name).map_err(invalid)?;
            let people = &before.inventory.participants;
            if let Some(there) = people.iter().find(|person| person.name == name) {
                if there.key == *key {
                    return Ok(None);
                }
                return Err(EditError::AnotherKey {
                    line: line_of(text, &name),
                    fingerprint: there.key.fingerprint(),
                    name,
                    path: path.to_owned(),
                });
            }
            let given = match initials {
                Some(written) => Some(naming::initials(written).map_err(invalid)?),
                None => None,
            };
            let initials = match &given {
                Some(initials) => initials.clone(),
                None => naming::initials_of(&name).map_err(invalid)?,
            };
            let written = match written {
                Written::Inline => None,
                Written::File(file) => beneath(file, folder)?,
            }
            .unwrap_or_else(|| key.authorized_line());
            Ok(Some(Plan {
                entry: format!(
                    "{{name: {}, initials: {}, key: {}}}",
                    quoted(&name),
                    quoted(&initials),
                    quoted(&written)
                ),
                written,
                person: Some(Participant {
                    name,
                    initials,
                    key: key.clone(),
                }),
            }))
        }
        Addition::Folder { folder: new } => {
            let absolute = fs::canonicalize(new).unwrap_or_else(|_| new.clone());
            if folders(text, folder).contains(&absolute) {
                return Ok(None);
            }
            let written = match beneath(new, folder)? {
                Some(inside) => inside,
                None => utf8(&absolute)?,
            };
            Ok(Some(Plan {
                entry: format!("{{folder: {}}}", quoted(&written)),
                written,
                person: None,
            }))
        }
    }
}

/// The path from the inventory's folder, when it lies beneath it.
fn beneath(path: &Path, folder: &Path) -> Result<Option<String>, EditError> {
    let Ok(absolute) = fs::canonicalize(path) else {
        return Ok(None);
    };
    match absolute.strip_prefix(folder) {
        Ok(inside) if !inside.as_os_str().is_empty() => utf8(inside).map(Some),
        Ok(_) => Ok(Some(".".to_owned())),
        Err(_) => Ok(None),
    }
}

fn utf8(path: &Path) -> Result<String, EditError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| EditError::NotUtf8 {
            path: path.to_owned(),
        })
}

/// The people in `after` beyond those of `before`; `None` if anything else differs.
fn added(before: &Loaded, after: Loaded) -> Option<Vec<Participant>> {
    let mut inventory = after.inventory;
    let count = before.inventory.participants.len();
    if inventory.participants.len() < count {
        return None;
    }
    let people = inventory.participants.split_off(count);
    (inventory == before.inventory).then_some(people)
}

/// The scalars of the list's entries behind one of their fields, and where they stand.
fn entries(text: &str, field: &str) -> Vec<(String, usize)> {
    let Ok(root) = tree::parse(text) else {
        return Vec::new();
    };
    let named = |node: &tree::Node, name: &str| match &node.kind {
        Kind::Map(pairs) => pairs
            .iter()
            .find(|(key, _)| matches!(&key.kind, Kind::Scalar(key) if key == name))
            .map(|(_, value)| value.clone()),
        _ => None,
    };
    let Some(Kind::List(items)) = named(&root, "participants").map(|list| list.kind) else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| {
            let value = named(item, field)?;
            match value.kind {
                Kind::Scalar(text) => Some((text, value.span.start)),
                _ => None,
            }
        })
        .collect()
}

fn folders(text: &str, base: &Path) -> Vec<PathBuf> {
    entries(text, "folder")
        .into_iter()
        .filter_map(|(written, _)| fs::canonicalize(resolve(&written, base)).ok())
        .collect()
}

/// The line of a person; of the first folder for people who came from one.
fn line_of(text: &str, name: &str) -> usize {
    let is_person = |written: &str| naming::person_name(written).is_ok_and(|known| known == name);
    let person = entries(text, "name")
        .into_iter()
        .find(|(written, _)| is_person(written));
    let place = person.or_else(|| entries(text, "folder").into_iter().next());
    place.map_or(1, |(_, at)| text[..at].matches('\n').count() + 1)
}

/// Holds the inventory against another `workshop add` until the file is dropped.
fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = File::open(path)?;
        file.lock()?;
        // Whoever held it may have put another file in this one's place.
        let (ours, theirs) = (file.metadata()?, fs::metadata(path)?);
        if (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()) {
            return Ok(file);
        }
    }
}

/// A file that takes an inventory's place once it is whole.
fn temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".inventory-")
        // As any new file: what the umask leaves. Nothing in an inventory is secret.
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

/// Puts new bytes in a file's place in one step, with the old one's mode and owner.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let old = fs::metadata(path)?;
    let mut new = temporary(folder)?;
    new.write_all(bytes)?;
    let file = new.as_file();
    file.set_permissions(old.permissions())?;
    // Under sudo the file must stay its owner's; everybody else may not give files away, nor need to.
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid())).ok();
    }
    file.sync_all()?;
    new.persist(path)?;
    // The rename itself is on disk only with its folder.
    File::open(folder)?.sync_all()
}
