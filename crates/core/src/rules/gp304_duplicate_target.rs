//! No two manifests write the same Kubernetes Secret.
//!
//! ## What it does
//! Compares cluster, namespace and `k8sSecretName` across the whole catalog, whatever part of it a run is about. Each
//! environment has a cluster of its own, unless `environments.<environment>.cluster.name` says which ones share one.
//!
//! ## Why is this bad?
//! Two ExternalSecrets with one target overwrite each other at every refresh, and the application sees now the one
//! value, now the other.
//!
//! ## Example
//! ```yaml
//! spec:
//!   access:
//!     namespace: payments
//!     k8sSecretName: payments-db-creds   # SEC-0007's, in the same cluster
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
