//! Findings as JSON: `validate --format json`.

use serde::Serialize;

use super::count;
use crate::rules::{Finding, Fix, Severity};

#[derive(Serialize)]
struct FindingReport<'a> {
    version: u8,
    summary: FindingSummary,
    findings: Vec<FindingRow<'a>>,
}

#[derive(Serialize)]
struct FindingSummary {
    files: usize,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingRow<'a> {
    rule: &'a str,
    name: &'a str,
    severity: Severity,
    path: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    pointer: &'a str,
    message: &'a str,
    help: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a Fix>,
}

/// Returns the findings as JSON, version 1.
///
/// Lines and columns start at 1. Columns count characters.
#[must_use]
pub fn findings_as_json(files: usize, findings: &[Finding]) -> serde_json::Value {
    let report = FindingReport {
        version: 1,
        summary: FindingSummary {
            files,
            errors: count(findings, Severity::Error),
            warnings: count(findings, Severity::Warning),
        },
        findings: findings.iter().map(row).collect(),
    };
    serde_json::to_value(report).unwrap_or_default()
}

/// Returns only the findings, in the same format, for commands that apply no fixes.
#[must_use]
pub fn finding_rows(findings: &[Finding]) -> serde_json::Value {
    let rows: Vec<FindingRow<'_>> =
        findings.iter().map(|finding| FindingRow { fix: None, ..row(finding) }).collect();
    serde_json::to_value(rows).unwrap_or_default()
}

fn row(finding: &Finding) -> FindingRow<'_> {
    FindingRow {
        rule: finding.rule.code,
        name: finding.rule.name,
        severity: finding.severity,
        path: &finding.path,
        line: finding.place.line,
        column: finding.place.column,
        end_line: finding.place.end_line,
        end_column: finding.place.end_column,
        pointer: &finding.pointer,
        message: &finding.message,
        help: &finding.help,
        fix: finding.fix.as_ref(),
    }
}
