//! From a path to an inventory: reads the file, parses it once, and lets every section say what is
//! wrong with it.

use std::path::Path;

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

use super::fields::INVENTORY;
use super::problem::{Finding, Problems, Report, unusable};
use super::syntax::NotYaml;
use super::tree::{self, Node};
use super::types::{Inventory, ProviderKind};
use super::{guard, people, sections};
use crate::names::WORDS;
use crate::participants::{Refusal, private, read_capped};

/// The largest inventory that is read, in bytes: 2048 people with their keys inline take a third.
pub const MAX_INVENTORY: usize = 1 << 20;

/// An inventory that is right.
#[derive(Debug)]
pub struct Loaded {
    /// What it says.
    pub inventory: Inventory,
    /// What is worth knowing all the same, in the file's order: keys that were cleaned, a deadline in
    /// the past, equal initials, a private key that lies around.
    pub remarks: Vec<Finding>,
}

impl Inventory {
    /// Reads an inventory, and the key files it names.
    ///
    /// # Errors
    /// Every problem of it at once.
    pub fn load(path: &Path) -> Result<Loaded, Problems> {
        Self::load_at(path, jiff::Timestamp::now())
    }

    /// As [`Inventory::load`], with a clock of the caller's.
    ///
    /// # Errors
    /// Every problem of it at once.
    pub fn load_at(path: &Path, now: jiff::Timestamp) -> Result<Loaded, Problems> {
        Self::parse(&read(path)?, path, now)
    }

    /// Judges the text of an inventory that is to stand at `path`, from where its key files are found.
    pub(crate) fn parse(text: &str, path: &Path, now: jiff::Timestamp) -> Result<Loaded, Problems> {
        let mut report = Report::new(text);
        if let Some(at) = private::find(text) {
            // Nothing else is looked at: whatever else was said might repeat a piece of it.
            let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
            report.problem(
                &(at..end),
                "there is a PRIVATE key in the inventory: it must be thrown away and a new pair made",
                "remove it, delete every copy and tell its owner: a private key that was sent is no longer private. What belongs here is the public one, from the file whose name ends in `.pub`",
            );
            return report.settle(None, path);
        }
        let root = match tree::parse(text) {
            Ok(root) => root,
            Err(error) => {
                broken(&error, text, &mut report);
                return report.settle(None, path);
            }
        };
        let inventory = inventory(&root, path, now, &mut report);
        report.settle(inventory, path)
    }
}

impl Report {
    fn settle(mut self, inventory: Option<Inventory>, path: &Path) -> Result<Loaded, Problems> {
        if inventory.is_none() && !self.has_problems() {
            self.whole(
                "the inventory cannot be used",
                "compare it with the one `workshop init` writes",
            );
        }
        let remarks = self.finish(path)?;
        match inventory {
            Some(inventory) => Ok(Loaded { inventory, remarks }),
            // `finish` returned the problems.
            None => Err(unusable(path, "the inventory cannot be used", "", None)),
        }
    }
}

