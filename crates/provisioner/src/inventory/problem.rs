//! What is wrong with an inventory, or worth knowing about it: all of it at once, each with its place.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};
use thiserror::Error;

use crate::participants::private;

/// One problem or remark, and where in the inventory it stands.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Finding {
    message: String,
    help: Option<String>,
    severity: Severity,
    place: Option<Place>,
    source: Option<io::Error>,
}

#[derive(Debug)]
struct Place {
    // Its Debug form leaves the text out.
    source: NamedSource<Arc<str>>,
    span: Range<usize>,
    line: usize,
    column: usize,
}

impl Finding {
    /// The line and the column, both counted from 1 and the column in characters; `None` where the
    /// finding is about the file as a whole.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }

    /// The text of the inventory that the finding is about. Secrets are masked in it.
    pub fn offending(&self) -> Option<&str> {
        let place = self.place.as_ref()?;
        place.source.inner().get(place.span.clone())
    }
}

impl Diagnostic for Finding {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place
            .as_ref()
            .map(|place| &place.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place.as_ref()?;
        let span = LabeledSpan::new_with_span(None, place.span.clone());
        Some(Box::new(std::iter::once(span)))
    }
}

/// Everything that is wrong with an inventory. Never empty.
#[derive(Debug, Error)]
#[error("{} in {}", match findings.len() {
    1 => "1 problem".to_owned(),
    n => format!("{n} problems"),
}, path.display())]
pub struct Problems {
    path: PathBuf,
    findings: Vec<Finding>,
}

impl Problems {
    /// The problems, in the order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

impl Diagnostic for Problems {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.findings
                .iter()
                .map(|finding| finding as &dyn Diagnostic),
        ))
    }
}

/// Gathers findings while an inventory is read.
pub(crate) struct Report {
    text: String,
    drafts: Vec<Draft>,
}

/// A finding without its source: secrets in the text are only known once all of it was read.
struct Draft {
    severity: Severity,
    span: Option<Range<usize>>,
    message: String,
    help: Option<String>,
}

impl Report {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: private::mask(text),
            drafts: Vec::new(),
        }
    }

    /// Something that must be put right.
    pub(crate) fn problem(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(
            Severity::Error,
            Some(span.clone()),
            message.into(),
            help.into(),
        );
    }

    /// Something that is missing altogether.
    pub(crate) fn whole(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Error, None, message.into(), help.into());
    }

    /// Something worth knowing.
    pub(crate) fn remark(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(
            Severity::Advice,
            Some(span.clone()),
            message.into(),
            help.into(),
        );
    }

    /// Makes a part of the text unreadable in every finding: a secret was in it.
    pub(crate) fn hide(&mut self, span: &Range<usize>) {
        private::hide(&mut self.text, span.clone());
    }

    pub(crate) fn has_problems(&self) -> bool {
        self.drafts
            .iter()
            .any(|draft| draft.severity == Severity::Error)
    }

    /// The line a span begins on, from 1.
    pub(crate) fn line(&self, span: &Range<usize>) -> usize {
        line_column(&self.text, span.start).0
    }

    fn push(
        &mut self,
        severity: Severity,
        span: Option<Range<usize>>,
        message: String,
        help: String,
    ) {
        self.drafts.push(Draft {
            severity,
            // Where a section is missing altogether, there is no place.
            span: span.filter(|span| *span != (0..0)),
            message,
            help: (!help.is_empty()).then_some(help),
        });
    }

    /// The remarks, or the problems when there are any; in the file's order.
    pub(crate) fn finish(self, path: &Path) -> Result<Vec<Finding>, Problems> {
        let text: Arc<str> = self.text.into();
        let name = path.display().to_string();
        let mut drafts = self.drafts;
        // Stable, so that two findings about one place stay in the order of the checks.
        drafts.sort_by_key(|draft| draft.span.as_ref().map_or(usize::MAX, |span| span.start));
        let (problems, remarks): (Vec<Draft>, Vec<Draft>) = drafts
            .into_iter()
            .partition(|draft| draft.severity == Severity::Error);
        let finding = |draft: Draft| Finding {
            message: draft.message,
            help: draft.help,
            severity: draft.severity,
            place: draft.span.map(|span| {
                let (line, column) = line_column(&text, span.start);
                Place {
                    source: NamedSource::new(&name, text.clone()),
                    span,
                    line,
                    column,
                }
            }),
            source: None,
        };
        if problems.is_empty() {
            return Ok(remarks.into_iter().map(finding).collect());
        }
        Err(Problems {
            path: path.to_owned(),
            findings: problems.into_iter().map(finding).collect(),
        })
    }
}

/// A problem with the file as a whole, before anything in it could be looked at.
pub(crate) fn unusable(
    path: &Path,
    message: impl Into<String>,
    help: impl Into<String>,
    source: Option<io::Error>,
) -> Problems {
    Problems {
        path: path.to_owned(),
        findings: vec![Finding {
            message: message.into(),
            help: Some(help.into()),
            severity: Severity::Error,
            place: None,
            source,
        }],
    }
}

fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (
        line,
        before[start..]
            .trim_start_matches('\u{feff}')
            .chars()
            .count()
            + 1,
    )
}
