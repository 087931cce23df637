//! Formats findings as JSON, SARIF and workflow commands of GitHub Actions.

mod github;
mod json;
mod sarif;

pub use github::{debug_for_github, findings_for_github};
pub use json::{finding_rows, findings_as_json};
pub use sarif::findings_as_sarif;

use crate::rules::{Finding, Severity};

/// Counts the findings of a severity.
#[must_use]
pub fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}