fn inventory(
    root: &Node,
    path: &Path,
    now: jiff::Timestamp,
    report: &mut Report,
) -> Option<Inventory> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    let fields = INVENTORY.read(Some(root), &root.span, report);
    let place = |name: &str| fields.key(name).cloned().unwrap_or_default();

    // A section that is there and empty has no required field; one that is missing was reported.
    let workshop = fields
        .key("workshop")
        .and_then(|key| sections::workshop(fields.value("workshop"), key, now, report));
    let has_deadline = (workshop.as_ref()).is_none_or(|workshop| workshop.deadline.is_some());
    let (hosts, provided) = sections::hosts(
        fields.value("hosts"),
        &place("hosts"),
        has_deadline,
        folder,
        report,
    );
    let bitcoin = sections::bitcoin(
        fields.value("bitcoin"),
        &place("bitcoin"),
        folder,
        &provided,
        report,
    );
    let guard = guard::guard(fields.value("guard"), &place("guard"), report);
    let participants = people::participants(fields.value("participants"), folder, report);
    let inventory = Inventory {
        workshop: workshop?,
        bitcoin: bitcoin?,
        hosts: hosts?,
        guard: guard?,
        participants,
    };
    let count = inventory.host_count();
    if count > WORDS {
        report.problem(
            &place("participants"),
            format!("{count} hosts are wanted (spare ones included), and there are {WORDS} names for hosts"),
            "split the people over several workshops, each with a folder of its own",
        );
    }
    let machines = inventory.hosts.existing.machines.len();
    if inventory.hosts.provider == ProviderKind::Existing && machines > 0 && machines <= count {
        report.problem(
            &place("hosts"),
            format!("{machines} machines are not enough for {count} hosts (spare ones included) and one that builds"),
            "name more of them in `hosts.existing.machines`, or take fewer spare hosts; participants are root on theirs, so none of those can build for the others",
        );
    }
    if inventory.participants.is_empty() && !report.has_problems() {
        report.remark(
            &place("participants"),
            "nobody takes part yet",
            "add people with `workshop add NAME --key FILE`",
        );
    }
    Some(inventory)
}

/// The text of the file at `path`.
pub(crate) fn read(path: &Path) -> Result<String, Problems> {
    let bytes = read_capped(path, MAX_INVENTORY).map_err(|refusal| match refusal {
        Refusal::Missing { .. } => unusable(
            path,
            "there is no inventory",
            "`workshop init` writes one; `--inventory PATH` names another",
            None,
        ),
        Refusal::NotAFile { what } => unusable(
            path,
            format!("the inventory is {what}, not a file"),
            "name the file itself, such as inventory.yaml",
            None,
        ),
        Refusal::Unreadable { source, .. } => unusable(
            path,
            "the inventory cannot be read",
            "check the permissions of the file and of the folders above it",
            Some(source),
        ),
        other => unusable(path, other.to_string(), "", None),
    })?;
    if bytes.len() > MAX_INVENTORY {
        return Err(unusable(
            path,
            format!("the inventory is larger than {} KiB", MAX_INVENTORY / 1024),
            "this is probably another file; keys can stay in files of their own",
            None,
        ));
    }
    if matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err(unusable(
            path,
            "the inventory is UTF-16, not UTF-8",
            "save it as UTF-8 in your editor",
            None,
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let right = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..right];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        unusable(
            path,
            format!(
                "the inventory is not UTF-8: line {line} has a byte {:#04x}",
                error.as_bytes()[right]
            ),
            "save it as UTF-8 in your editor; umlauts of an older encoding look like this",
            None,
        )
    })
}

/// A document that is no YAML, or not one document, or too much of it.
fn broken(error: &Error, text: &str, report: &mut Report) {
    let error = error.without_snippet();
    let broken = NotYaml::of(error, text);
    let (message, help) = match error {
        Error::MultipleDocuments { .. } => several(),
        Error::Budget {
            breach: BudgetBreach::Documents { .. },
            ..
        } => several(),
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => (
            "brackets or indents are nested deeper than any inventory is".to_owned(),
            "count the brackets of this line, and the dashes above it",
        ),
        // Of an alias, the parser wraps the error once more, in text.
        _ if matches!(error, Error::Budget { .. }) || broken.what.contains("limit exceeded") => (
            "the aliases (`*name`) of this file stand for more than any inventory holds".to_owned(),
            "write the values themselves",
        ),
        _ => (
            format!("this is not YAML: {}", broken.what),
            broken.way_out.unwrap_or(
                "look at this line and the one above: indents, quotes and brackets; `workshop init` writes an example",
            ),
        ),
    };
    report.problem(&broken.span, message, help);
}

fn several() -> (String, &'static str) {
    (
        "a second document begins here".to_owned(),
        "an inventory is one document: remove the `---` and what follows, or make two files",
    )
}
