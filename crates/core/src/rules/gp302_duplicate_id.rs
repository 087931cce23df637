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
    pub fn branch_conflict(
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
        redaction::redact_findings(&mut findings, catalog, self.project);
        findings.pop()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        Expected, SEED, SEED_PATH, assert_finding, codes, findings, findings_at, orders, seed_with,
    };

    const RIVAL_PATH: &str = "catalogs/secrets/orders/dev/SEC-0007.yaml";

    fn expected(message: &str) -> Expected<'_> {
        Expected {
            rule: "GP302 duplicate-id",
            pointer: "/metadata/id",
            place: "4:7..4:15",
            under: "SEC-0007",
            message,
            help: "`goldenpath id renumber`: it gives the newer manifest the next free ID",
        }
    }

    #[test]
    fn a_duplicate_id_is_reported_in_both_manifests() {
        let rival = orders(&[("id: SEC-0008", "id: SEC-0007")]);
        let found = findings(&[(SEED_PATH, SEED), (RIVAL_PATH, &rival)]);
        assert_eq!(codes(&found), ["GP302", "GP302"]);
        assert_eq!((found[0].path.as_str(), found[1].path.as_str()), (RIVAL_PATH, SEED_PATH));
        let taken = format!("the ID `SEC-0007` is taken: {SEED_PATH} has it too");
        assert_finding(&found[0], &rival, &expected(&taken));
        let message = "orders/dev/SEC-0007.yaml has it too";
        assert_finding(&found[1], SEED, &expected(message));
    }

    #[test]
    fn only_the_selected_manifest_is_reported_and_all_are_searched() {
        let rival = orders(&[("id: SEC-0008", "id: SEC-0007")]);
        let files = [(SEED_PATH, SEED), (RIVAL_PATH, rival.as_str())];
        let found = findings_at(&files, |path| path == RIVAL_PATH);
        assert_eq!(codes(&found), ["GP302"]);
        assert_eq!(found[0].path, RIVAL_PATH);
        assert_eq!(found[0].related.len(), 1, "the other place is shown too");
        assert_eq!(found[0].related[0].path, SEED_PATH);
    }

    #[test]
    fn the_id_of_a_manifest_with_other_errors_is_compared_too() {
        let rival = orders(&[("id: SEC-0008", "id: SEC-0007"), ("tier: medium", "teir: medium")]);
        let files = [(SEED_PATH, SEED), (RIVAL_PATH, rival.as_str())];
        assert_eq!(codes(&findings_at(&files, |path| path == SEED_PATH)), ["GP302"]);
    }

    #[test]
    fn of_many_manifests_with_one_id_three_are_named_and_the_rest_counted() {
        let rivals = ["a", "b", "c", "d", "e"].map(|service| {
            let text = seed_with(&[
                ("service: payments", &format!("service: {service}")),
                ("namespace: payments ", &format!("namespace: {service} ")),
            ]);
            (format!("catalogs/secrets/{service}/dev/SEC-0007.yaml"), text)
        });
        let rivals = rivals.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        let files: Vec<(&str, &str)> = rivals.chain([(SEED_PATH, SEED)]).collect();
        let found = findings(&files);
        assert_eq!(codes(&found), ["GP302"; 6]);
        assert_eq!(found[5].path, SEED_PATH);
        let others = "catalogs/secrets/a/dev/SEC-0007.yaml, catalogs/secrets/b/dev/SEC-0007.yaml, \
                      catalogs/secrets/c/dev/SEC-0007.yaml and 2 more have it too";
        assert_eq!(found[5].message, format!("the ID `SEC-0007` is taken: {others}"));
    }

    #[test]
    fn a_decommissioned_manifest_frees_its_name_and_its_target_but_not_its_id() {
        let gone = seed_with(&[("status: active", "status: decommissioned")]);
        let path = "catalogs/secrets/payments/dev/SEC-0009.yaml";
        let successor = seed_with(&[("id: SEC-0007", "id: SEC-0009")]);
        let found = findings(&[(SEED_PATH, &gone), (path, &successor)]);
        assert_eq!(codes(&found), [""; 0]);
        let found = findings_at(&[(SEED_PATH, &gone), (path, SEED)], |at| at == path);
        assert_eq!(codes(&found), ["GP301", "GP302"]);
    }
}
