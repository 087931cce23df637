//! No two manifests have the same store key.
//!
//! ## What it does
//! Compares the store keys derived from the manifests (by default from service, environment and
//! name) across the whole catalog, regardless of the run's selection.
//!
//! ## Why is this bad?
//! Both manifests would own the same secret: each would overwrite the other's changes, and
//! decommissioning one would delete the other's credential.
//!
//! ## Example
//! ```yaml
//! metadata:
//!   id: SEC-0008
//!   name: payments-db     # SEC-0007 of the same service and environment has this name
//! ```
//!
//! ## Use instead
//! ```yaml
//! metadata:
//!   id: SEC-0008
//!   name: payments-reporting-db
//! ```

use super::{Rule, RuleCheck, Severity, Sink, duplicates};
use crate::catalog::{Catalog, Entry, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP303",
    name: "duplicate-name",
    severity: Severity::Error,
    source: include_str!("gp303_duplicate_name.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, _: &Project, sink: &mut Sink<'_>) {
    duplicates::report(
        catalog,
        sink,
        Entry::claimed_store_key,
        "/metadata/name",
        |key| format!("the store key `{key}`"),
        "give one of the two another name",
    );
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        Expected, SEED, SEED_PATH, assert_finding, codes, findings, findings_at, seed_with,
    };

    fn twin() -> String {
        seed_with(&[
            ("id: SEC-0007", "id: SEC-0008"),
            ("SecretName: payments-db-creds", "SecretName: other"),
        ])
    }

    #[test]
    fn two_manifests_with_one_store_key_are_reported() {
        let (path, twin) = ("catalogs/secrets/payments/dev/SEC-0008.yaml", twin());
        let found = findings_at(&[(SEED_PATH, SEED), (path, &twin)], |at| at == path);
        assert_eq!(codes(&found), ["GP303"]);
        let key = "goldenpath/payments/dev/payments-db-credentials";
        let expected = Expected {
            rule: "GP303 duplicate-name",
            pointer: "/metadata/name",
            place: "5:9..5:32",
            under: "payments-db-credentials",
            message: &format!("the store key `{key}` is taken: {SEED_PATH} has it too"),
            help: "another name",
        };
        assert_finding(&found[0], &twin, &expected);
    }

    #[test]
    fn one_name_in_two_environments_is_two_store_keys() {
        let path = "catalogs/secrets/payments/prod/SEC-0008.yaml";
        let prod = twin().replace("environment: dev", "environment: prod");
        assert_eq!(codes(&findings(&[(SEED_PATH, SEED), (path, &prod)])), [""; 0]);
    }
}
