//! Findings and errors to people (miette) and machines (JSON).

mod human;
mod json;

pub use human::{findings_for_people, render_report, summary};
pub use json::findings_as_json;

use crate::rules::{Finding, Severity};

/// How many findings of a severity there are.
#[must_use]
pub fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}
