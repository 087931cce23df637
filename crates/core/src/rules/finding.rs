//! A problem that a rule found, with its location.

use std::ops::Range;

use serde::Serialize;

use super::{ConfidentialSpans, Fix, Rule};
use crate::catalog::Entry;
use crate::yaml::Place;

/// The severity of a finding: an error fails the run, a warning does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It fails the run.
    Error,
    /// It does not fail the run.
    Warning,
}

/// A problem at one location, independent of the output format.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule that was violated.
    pub rule: &'static Rule,
    /// By default that of the rule; `rules` in the configuration overrides it.
    pub severity: Severity,
    /// Relative to the repository's root.
    pub path: String,
    /// Byte range in the file's text.
    pub span: Range<usize>,
    /// `span` in lines and columns.
    pub place: Place,
    /// JSON pointer into the manifest; empty for the file as a whole.
    pub pointer: String,
    /// The problem, as plain text.
    pub message: String,
    /// The remedy, as plain text.
    pub help: String,
    /// Other locations that explain the problem, possibly in other files.
    pub related: Vec<Related>,
    /// A patch that solves the problem.
    pub fix: Option<Fix>,
    /// The bytes to mask when this file's text is shown.
    pub confidential: ConfidentialSpans,
}

/// A second location of a finding, possibly in another file.
#[derive(Debug, Clone)]
pub struct Related {
    /// Relative to the repository's root.
    pub path: String,
    /// Byte range in the file's text.
    pub span: Range<usize>,
    /// The meaning of the location, as plain text.
    pub label: String,
    /// The bytes to mask when this file's text is shown.
    pub confidential: ConfidentialSpans,
}

impl Finding {
    pub(super) fn key(&self) -> (&str, usize, &str, &str) {
        (&self.path, self.span.start, self.rule.code, &self.pointer)
    }

    /// Returns whether both report the same problem at the same location.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key() && self.message == other.message
    }

    /// Returns the paths of the finding and of its related locations.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.path.as_str())
            .chain(self.related.iter().map(|other| other.path.as_str()))
    }
}

/// Collects the findings of one rule.
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

    /// Adds a finding about the value at a JSON pointer.
    ///
    /// Returns it, so that the rule can add related locations.
    pub(super) fn at(
        &mut self,
        entry: &Entry,
        pointer: &str,
        message: String,
        help: String,
    ) -> &mut Finding {
        self.at_span(entry, entry.span(pointer), pointer, message, help)
    }

    /// Adds a finding about a line of a file that is not a manifest.
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

    /// Adds a finding about the byte range `span`.
    pub(super) fn at_span(
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
            confidential: ConfidentialSpans::default(),
        };
        let last = self.findings.len();
        self.findings.push(finding);
        &mut self.findings[last]
    }
}

impl Finding {
    /// Adds a related location in `entry`, underlined with `label`.
    pub(super) fn with(
        &mut self,
        entry: &Entry,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> &mut Self {
        let (path, confidential) = (entry.path.clone(), ConfidentialSpans::default());
        self.related.push(Related { path, span, label: label.into(), confidential });
        self
    }

    /// Sets the fix of this finding.
    pub(super) fn fixed_by(&mut self, fix: Option<Fix>) -> &mut Self {
        self.fix = fix;
        self
    }
}
