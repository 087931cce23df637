//! Findings and errors to people (miette) and machines (JSON, SARIF, GitHub's workflow commands).

mod diff;
mod github;
mod human;
mod json;
mod sarif;

pub use diff::{Difference, diff_for_people};
pub use github::{debug_for_github, findings_for_github};
pub use human::{count_of, findings_for_people, fixable, render_report, summary};
pub use json::{finding_rows, findings_as_json};
pub use sarif::findings_as_sarif;

use crate::rules::{Finding, Severity};

/// How many findings of a severity there are.
#[must_use]
pub fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}
