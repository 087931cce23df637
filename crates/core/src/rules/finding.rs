//! One thing wrong at one place.

use std::ops::Range;

use serde::Serialize;

use super::{Confidential, Fix, Rule};
use crate::catalog::Entry;
use crate::yaml::Place;

/// What a finding counts as: an error fails the run, a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One thing wrong at one place. It knows nothing of how it is shown.
#[derive(Debug, Clone)]
pub struct Finding {
    pub rule: &'static Rule,
    pub severity: Severity,
    /// From the repository's root.
    pub path: String,
    /// Bytes of the file's text.
    pub span: Range<usize>,
    pub place: Place,
    /// JSON pointer into the manifest; empty for the file as a whole.
    pub pointer: String,
    pub message: String,
    pub help: String,
    pub related: Vec<Related>,
    /// What would mend it.
    pub fix: Option<Fix>,
    /// What a drawing of this file's text has to mask.
    pub confidential: Confidential,
}

/// Another place that belongs to a finding, perhaps in another file.
#[derive(Debug, Clone)]
pub struct Related {
    pub path: String,
    pub span: Range<usize>,
    pub label: String,
    /// What a drawing of this file's text has to mask.
    pub confidential: Confidential,
}

impl Finding {
    pub(super) fn key(&self) -> (&str, usize, &str, &str) {
        (&self.path, self.span.start, self.rule.code, &self.pointer)
    }

    /// Whether both say the same of one place.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key() && self.message == other.message
    }

    /// The files that it points into.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.path.as_str())
            .chain(self.related.iter().map(|other| other.path.as_str()))
    }
}

/// Where a rule puts what it finds.
pub struct Sink<'findings> {
    rule: &'static Rule,
    severity: Severity,
    findings: &'findings mut Vec<Finding>,
}

impl<'findings> Sink<'findings> {
    pub(super) fn new(
        rule: &'static Rule,
        severity: Severity,
        findings: &'findings mut Vec<Finding>,
    ) -> Self {
        Self { rule, severity, findings }
    }

    /// A finding about the value at a JSON pointer. The finding comes back for related places to be added.
    pub(super) fn at(
        &mut self,
        entry: &Entry,
        pointer: &str,
        message: String,
        help: String,
    ) -> &mut Finding {
        self.over(entry, entry.span(pointer), pointer, message, help)
    }

    /// A finding about a line of a file that is not a manifest.
    pub(super) fn on_file(
        &mut self,
        path: &str,
        line: usize,
        message: String,
        help: String,
    ) -> &mut Finding {
        let place = Place { line, column: 1, end_line: line, end_column: 1 };
        self.add(path, 0..0, place, "", message, help)
    }

    /// A finding about the bytes `span`.
    pub(super) fn over(
        &mut self,
        entry: &Entry,
        span: Range<usize>,
        pointer: &str,
        message: String,
        help: String,
    ) -> &mut Finding {
        let place = entry.place(&span);
        self.add(&entry.path, span, place, pointer, message, help)
    }

    fn add(
        &mut self,
        path: &str,
        span: Range<usize>,
        place: Place,
        pointer: &str,
        message: String,
        help: String,
    ) -> &mut Finding {
        let finding = Finding {
            rule: self.rule,
            severity: self.severity,
            path: path.to_owned(),
            span,
            place,
            pointer: pointer.to_owned(),
            message,
            help,
            related: Vec::new(),
            fix: None,
            confidential: Confidential::default(),
        };
        let last = self.findings.len();
        self.findings.push(finding);
        &mut self.findings[last]
    }
}

impl Finding {
    /// Adds another place in `entry`, underlined with `label`.
    pub(super) fn with(
        &mut self,
        entry: &Entry,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> &mut Self {
        let (path, confidential) = (entry.path.clone(), Confidential::default());
        self.related.push(Related { path, span, label: label.into(), confidential });
        self
    }

    /// Says what would mend it.
    pub(super) fn mended_by(&mut self, fix: Option<Fix>) -> &mut Self {
        self.fix = fix;
        self
    }
}
