//! No two manifests write the same Kubernetes Secret.
//!
//! ## What it does
//! Compares cluster, namespace and `k8sSecretName` across the whole catalog, regardless of the
//! run's selection. Each environment has its own cluster, unless
//! `environments.<environment>.cluster.name` says that several share one.
//!
//! ## Why is this bad?
//! Two ExternalSecrets with one target overwrite each other at every refresh. The application reads
//! sometimes one value, sometimes the other.
//!
//! ## Example
//! ```yaml
//! spec:
//!   access:
//!     namespace: payments
//!     k8sSecretName: payments-db-creds   # also SEC-0007's, in the same cluster
//! ```
//!
//! ## Use instead
//! ```yaml
//! spec:
//!   access:
//!     namespace: payments
//!     k8sSecretName: payments-reporting-db-creds
//! ```

use super::{Rule, RuleCheck, Severity, Sink, duplicates};
use crate::catalog::{Catalog, Project};

pub(super) const RULE: Rule = Rule {
    code: "GP304",
    name: "duplicate-target",
    severity: Severity::Error,
    source: include_str!("gp304_duplicate_target.rs"),
    check: RuleCheck::Catalog(check),
};

fn check(catalog: &Catalog, project: &Project, sink: &mut Sink<'_>) {
    duplicates::report(
        catalog,
        sink,
        |entry| entry.claimed_target(project),
        "/spec/access/k8sSecretName",
        |(cluster, namespace, name)| {
            format!("the Kubernetes Secret `{namespace}/{name}` in {cluster}")
        },
        "give one of the two another `k8sSecretName`",
    );
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        Expected, SEED, SEED_PATH, assert_finding, codes, findings, findings_at, orders,
    };

    const RIVAL_PATH: &str = "catalogs/secrets/orders/dev/SEC-0008.yaml";

    #[test]
    fn two_manifests_that_write_one_kubernetes_secret_are_reported() {
        let rival = orders(&[
            ("namespace: orders ", "namespace: payments "),
            ("Name: orders-db", "Name: payments-db-creds"),
        ]);
        let files = [(SEED_PATH, SEED), (RIVAL_PATH, rival.as_str())];
        let found = findings_at(&files, |path| path == RIVAL_PATH);
        // The namespace has the name of another service.
        assert_eq!(codes(&found), ["GP206", "GP304"]);
        let target = "the Kubernetes Secret `payments/payments-db-creds` in dev";
        let expected = Expected {
            rule: "GP304 duplicate-target",
            pointer: "/spec/access/k8sSecretName",
            place: "20:20..20:37",
            under: "payments-db-creds",
            message: &format!("{target} is taken: {SEED_PATH} has it too"),
            help: "another `k8sSecretName`",
        };
        assert_finding(&found[1], &rival, &expected);
    }

    #[test]
    fn one_name_in_two_namespaces_is_two_kubernetes_secrets() {
        let rival = orders(&[("Name: orders-db", "Name: payments-db-creds")]);
        assert_eq!(codes(&findings(&[(SEED_PATH, SEED), (RIVAL_PATH, &rival)])), [""; 0]);
    }
}
