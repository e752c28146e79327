//! Reads a section of the tree: every unknown, repeated, missing and misshapen field is reported, and
//! whatever is right is handed on.

use std::ops::Range;

use super::fields::{Section, homes_of};
use super::problem::Report;
use super::tree::{Kind, Node};
use crate::participants::text::printable;
use crate::suggest;

/// Longer texts are cut in messages; the line in the file is shown beside them anyway.
const SHOWN: usize = 60;

/// The fields of one section, as they were written.
pub(crate) struct Fields<'a> {
    section: &'static Section,
    found: Vec<(&'static str, &'a Node, Range<usize>)>,
}

/// A text and its place.
#[derive(Clone)]
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    pub(crate) span: Range<usize>,
}

impl Section {
    /// Reads the fields of a section. `place` is what stands for it when it is empty: its key.
    pub(crate) fn read<'a>(
        &'static self,
        node: Option<&'a Node>,
        place: &Range<usize>,
        report: &mut Report,
    ) -> Fields<'a> {
        let mut found = Vec::new();
        match node.map(|node| (&node.kind, &node.span)) {
            None | Some((Kind::Null, _)) => {}
            Some((Kind::Map(pairs), _)) => {
                for (key, value) in pairs {
                    self.read_pair(key, value, &mut found, report);
                }
            }
            Some((other, span)) => report.problem(
                span,
                format!(
                    "{} needs fields, and this is {}",
                    self.title,
                    other.describe()
                ),
                format!("its fields are {}", self.known()),
            ),
        }
        // A section of the wrong kind was reported; its fields are not missing as well.
        let is_section = node.is_none_or(|node| matches!(node.kind, Kind::Null | Kind::Map(_)));
        for field in self.fields {
            let is_there = found.iter().any(|(name, ..)| *name == field.name);
            if field.required && !is_there && is_section {
                let message = format!("{} has no `{}`", self.title, field.name);
                let doc = format!("add `{}:`. {}", field.name, field.doc);
                // A file without a field has no place to point at.
                if place.is_empty() {
                    report.whole(message, doc);
                } else {
                    report.problem(place, message, doc);
                }
            }
        }
        Fields {
            section: self,
            found,
        }
    }

    fn read_pair<'a>(
        &'static self,
        key: &Node,
        value: &'a Node,
        found: &mut Vec<(&'static str, &'a Node, Range<usize>)>,
        report: &mut Report,
    ) {
        let Kind::Scalar(written) = &key.kind else {
            report.problem(
                &key.span,
                format!("{} has a field without a name", self.title),
                format!("its fields are {}", self.known()),
            );
            return;
        };
        let Some(field) = self.fields.iter().find(|field| field.name == written) else {
            report.problem(
                &key.span,
                format!("{} has no field `{}`", self.title, shown(written)),
                self.way_out(written),
            );
            return;
        };
        if let Some((.., first)) = found.iter().find(|(name, ..)| *name == field.name) {
            let line = report.line(first);
            report.problem(
                &key.span,
                format!("`{}` is here a second time", field.name),
                format!("the first is on line {line}: keep one of the two"),
            );
            return;
        }
        found.push((field.name, value, key.span.clone()));
    }

    fn way_out(&self, written: &str) -> String {
        let known = self.fields.iter().map(|field| field.name);
        if let Some(name) = suggest::nearest(written, known) {
            return format!("did you mean `{name}`?");
        }
        let homes = homes_of(written);
        if homes.is_empty() {
            return format!("its fields are {}", self.known());
        }
        format!("`{written}` belongs in {}", homes.join(" or "))
    }

    fn known(&self) -> String {
        let names: Vec<String> = self
            .fields
            .iter()
            .map(|field| format!("`{}`", field.name))
            .collect();
        names.join(", ")
    }
}

impl<'a> Fields<'a> {
    /// The value of a field; `None` when it is missing or empty, which is the same to people.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Node> {
        debug_assert!(self.section.fields.iter().any(|field| field.name == name));
        self.found
            .iter()
            .find(|(found, ..)| *found == name)
            .map(|(_, node, _)| *node)
            .filter(|node| !matches!(node.kind, Kind::Null))
    }

    /// What is taken when the field is missing, as it would be written.
    pub(crate) fn default(&self, name: &str) -> Option<&'static str> {
        let field = self
            .section
            .fields
            .iter()
            .find(|field| field.name == name)?;
        field.default
    }

    /// Where the field's name stands.
    pub(crate) fn key(&self, name: &str) -> Option<&Range<usize>> {
        self.found
            .iter()
            .find(|(found, ..)| *found == name)
            .map(|(.., key)| key)
    }

    /// The text of a field, if a plain value stands there.
    pub(crate) fn text(&self, name: &str, report: &mut Report) -> Option<Text<'a>> {
        let Some(node) = self.value(name) else {
            let is_required = self
                .section
                .fields
                .iter()
                .any(|field| field.name == name && field.required);
            if let Some(key) = self.key(name)
                && is_required
            {
                report.problem(
                    key,
                    format!("`{name}` is empty"),
                    format!("write it behind `{name}:`"),
                );
            }
            return None;
        };
        scalar(node, name, report)
    }
}

/// A plain value, or a problem that names what was expected.
pub(crate) fn scalar<'a>(node: &'a Node, name: &str, report: &mut Report) -> Option<Text<'a>> {
    match &node.kind {
        Kind::Scalar(text) => Some(Text {
            text,
            span: node.span.clone(),
        }),
        other => {
            report.problem(
                &node.span,
                format!("`{name}` is one value, and this is {}", other.describe()),
                format!("write it behind `{name}:`, in quotes if it holds `: `, `#` or begins with a bracket"),
            );
            None
        }
    }
}

/// Text from the file as it goes into a message: printable, and not longer than a line.
pub(crate) fn shown(text: &str) -> String {
    let printable = printable(&text.replace('\n', " "));
    if printable.chars().count() <= SHOWN {
        return printable;
    }
    let head: String = printable.chars().take(SHOWN).collect();
    format!("{head}…")
}
