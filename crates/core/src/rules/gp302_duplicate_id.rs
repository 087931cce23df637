//! No two manifests have the same ID.
//!
//! ## What it does
//! Compares `metadata.id` across the whole catalog, regardless of the run's selection. Before a
//! push, the hook also checks whether another branch of the remote has a different manifest with
//! the ID.
//!
//! ## Why is this bad?
//! The audit trail, the tags and the tickets refer to the ID. If two secrets share one, their
//! records cannot be separated later.
//!
//! ## Example
//! ```text
//! catalogs/secrets/payments/dev/SEC-0007.yaml     id: SEC-0007
//! catalogs/secrets/orders/dev/SEC-0007.yaml       id: SEC-0007
//! ```
//!
//! ## Use instead
//! ```text
//! catalogs/secrets/payments/dev/SEC-0007.yaml     id: SEC-0007
//! catalogs/secrets/orders/dev/SEC-0008.yaml       id: SEC-0008
//! ```
//!
//! `goldenpath id renumber` does this: it gives the newer manifest the next free ID.

use super::{Finding, Rule, RuleCheck, RuleSet, Severity, Sink, duplicates, redaction};
use crate::catalog::{Catalog, Entry, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP302",
    name: "duplicate-id",
    severity: Severity::Error,
    source: include_str!("gp302_duplicate_id.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    let help = "run `goldenpath id renumber`: it gives the newer manifest the next free ID, in \
                `metadata.id` and in its file name";
    duplicates::report(
        catalog,
        sink,
        Entry::claimed_id,
        "/metadata/id",
        |id| format!("the ID `{id}`"),
        help,
    );
}

impl RuleSet<'_> {
    /// Returns the finding that another branch uses the ID of the manifest at `path`.
    ///
    /// `branch` is the name of that branch, and `other` the path of its manifest. None if the rule
    /// is off.
    #[must_use]
    pub fn taken_elsewhere(
        &self,
        catalog: &Catalog,
        path: &str,
        branch: &str,
        other: &str,
    ) -> Option<Finding> {
        let entry = catalog.at(path)?;
        let (rule, severity) = self.rules.iter().find(|(rule, _)| rule.code == RULE.code)?;
        let id = entry.claimed_id().unwrap_or_default();
        let message = format!("the ID `{id}` is taken: {other} on {branch} has it");
        let help = format!(
            "give this one the next free ID with `goldenpath id renumber {path}`, and commit it"
        );
        let mut findings = Vec::new();
        Sink::new(rule, *severity, &mut findings).at(entry, "/metadata/id", message, help);
        redaction::seal(&mut findings, catalog, self.project);
        findings.pop()
    }
}
