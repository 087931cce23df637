//! No two manifests have the same ID.
//!
//! ## What it does
//! Compares `metadata.id` across the whole catalog, whatever part of it a run is about. Before a push, the hook also asks the
//! remote whether another of its branches gives the ID to another manifest.
//!
//! ## Why is this bad?
//! The ID is what the audit trail, the tags and the tickets refer to. Two secrets under one ID cannot be told apart
//! two years later.
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
//! `goldenpath id renumber` does that: the younger of the two gets the next free ID.

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
    let help = "`goldenpath id renumber` gives the younger manifest the next free ID, in `metadata.id` and in its file name";
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
    /// That another branch, called `branch`, has a manifest at `other` with the ID of the one at `path` of the catalog; None
    /// where the rule is off.
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
        let help =
            format!("`goldenpath id renumber {path}` gives this one the next free ID; commit that");
        let mut findings = Vec::new();
        Sink::new(rule, *severity, &mut findings).at(entry, "/metadata/id", message, help);
        redaction::seal(&mut findings, catalog, self.project);
        findings.pop()
    }
}
